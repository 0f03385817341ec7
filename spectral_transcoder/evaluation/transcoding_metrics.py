"""Metrics of experiment 1, on the chunks of the evaluation clips (docs/method.md, section 6).

Chunks are grouped into clips by their names `<file>_<chunk index>`. Per-clip metrics have one value per
clip, in the order of the clips' names, so that significance can be tested on pairs of models.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import stats

from spectral_transcoder.models.labels import group_indices

KL_EPS = 1e-10
LOG_FLOOR = -100.0  # where torch's binary cross-entropy stops: scores of exactly 0 and 1 stay finite


@dataclass(frozen=True)
class Clips:
    """Which chunks make up which clip.

    Attributes
    ----------
    names : np.ndarray
        (n_clips,) the clips' file names, sorted.
    of_chunk : np.ndarray
        (n_chunks,) index into `names`.
    """

    names: np.ndarray
    of_chunk: np.ndarray

    @classmethod
    def from_fnames(cls, fnames: Iterable[str]) -> Self:
        """Group chunk names `<file>_<chunk index>` by file."""
        files = [str(name).rpartition("_")[0] for name in fnames]
        return cls(*np.unique(files, return_inverse=True))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over each clip's chunks: (n_chunks, ...) -> (n_clips, ...) float64."""
        total = np.zeros((len(self.names), *values.shape[1:]))
        np.add.at(total, self.of_chunk, values)
        count = np.bincount(self.of_chunk, minlength=len(self.names))
        return total / count.reshape(-1, *[1] * (values.ndim - 1))


def chunk_numbers(fnames: np.ndarray) -> np.ndarray:
    """Return the number of each chunk `<file>_<chunk index>` within its file: (n_chunks,) int64."""
    return np.array([int(str(name).rpartition("_")[2]) for name in fnames], dtype=np.int64)


def logit_metrics(reference: np.ndarray, scores: np.ndarray, clips: Clips) -> dict[str, np.ndarray]:
    """Return per-clip distances between a classifier's scores on true Mels and a model's.

    Parameters
    ----------
    reference, scores : np.ndarray
        (n_chunks, n_labels) in 0 … 1.
    clips : Clips
        How chunks make up clips.

    Returns
    -------
    dict of str to np.ndarray
        "mse", "bce", "cos", "kl": (n_clips,) each.
    """
    reference, scores = np.asarray(reference, np.float64), np.asarray(scores, np.float64)
    with np.errstate(divide="ignore"):
        log_yes, log_no = np.log(scores).clip(LOG_FLOOR), np.log1p(-scores).clip(LOG_FLOOR)
    bce = -(reference * log_yes + (1 - reference) * log_no)
    norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(scores, axis=1)
    cos = (reference * scores).sum(1) / np.maximum(norms, np.finfo(float).tiny)
    p, q = clips.mean(reference) + KL_EPS, clips.mean(scores) + KL_EPS
    return {
        "mse": clips.mean(((reference - scores) ** 2).mean(1)),
        "bce": clips.mean(bce.mean(1)),
        "cos": clips.mean(cos),
        "kl": (p * (np.log(p) - np.log(q))).mean(1),
    }


def top_hits(reference: np.ndarray, scores: np.ndarray, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    """Return the top label of each clip for the reference, and whether a model's is the same: two (n_clips,) arrays.

    The top label is the argmax of the mean over the clip's chunks.
    """
    top = clips.mean(np.asarray(reference)).argmax(1)
    return top, clips.mean(np.asarray(scores)).argmax(1) == top


def weighted_share(top: np.ndarray, hits: np.ndarray) -> float:
    """Return the mean over the reference's classes of the share of hits in each: PTopA/FC, class-weighted."""
    return float(np.mean([hits[top == label].mean() for label in np.unique(top)]))


@dataclass(frozen=True)
class ScoredClips:
    """A classifier's scores of clips on true Mels, and those of a model.

    Attributes
    ----------
    reference, scores : np.ndarray
        (n_chunks, n_labels) in 0 … 1, on true Mels and from the model.
    clips : Clips
        How chunks make up clips.
    labels : sequence of str
        The classifier's label names.
    """

    reference: np.ndarray
    scores: np.ndarray
    clips: Clips
    labels: Sequence[str]

    def hits_by_label(self) -> list[tuple[str, int, int]]:
        """Return (label, clips, hits) of each top label on true Mels, the commonest first: what makes up PTopA/FC."""
        top, hits = top_hits(self.reference, self.scores, self.clips)
        rows = [
            (self.labels[label], int((top == label).sum()), int(hits[top == label].sum()))
            for label in np.unique(top)
        ]
        return sorted(rows, key=lambda row: (-row[1], row[0]))


def all_metrics(scored: ScoredClips) -> dict[str, np.ndarray]:
    """Return every score metric of docs/method.md, section 6, by its name.

    Parameters
    ----------
    scored : ScoredClips
        Metrics with `tvb` see only the labels of traffic, voices and birds.

    Returns
    -------
    dict of str to np.ndarray
        `logit_{mse,bce,cos,kl}`, `logit_tvb_…` and `ptopafc_hits` have one value per clip;
        `ptopafc`, `ptopafc_{tvb,weighted}` have one value, a share in 0 … 1.
    """
    reference, scores, clips, labels = scored.reference, scored.scores, scored.clips, scored.labels
    tvb = sorted(index for members in group_indices("tvb", labels).values() for index in members)
    metrics: dict[str, np.ndarray] = {}
    for suffix, columns in (("", slice(None)), ("_tvb", tvb)):
        expected, found = reference[:, columns], scores[:, columns]
        metrics |= {
            f"logit{suffix}_{name}": values for name, values in logit_metrics(expected, found, clips).items()
        }
        top, hits = top_hits(expected, found, clips)
        metrics[f"ptopafc{suffix}"] = np.array([hits.mean()])
        if not suffix:
            metrics["ptopafc_weighted"] = np.array([weighted_share(top, hits)])
            metrics["ptopafc_hits"] = hits.astype(np.float64)
    return metrics


def paired_difference(values: np.ndarray, best: np.ndarray) -> float:
    """Return the p-value of a paired t-test between two models' per-clip values; 1 where they are equal."""
    if len(values) < 2 or np.allclose(values, best):
        return 1.0
    return float(stats.ttest_rel(values, best).pvalue)


def mcnemar(hits: np.ndarray, best: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test between two models' hits on the same clips."""
    hits, best = np.asarray(hits, bool), np.asarray(best, bool)
    only_first, only_second = int((hits & ~best).sum()), int((best & ~hits).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)

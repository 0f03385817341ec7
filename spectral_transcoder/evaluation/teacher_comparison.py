"""How transcoders serve classifiers that they were not trained on: every transcoder before every classifier.

Heads and students score by themselves, so that they are compared with each classifier's scores of the true Mels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectral_transcoder.evaluation.transcoding_metrics import (
    Clips,
    chunk_numbers,
    logit_metrics,
    top_hits,
    weighted_share,
)
from spectral_transcoder.models.classifiers import Classifier, ClassifierRecord
from spectral_transcoder.models.registry import best_transcoder, describe
from spectral_transcoder.models.transcoders import (
    TEXTURES,
    Transcoder,
    TranscoderSettings,
    load_transcoder,
)
from spectral_transcoder.signal.third_octaves import ThirdOctaves

N_NOISES = 3


def candidates(
    records: Sequence[ClassifierRecord], third_octaves: ThirdOctaves
) -> dict[str, list[Transcoder]]:
    """Return the transcoders to compare: untrained ones, and those trained on each classifier's outputs.

    Parameters
    ----------
    records : list of ClassifierRecord
        Classifiers of one front end; of those without a trained transcoder, a line is printed.
    third_octaves : ThirdOctaves
        The levels that the transcoders take.

    Returns
    -------
    dict of str to list of Transcoder
        By its title: one transcoder, or several that differ in their noise only.
    """
    front_end = records[0].front_end.name
    textured = (
        TranscoderSettings("pinv_texture", front_end, None, third_octaves, {"noise_seed": seed})
        for seed in range(N_NOISES)
    )
    found = {
        "PINV": [Transcoder(TranscoderSettings("pinv", front_end, third_octaves=third_octaves))],
        "PINV with texture": [Transcoder(settings) for settings in textured],
    }
    for record in records:
        _, path = best_transcoder(record.name, every_second=third_octaves.frames_per_second == 1)
        if path is None:
            print(f"{record.name} has no transcoder trained on its outputs in reference_models/")
        else:
            found[describe(path)] = load_with_noises(path)
    return found


def load_with_noises(path: Path) -> list[Transcoder]:
    """Load a trained transcoder: with `N_NOISES` noises where it has a noise texture, else alone."""
    trained = load_transcoder(path)
    if trained.settings.network not in TEXTURES:
        return [trained]
    several = []
    for seed in range(N_NOISES):
        options = trained.settings.options | {"noise_seed": seed}
        several.append(Transcoder(TranscoderSettings(**vars(trained.settings) | {"options": options})))
        several[-1].network.load_state_dict(trained.network.state_dict())
    return several


def compare(
    transcoders: Sequence[Transcoder],
    levels: torch.Tensor,
    fnames: np.ndarray,
    classifiers: dict[str, Classifier],
    references: dict[str, np.ndarray],
) -> dict[str, dict[str, Any]]:
    """Measure how far classifiers agree with themselves through transcoders that differ in their noise or seed.

    Parameters
    ----------
    transcoders : list of Transcoder
        One, or several that differ in their noise or seed; adapted classifiers and students as `load_model` gives them.
    levels : torch.Tensor
        (n, frames, bands) third octaves of seconds.
    fnames : np.ndarray
        (n,) names of the seconds, `<file>_<number>`: a texture's noise follows the number, as in experiment 1.
    classifiers : dict of str to Classifier
        By name; they take the transcoders' Mels. Those of heads and students are among them.
    references : dict of str to np.ndarray
        (n, n_labels) scores of the true Mels in 0 … 1, by the classifier's name.

    Returns
    -------
    dict of str to dict
        By the classifier's name: `runs`, how many transcoders there are, and each metric of `measure` as mean and, with
        `_std` behind its name, as standard deviation over them (NaN of one).
    """
    clips, positions = Clips.from_fnames(fnames), torch.from_numpy(chunk_numbers(fnames))
    mels_of = [each.transcode_seconds(levels, positions=positions).numpy() for each in transcoders]
    rows = {}
    for name in classifiers:
        found = []
        for transcoder, mels in zip(transcoders, mels_of, strict=True):
            scoring = transcoder.classifier_behind(classifiers[transcoder.only_classifier or name])
            found.append(measure(references[name], scoring.scores(mels), clips))
        rows[name] = over_runs(found)
    return rows


def over_runs(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return how many runs there are, and each of their metrics as mean and standard deviation, as `compare` does."""
    row: dict[str, Any] = {"runs": len(found)}
    for metric in found[0]:
        values = [figures[metric] for figures in found]
        row[metric] = np.mean(values)
        row[f"{metric}_std"] = np.std(values, ddof=1) if len(values) > 1 else np.nan
    return row


def measure(reference: np.ndarray, scores: np.ndarray, clips: Clips) -> dict[str, float]:
    """Return PTopA/FC in percent, the same class-weighted, and the mean binary cross-entropy over clips."""
    top, hits = top_hits(reference, scores, clips)
    return {
        "ptopafc_percent": 100 * hits.mean(),
        "ptopafc_weighted_percent": 100 * weighted_share(top, hits),
        "bce": logit_metrics(reference, scores, clips)["bce"].mean(),
    }

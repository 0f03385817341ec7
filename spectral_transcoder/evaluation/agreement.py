"""Agreement of a classifier with people: scores of recordings beside the times of presence that people gave.

The time of presence of a class is the share of a recording, 0 … 1, in which people hear it (Tailleur, Aumond,
Lagrange, Tourre, JASA 2024). See `docs/presence.md`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.words import counted

N_BOOTSTRAP = 2000
CONFIDENCE = 0.95
FEWEST_RECORDINGS = 3  # a correlation of two is ±1, whatever they are


@dataclass(frozen=True)
class Estimate:
    """A statistic of some recordings, with its bootstrap interval.

    Attributes
    ----------
    value : float
        The statistic of all recordings; NaN where it is not defined.
    low, high : float
        Ends of the 95 % interval over recordings drawn with replacement.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} … {self.high:.2f})"


@dataclass(frozen=True)
class ClassAgreement:
    """How well the scores of one class agree with its times of presence.

    Attributes
    ----------
    target : str
        The class.
    n_recordings : int
        How many were compared.
    pearson : Estimate
        Pearson's correlation, -1 … 1.
    spearman : Estimate
        The rank correlation, -1 … 1.
    error : Estimate
        Mean absolute difference of score and time of presence, 0 … 1.
    """

    target: str
    n_recordings: int
    pearson: Estimate
    spearman: Estimate
    error: Estimate


def pearson(scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return Pearson's r along the last axis, NaN where one of the two does not vary: (..., n) -> (...)."""
    scores = scores - scores.mean(-1, keepdims=True)
    times = times - times.mean(-1, keepdims=True)
    norm = np.sqrt((scores**2).sum(-1) * (times**2).sum(-1))
    product = (scores * times).sum(-1)
    return np.divide(product, norm, out=np.full(norm.shape, np.nan), where=norm > 1e-12)


def mean_pearson(scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the mean over K classes of Pearson's r along the last axis, NaN where one is: (K, ..., n) -> (...)."""
    return pearson(scores, times).mean(axis=0)


def spearman(scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the rank correlation along the last axis, ties at their mean rank: (..., n) -> (...)."""
    return pearson(rankdata(scores, axis=-1), rankdata(times, axis=-1))


def mean_absolute_error(scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference along the last axis: (..., n) -> (...)."""
    return np.abs(scores - times).mean(-1)


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
    scores: np.ndarray,
    times: np.ndarray,
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = 0,
) -> Estimate:
    """Return a statistic of n recordings with its percentile interval over recordings drawn with replacement.

    Parameters
    ----------
    statistic : callable
        ((..., n), (..., n)) -> (...); draws in which it is NaN are left out.
    scores, times : np.ndarray
        (n,) each, pairs of one recording; or (K, n) for a statistic of K classes, all of the same draws.
    n_bootstrap : int
        How many draws.
    seed : int
        Seed of the draws: the same for every class and every classifier, so that their intervals compare.
    """
    n = scores.shape[-1]
    draws = np.random.default_rng(seed).integers(n, size=(n_bootstrap, n))
    replicates = statistic(scores[..., draws], times[..., draws])
    defined = replicates[np.isfinite(replicates)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return Estimate(float(statistic(scores, times)), float(low), float(high))


def agreement(
    scores: np.ndarray,
    times_of_presence: np.ndarray,
    classes: Sequence[str],
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = 0,
) -> list[ClassAgreement]:
    """Compare the scores of recordings with the times of presence that people gave, class by class.

    Parameters
    ----------
    scores : np.ndarray
        (n, K) in 0 … 1: of each recording and class, the mean over its windows of the class score.
    times_of_presence : np.ndarray
        (n, K) in 0 … 1.
    classes : sequence of str
        The K names.
    n_bootstrap, seed : int
        Draws of the intervals, and where they start.

    Returns
    -------
    list of ClassAgreement

    Raises
    ------
    UsageError
        Fewer than three recordings, other shapes, or numbers that are not finite.

    Notes
    -----
    Tailleur, Aumond, Lagrange, Tourre (JASA 2024); docs/method.md, section 13.
    """
    scores, times = np.asarray(scores, float), np.asarray(times_of_presence, float)
    if scores.shape != times.shape or scores.ndim != 2 or scores.shape[1] != len(classes):
        raise UsageError(
            f"scores {scores.shape} and times of presence {times.shape} of {len(classes)} classes: "
            f"expected (recordings, {len(classes)}) twice"
        )
    if len(scores) < FEWEST_RECORDINGS or not (np.isfinite(scores).all() and np.isfinite(times).all()):
        raise UsageError(
            f"{counted(len(scores), 'recording')}: expected {FEWEST_RECORDINGS} or more, with finite scores and times"
        )
    statistics = (pearson, spearman, mean_absolute_error)
    return [
        ClassAgreement(
            target, len(scores), *(bootstrap(s, own, annotated, n_bootstrap, seed) for s in statistics)
        )
        for target, own, annotated in zip(classes, scores.T, times.T, strict=True)
    ]


def agreement_table(agreements: Sequence[ClassAgreement]) -> pd.DataFrame:
    """Return agreements as a table, a row for each class: pearson, pearson_low, pearson_high, …"""
    rows = []
    for one in agreements:
        row: dict[str, str | float] = {"class": one.target, "recordings": one.n_recordings}
        for name in ("pearson", "spearman", "error"):
            estimate = asdict(getattr(one, name))
            row |= {name: estimate["value"], f"{name}_low": estimate["low"], f"{name}_high": estimate["high"]}
        rows.append(row)
    return pd.DataFrame(rows)

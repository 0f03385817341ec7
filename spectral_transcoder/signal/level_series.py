"""Series of third-octave levels: brought to another period, and to full scale.

A level is the energy of its interval over the interval's length. Where the intervals of another period
overlap those that were measured, energy is shared out by the overlap, so none is gained or lost.
"""

import numpy as np

from spectral_transcoder.utils.errors import UsageError

PERCENTILE = 99
# 99 % of the frames of peak-normalised recordings are softer: -5.9 on six TAU clips, -6.3 on 54 of UrbanSound8K
PERCENTILE_DBFS = -6.0


def resample_levels(levels_db: np.ndarray, period_s: float, new_period_s: float) -> np.ndarray:
    """Return levels of one period as levels of another one, averaged in energy by overlap.

    Parameters
    ----------
    levels_db : np.ndarray
        (n, n_bands) in dB of any reference, one row every `period_s` seconds, without gaps.
    period_s, new_period_s : float
        Seconds from one row to the next, of the given and of the returned levels.

    Returns
    -------
    np.ndarray
        (m, n_bands) float64 in dB, m = floor(n · period_s / new_period_s); a last interval that is not
        covered whole is left out.

    Raises
    ------
    UsageError
        Periods that are not positive.

    Examples
    --------
    Every 128 ms to every 125 ms: the second new interval, 125 … 250 ms, holds the last 3 ms of the first
    old one and the first 122 ms of the second: power = (3 · p[0] + 122 · p[1]) / 125.
    """
    if not (period_s > 0 and new_period_s > 0):
        raise UsageError(f"periods of {period_s} s and {new_period_s} s: expected positive ones")
    energy = 10 ** (np.asarray(levels_db, float) / 10) * period_s
    edges_s = np.arange(len(energy) + 1) * period_s
    cumulated = np.vstack([np.zeros(energy.shape[1]), np.cumsum(energy, axis=0)])
    n_intervals = int(np.floor(edges_s[-1] / new_period_s + 1e-9))
    new_edges_s = np.arange(n_intervals + 1) * new_period_s
    at_new = np.stack([np.interp(new_edges_s, edges_s, band) for band in cumulated.T], axis=1)
    return 10 * np.log10(np.diff(at_new, axis=0) / new_period_s)


def normalising_offset_db(levels_db: np.ndarray) -> float:
    """Return what brings the levels of one recording to dB re full scale, as if its sound were peak-normalised.

    Sounds are peak-normalised before they are classified. Levels have no peak: 99 % of their frames are
    brought to -6 dBFS and less, where those of peak-normalised recordings are.

    Parameters
    ----------
    levels_db : np.ndarray
        (n, n_bands) in dB of any reference.
    """
    total_db = 10 * np.log10((10 ** (np.asarray(levels_db, float) / 10)).sum(axis=1))
    return PERCENTILE_DBFS - float(np.percentile(total_db, PERCENTILE))

"""Equalisation: what another microphone, casing or place makes of a sound, as a smooth response in dB.

gains at five frequencies ──linear in log f──▶ response at any frequency ──filter without delay──▶ sound
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import firwin2, oaconvolve

KNOTS_HZ = (63.0, 250.0, 1000.0, 4000.0, 12500.0)  # where gains are given: about two octaves apart
FILTER_S = 0.128  # duration of the filter: it resolves the lowest third octaves
GRID_POINTS = 1024  # on which the response is designed
BLOCK_S = 60  # seconds filtered at once: a long recording takes no more memory


def response_db(gains_db: Sequence[float], frequency_hz: np.ndarray) -> np.ndarray:
    """Return the response at frequencies, linear in log f between the knots and constant beyond them.

    Parameters
    ----------
    gains_db : sequence of float
        Gain in dB at each of `KNOTS_HZ`.
    frequency_hz : np.ndarray
        (n,) in Hz, 0 included.

    Returns
    -------
    np.ndarray
        (n,) in dB: nowhere beyond the lowest and the highest of `gains_db`.
    """
    lowest = KNOTS_HZ[0]
    return np.interp(np.log2(np.maximum(frequency_hz, lowest)), np.log2(KNOTS_HZ), gains_db)


def equalise(samples: np.ndarray, sr: int, gains_db: Sequence[float]) -> np.ndarray:
    """Filter a sound with the response of `response_db`, without delay.

    Parameters
    ----------
    samples : np.ndarray
        (n,) float32.
    sr : int
        Sample rate in Hz.
    gains_db : sequence of float
        Gain in dB at each of `KNOTS_HZ`.

    Returns
    -------
    np.ndarray
        (n,) float32.
    """
    taps = equaliser(sr, gains_db)
    margin, block = len(taps) // 2, BLOCK_S * sr
    padded = np.pad(samples, margin)
    equalised = np.empty(len(samples), np.float32)
    for start in range(0, len(samples), block):
        piece = padded[start : start + block + 2 * margin]
        equalised[start : start + block] = oaconvolve(piece, taps, mode="valid")
    return equalised


def equaliser(sr: int, gains_db: Sequence[float]) -> np.ndarray:
    """Return the filter of a response: (n_taps,) float32, n_taps odd, symmetric about its middle."""
    n_taps = 2 * round(FILTER_S * sr / 2) + 1
    frequency_hz = np.concatenate([[0.0], np.geomspace(sr / 2**12, sr / 2, GRID_POINTS)])
    amplitude = 10 ** (response_db(gains_db, frequency_hz) / 20)
    return firwin2(n_taps, frequency_hz, amplitude, fs=sr).astype(np.float32)

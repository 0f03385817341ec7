"""Frequency weighting A and C of third octaves and of sounds (IEC 61672-1, annex E)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.levels import THIRD_OCTAVES

F1_HZ, F2_HZ, F3_HZ, F4_HZ = 20.598997, 107.65265, 737.86223, 12194.217  # poles of the analogue filters
WEIGHTINGS = ("Z", "A", "C")


def c_weighting_db(hz: NDArray) -> NDArray[np.float64]:
    """Return the C weighting in dB at frequencies in Hz: 0 at 1 kHz, about -6.2 at 20 Hz."""
    return relative_to_1khz(lambda f: F4_HZ**2 * f**2 / ((f**2 + F1_HZ**2) * (f**2 + F4_HZ**2)), hz)


def a_weighting_db(hz: NDArray) -> NDArray[np.float64]:
    """Return the A weighting in dB at frequencies in Hz: 0 at 1 kHz, about -50.4 at 20 Hz."""

    def response(f: NDArray) -> NDArray:
        low = (f**2 + F1_HZ**2) * np.sqrt((f**2 + F2_HZ**2) * (f**2 + F3_HZ**2))
        return F4_HZ**2 * f**4 / (low * (f**2 + F4_HZ**2))

    return relative_to_1khz(response, hz)


def relative_to_1khz(response: Callable[[NDArray], NDArray], hz: NDArray) -> NDArray[np.float64]:
    """Return a response's level in dB, 0 at 1 kHz."""
    return 20 * np.log10(response(np.asarray(hz, float)) / response(np.array(1000.0)))


def weighting_db(weighting: str) -> NDArray[np.float64]:
    """Return what a weighting (Z, A or C) adds to the level of each of the 29 bands, at their exact centres."""
    centres_hz = THIRD_OCTAVES.centres_hz
    if weighting == "A":
        return a_weighting_db(centres_hz)
    return c_weighting_db(centres_hz) if weighting == "C" else np.zeros(len(centres_hz))


def equivalent_levels(
    signal: NDArray[np.floating], sr: int, weighting: str = "Z", period_s: float = 1.0
) -> NDArray[np.float64]:
    """Return the equivalent continuous level of a sound in each interval: Leq, LAeq or LCeq.

    A sensor weights the samples by a filter that remembers: so does this one, by the bilinear transform of the
    analogue filter.

    Parameters
    ----------
    signal : np.ndarray
        (n_samples,) at `sr` Hz, full scale 1.
    sr : int
        Sample rate in Hz.
    weighting : str
        Z, A or C.
    period_s : float
        Length of the intervals in seconds; a last one that is not whole is left out.

    Returns
    -------
    np.ndarray
        (n_intervals,) in dB re full scale: a sine within full scale has -3.01.
    """
    from scipy.signal import sosfilt  # here, since it takes 80 MB and levels need none of it

    weighted = np.asarray(signal, float)
    if weighting != "Z":
        weighted = sosfilt(weighting_filter(weighting, sr), weighted)
    n_samples = round(period_s * sr)
    intervals = weighted[: len(weighted) // n_samples * n_samples].reshape(-1, n_samples)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.mean(intervals**2, axis=1))


def weighting_filter(weighting: str, sr: int) -> NDArray[np.float64]:
    """Return the weighting A or C as second-order sections for a sample rate in Hz, gain 1 at 1 kHz."""
    from scipy.signal import bilinear_zpk, sosfreqz, zpk2sos

    poles_hz = [F1_HZ, F1_HZ, F4_HZ, F4_HZ] + ([F2_HZ, F3_HZ] if weighting == "A" else [])
    zeros = np.zeros(4 if weighting == "A" else 2)
    sections = zpk2sos(*bilinear_zpk(zeros, -2 * np.pi * np.array(poles_hz), 1, sr))
    _, response = sosfreqz(sections, [1000.0], fs=sr)
    sections[0, :3] /= abs(response[0])
    return sections

"""Frequency weighting A and C, and its removal from third octaves (IEC 61672-1, annex E)."""

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

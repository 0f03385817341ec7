"""What sounds are made of: shaped noise, periodic waves, grains, resonances, echoes; float32 throughout.

Durations are in samples (`n_samples`), frequencies in Hz, and everything random comes from the generator that
is passed in.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import fft, signal

Gain = Callable[[np.ndarray], np.ndarray]  # an amplitude for each frequency in Hz

TABLE_SAMPLES = 2048  # of one period of a wave
FILTER_FRAME, FILTER_HOP = 512, 256


def noise(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return white noise of unit deviation: (n_samples,)."""
    return rng.standard_normal(n_samples, dtype=np.float32)


def shape_spectrum(samples: np.ndarray, sr: int, gain: Gain) -> np.ndarray:
    """Return a signal whose spectrum was multiplied by `gain(frequency_hz)`, an amplitude: (n,)."""
    n_samples = len(samples)
    n_fft = fft.next_fast_len(n_samples, real=True)
    spectrum = fft.rfft(samples, n_fft)
    frequency_hz = np.arange(len(spectrum), dtype=np.float32) * np.float32(sr / n_fft)
    spectrum *= gain(frequency_hz).astype(np.float32)
    return fft.irfft(spectrum, n_fft)[:n_samples]


def shaped_noise(n_samples: int, sr: int, gain: Gain, rng: np.random.Generator) -> np.ndarray:
    """Return noise of unit deviation with the amplitude spectrum `gain(frequency_hz)`: (n_samples,)."""
    n_fft = fft.next_fast_len(n_samples, real=True)
    n_bins = n_fft // 2 + 1
    spectrum = rng.standard_normal((n_bins, 2), dtype=np.float32).view(np.complex64)[:, 0]
    spectrum *= gain(np.arange(n_bins, dtype=np.float32) * np.float32(sr / n_fft)).astype(np.float32)
    shaped = fft.irfft(spectrum, n_fft)[:n_samples]
    return shaped / max(shaped.std(), np.finfo(np.float32).tiny)


def band(low_hz: float, high_hz: float, slope_db: float = 0.0) -> Gain:
    """Return the gain of a band with soft edges, falling by `slope_db` an octave."""

    def gain(frequency_hz: np.ndarray) -> np.ndarray:
        f = np.maximum(frequency_hz, 1.0)
        edges = 1 / np.sqrt((1 + (low_hz / f) ** 4) * (1 + (f / high_hz) ** 6))
        return edges * (f / low_hz) ** (-slope_db / 6.02)

    return gain


def resonances(
    centres_hz: Sequence[float] | np.ndarray,
    widths_hz: Sequence[float] | np.ndarray,
    amplitudes: Sequence[float] | None = None,
    floor: float = 0.0,
) -> Gain:
    """Return the gain of parallel resonances."""
    heights: Sequence[float] | np.ndarray = np.ones(len(centres_hz)) if amplitudes is None else amplitudes

    def gain(frequency_hz: np.ndarray) -> np.ndarray:
        total = np.full(frequency_hz.shape, floor, dtype=np.float32)
        for centre, width, amplitude in zip(centres_hz, widths_hz, heights, strict=True):
            total += amplitude / np.sqrt(1 + ((frequency_hz - centre) / (width / 2)) ** 2)
        return total

    return gain


def drift(n_samples: int, sr: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random curve between -1 and 1 that turns about `rate_hz` times a second: (n_samples,)."""
    n_points = int(n_samples / sr * rate_hz) + 2
    points = rng.uniform(-1, 1, n_points)
    return curve(n_samples, np.linspace(0, 1, n_points), points)


def curve(
    n_samples: int, positions: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Return straight lines through `values` at `positions`, parts of the whole in 0 … 1: (n_samples,)."""
    return np.interp(np.linspace(0, 1, n_samples), positions, values).astype(np.float32)


def table(amplitudes: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return one period of the sum of sines with these amplitudes: (TABLE_SAMPLES,)."""
    phase = 2 * np.pi * np.arange(TABLE_SAMPLES) / TABLE_SAMPLES
    orders = np.arange(1, len(amplitudes) + 1)
    return (np.asarray(amplitudes) @ np.sin(orders[:, None] * phase)).astype(np.float32)


def rich(highest_hz: float, sr: int, slope: float = 1.0, most: int = 60) -> np.ndarray:
    """Return amplitudes 1/k**slope of as many harmonics as fit below half the rate."""
    return np.arange(1, max(2, min(most, int(0.45 * sr / highest_hz))) + 1.0) ** -slope


def wave(frequency_hz: np.ndarray, sr: int, period: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """Return a periodic wave whose frequency is a curve: (n,).

    Parameters
    ----------
    frequency_hz : np.ndarray
        (n,).
    sr : int
        Sample rate in Hz.
    period : np.ndarray
        One period, of `table`.
    phase : float
        Phase at its beginning, in periods.
    """
    cycles = np.cumsum(frequency_hz, dtype=np.float64) / sr + phase
    return period[((cycles % 1.0) * len(period)).astype(np.int32)]


def overlay(n_samples: int, grains: Iterable[np.ndarray], starts: Iterable[int]) -> np.ndarray:
    """Return grains added up, each from its start in samples; what goes beyond the end is cut: (n_samples,)."""
    total = np.zeros(n_samples, dtype=np.float32)
    for grain, start in zip(grains, starts, strict=True):
        part = grain[: max(0, n_samples - start)]
        total[start : start + len(part)] += part
    return total


def decay(n_samples: int, sr: int, time_s: float) -> np.ndarray:
    """Return an exponential decay with this time constant: (n_samples,)."""
    return np.exp(-np.arange(n_samples, dtype=np.float32) / np.float32(time_s * sr))


def swell(n_samples: int, sr: int, attack_s: float, release_s: float) -> np.ndarray:
    """Return an envelope that rises and falls along raised cosines: (n_samples,), at most 1."""
    envelope = np.ones(n_samples, dtype=np.float32)
    for length_s, end in ((attack_s, slice(None)), (release_s, slice(None, None, -1))):
        length = min(int(length_s * sr), n_samples)
        envelope[end][:length] *= 0.5 - 0.5 * np.cos(
            np.pi * np.arange(length, dtype=np.float32) / max(length, 1)
        )
    return envelope


def repeat_times(
    duration_s: float, interval_s: float, jitter: float, rng: np.random.Generator, start_s: float = 0.0
) -> np.ndarray:
    """Return times in seconds about `interval_s` apart, each moved by up to `jitter` of an interval."""
    n_times = max(1, int(np.ceil((duration_s - start_s) / interval_s)))
    times = start_s + interval_s * (np.arange(n_times) + rng.uniform(-jitter, jitter, n_times))
    return times[(times >= 0) & (times < duration_s)]


def echo(samples: np.ndarray, sr: int, decay_s: float, wet: float, rng: np.random.Generator) -> np.ndarray:
    """Return a signal with the reverberation of a street: (n,), the tail beyond the end cut."""
    tail = noise(int(4 * decay_s * sr), rng) * decay(int(4 * decay_s * sr), sr, decay_s)
    tail *= wet / np.sqrt((tail**2).sum())
    return samples + signal.oaconvolve(samples, tail)[: len(samples)].astype(np.float32)


def filter_along(
    samples: np.ndarray, sr: int, gain: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return a signal filtered by a gain that changes with time: (n,).

    Parameters
    ----------
    samples : np.ndarray
        (n,).
    sr : int
        Sample rate in Hz.
    gain : callable
        (positions, frequencies) -> amplitudes [frames, frequencies], of positions in the signal from 0 to 1
        [frames, 1] and frequencies in Hz [1, frequencies].
    """
    padded = np.pad(samples, (FILTER_FRAME, 2 * FILTER_FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FILTER_FRAME)[::FILTER_HOP]
    window = np.sqrt(signal.get_window("hann", FILTER_FRAME)).astype(np.float32)  # Hann once put on twice
    centres = np.arange(len(frames)) * FILTER_HOP - FILTER_FRAME // 2
    positions = (centres / max(len(samples), 1)).clip(0, 1)[:, None].astype(np.float32)
    frequencies = fft.rfftfreq(FILTER_FRAME, 1 / sr)[None].astype(np.float32)
    spectra = fft.rfft(frames * window) * gain(positions, frequencies)
    pieces = fft.irfft(spectra, FILTER_FRAME) * window  # squared Hann windows half overlapped add up to 1
    filtered = np.zeros((len(frames) + 1, FILTER_HOP), dtype=np.float32)
    filtered[:-1] += pieces[:, :FILTER_HOP]
    filtered[1:] += pieces[:, FILTER_HOP:]
    return filtered.ravel()[FILTER_FRAME : FILTER_FRAME + len(samples)]

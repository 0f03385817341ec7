"""A street that was never recorded: a few synthetic sources, so that everything can be tried offline."""

import numpy as np
from scipy import signal


def street_scene(duration_s: float = 10.0, sr: int = 32000, seed: int = 0) -> np.ndarray:
    """Return a street: traffic, one car that passes, footsteps, a bird, a siren far away.

    Parameters
    ----------
    duration_s : float
        Duration in seconds.
    sr : int
        Sample rate in Hz.
    seed : int
        Seed of everything that is random.

    Returns
    -------
    np.ndarray
        (round(duration_s·sr),) float64, highest absolute sample 0.9.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * sr)) / sr
    hum = coloured_noise(len(time_s), sr, (40, 500), rng)
    passing = (
        coloured_noise(len(time_s), sr, (80, 4000), rng) * 3 / (1 + ((time_s - 0.45 * duration_s) / 0.9) ** 2)
    )
    scene = 0.3 * hum + passing + 0.12 * siren(time_s) + birdsong(time_s, rng) + footsteps(time_s, sr, rng)
    scene += 0.01 * rng.standard_normal(len(time_s))  # no microphone is silent
    return 0.9 * scene / np.abs(scene).max()


def coloured_noise(
    n_samples: int, sr: int, band_hz: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Return noise of unit deviation whose spectrum falls with frequency inside a band."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.fft.rfftfreq(n_samples, 1 / sr)
    inside = (frequency >= band_hz[0]) & (frequency <= band_hz[1])
    noise = np.fft.irfft(np.where(inside, spectrum / np.maximum(frequency, 1), 0), n_samples)
    return noise / max(noise.std(), np.finfo(float).tiny)


def siren(time_s: np.ndarray) -> np.ndarray:
    """Return a wailing siren: 600 to 1200 Hz and back every 4 s, three harmonics, amplitude 1."""
    # the phase is the integral of 2π·(900 - 300·cos(2π·t/4))
    phase = 2 * np.pi * 900 * time_s - 300 * 4 * np.sin(np.pi * time_s / 2)
    return sum(np.sin(k * phase) / k for k in (1, 2, 3)) / 1.5


def birdsong(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return chirps of 0.12 s that fall from 6 to 3.5 kHz, about two each second."""
    song = np.zeros_like(time_s)
    for beat_s in np.arange(0.3, time_s[-1], 0.5):
        local = (time_s - beat_s - rng.uniform(-0.15, 0.15)) / 0.12
        inside = (local >= 0) & (local < 1)
        phase = 2 * np.pi * 0.12 * (6000 * local - 1250 * local**2)
        song += np.where(inside, 0.25 * np.sin(phase) * np.sin(np.pi * local.clip(0, 1)), 0)
    return song


def footsteps(time_s: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return steps every 0.55 s: clicks that ring for some 20 ms."""
    clicks = np.zeros_like(time_s)
    steps = np.arange(0.2, time_s[-1], 0.55)
    clicks[(steps * sr).astype(int)] = rng.uniform(0.5, 1, len(steps))
    ring_s = np.arange(int(0.1 * sr)) / sr
    ring = np.exp(-ring_s / 0.02) * rng.standard_normal(len(ring_s))
    return 0.3 * signal.fftconvolve(clicks, ring)[: len(time_s)]

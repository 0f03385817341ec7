"""Sounds that no compression makes short: tones with noise."""

import numpy as np

SR = 8000
N_FRAMES = 3 * SR


def noisy_sound(n_channels=1):
    """Return (n_frames, n_channels) samples that no compression makes short."""
    rng = np.random.default_rng(0)
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(N_FRAMES) / SR)
    return np.stack([samples + 0.1 * rng.standard_normal(N_FRAMES) for _ in range(n_channels)], axis=1)

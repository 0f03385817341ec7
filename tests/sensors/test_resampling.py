"""Levels of other periods: energy by overlap in closed form, block after block."""

import numpy as np
import pytest

from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.resampling import Resampler, frame_period
from spectral_transcoder.signal.level_series import resample_levels

ALL = np.ones(29, bool)


def made_rows(n_rows, period_s, seed=0):
    levels = np.random.default_rng(seed).uniform(20, 90, (n_rows, 29)).astype(np.float32)
    return LevelBlock("s", "f", 1.6e9 + period_s * np.arange(n_rows), levels, ALL, period_s)


def resampled(rows, block):
    """Return frames of rows that arrive `block` at a time."""
    resampler = Resampler(rows.period_s, frame_period(rows.period_s))
    parts = [resampler.push(rows.select(slice(i, i + block))) for i in range(0, len(rows), block)]
    return np.concatenate([p.epoch_s for p in parts]), np.concatenate([p.levels_db for p in parts])


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("period_s", [0.01, 0.0625, 0.1, 0.128, 0.18, 0.5])
def test_energy_is_that_of_the_rows_within_a_hundredth_of_a_decibel(period_s, block):
    rows = made_rows(1000, period_s)
    epoch_s, levels = resampled(rows, block)
    frame_s = 0.125 if period_s < 0.13 else 1.0
    # the energy up to each frame's end is the integral of the power of the rows
    power = 10 ** (rows.levels_db.astype(float) / 10)
    ends = frame_s * np.arange(1, len(levels) + 1) / period_s
    whole = np.floor(ends + 1e-9).astype(int)
    below = np.vstack([np.zeros(29), np.cumsum(power, 0)])
    integral = below[whole] + (ends - whole)[:, None] * power[np.minimum(whole, len(power) - 1)]
    expected = np.diff(np.vstack([np.zeros(29), integral]), axis=0) * period_s / frame_s
    np.testing.assert_allclose(levels, 10 * np.log10(expected), atol=0.001)
    np.testing.assert_allclose(epoch_s, 1.6e9 + frame_s * np.arange(len(levels)), atol=1e-5)
    assert len(levels) == int(1000 * period_s / frame_s + 1e-9)
    np.testing.assert_allclose(levels, resample_levels(rows.levels_db, period_s, frame_s), atol=0.001)


def test_pairs_of_62_5_ms():
    rows = made_rows(16, 0.0625)
    power = 10 ** (rows.levels_db.astype(float) / 10)
    expected = 10 * np.log10((power[::2] + power[1::2]) / 2)
    np.testing.assert_allclose(resampled(rows, 5)[1], expected, atol=1e-4)


def test_silence_beside_noise_stays_silence():
    rows = made_rows(100, 0.01)
    rows.levels_db[40:] = -np.inf
    levels = resampled(rows, 100)[1]
    assert np.isneginf(levels[4:]).all() and np.isfinite(levels[:3]).all()


def test_rows_of_the_frames_own_period_are_passed_on():
    rows = made_rows(9, 0.125)
    assert Resampler(0.125, 0.125).push(rows) is rows

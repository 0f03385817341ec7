"""Equalisation against closed forms: sines at the knots, flat responses, bounds on every band."""

import numpy as np
import pytest

from spectral_transcoder.signal import equalisation
from spectral_transcoder.signal.equalisation import KNOTS_HZ, equalise, response_db
from spectral_transcoder.signal.third_octaves import ThirdOctaves

GAINS_DB = (-6.0, 4.0, 0.0, 6.0, -3.0)


def test_the_response_is_linear_between_the_knots():
    middles = np.sqrt(np.multiply(KNOTS_HZ[:-1], KNOTS_HZ[1:]))
    np.testing.assert_allclose(response_db(GAINS_DB, middles), [-1, 2, 3, 1.5])
    np.testing.assert_allclose(response_db(GAINS_DB, np.array([0.0, 20.0, 63.0, 16000.0])), [-6, -6, -6, -3])


@pytest.mark.parametrize("sr", [16000, 44100])
def test_a_sine_at_a_knot_has_its_gain(sr):
    time_s = np.arange(2 * sr) / sr
    for frequency_hz, gain_db in zip(KNOTS_HZ, GAINS_DB, strict=True):
        if frequency_hz < sr / 2:
            sine = np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32)
            middle = slice(sr // 2, -sr // 2)
            found = equalise(sine, sr, GAINS_DB)[middle] / 10 ** (gain_db / 20)
            np.testing.assert_allclose(found, sine[middle], atol=0.05)  # neither gain nor delay is another


def test_a_flat_response_is_a_gain():
    noise = np.random.default_rng(0).standard_normal(40000).astype(np.float32)
    found = equalise(noise, 32000, [-6.0] * len(KNOTS_HZ))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, noise * 10 ** (-6 / 20), atol=2e-3)


def test_no_band_changes_by_more_than_the_largest_gain():
    noise = np.random.default_rng(0).standard_normal(96000).astype(np.float32)
    record = ThirdOctaves()
    heard = [record.levels(sound) for sound in (noise, equalise(noise, 32000, GAINS_DB))]
    before, after = (record.level_to_power(levels_db).mean(axis=0) for levels_db in heard)
    change_db = 10 * np.log10(after / before)
    assert change_db.min() > -6.3
    assert change_db.max() < 6.1
    np.testing.assert_allclose(change_db[17], 0, atol=0.5)  # at 1 kHz


def test_long_sounds_are_filtered_piece_by_piece_to_the_same_samples(monkeypatch):
    noise = np.random.default_rng(0).standard_normal(40000).astype(np.float32)
    whole = equalise(noise, 8000, GAINS_DB)
    monkeypatch.setattr(equalisation, "BLOCK_S", 1)
    np.testing.assert_allclose(equalise(noise, 8000, GAINS_DB), whole, atol=1e-5)

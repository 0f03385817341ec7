"""Levels at other periods: energy by overlap, in closed form."""

import numpy as np
import pytest

from spectral_transcoder.signal.level_series import normalising_offset_db, resample_levels
from spectral_transcoder.utils.errors import UsageError


@pytest.fixture
def levels_db():
    return np.random.default_rng(1).uniform(30, 90, (1000, 29))


def power(levels_db):
    return 10 ** (levels_db / 10)


def test_the_same_period_changes_nothing(levels_db):
    assert np.allclose(resample_levels(levels_db, 0.125, 0.125), levels_db, atol=1e-6)


def test_pairs_of_62_5_ms_are_averaged_in_energy(levels_db):
    pairs = power(levels_db).reshape(500, 2, 29).mean(axis=1)
    assert np.allclose(power(resample_levels(levels_db, 0.0625, 0.125)), pairs)


def test_128_ms_share_their_energy_by_overlap(levels_db):
    made = power(resample_levels(levels_db, 0.128, 0.125))
    first, second, third = power(levels_db[:3])
    assert np.allclose(made[0], first)
    assert np.allclose(made[1], (3 * first + 122 * second) / 125)
    assert np.allclose(made[2], (6 * second + 119 * third) / 125)


@pytest.mark.parametrize("period_s", [0.01, 0.0625, 0.1, 0.128])
def test_no_energy_is_gained_or_lost(levels_db, period_s):
    made = resample_levels(levels_db, period_s, 0.125)
    n_covered = len(made) * 0.125 / period_s
    whole = int(n_covered)
    energy = power(levels_db[:whole]).sum(0) + (n_covered - whole) * power(levels_db[min(whole, 999)])
    difference = 10 * np.log10(power(made).sum(0) * 0.125 / (energy * period_s))
    assert np.abs(difference).max() < 0.01


def test_periods_have_to_be_positive(levels_db):
    with pytest.raises(UsageError, match="positive"):
        resample_levels(levels_db, 0, 0.125)


def test_normalised_levels_do_not_depend_on_the_microphone(levels_db):
    assert normalising_offset_db(levels_db - 70) == pytest.approx(normalising_offset_db(levels_db) + 70)
    total = 10 * np.log10(power(levels_db + normalising_offset_db(levels_db)).sum(1))
    assert (total > -6).mean() == pytest.approx(0.01, abs=0.002)

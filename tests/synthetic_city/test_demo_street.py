"""The synthetic street: reproducible, of any duration, with the sources that it promises."""

import numpy as np
import pytest

from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene


@pytest.mark.parametrize("duration_s", [1e-3, 0.1, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("sr", [8000, 32000])
def test_every_duration(duration_s, sr):
    scene = street_scene(duration_s, sr)
    assert scene.shape == (round(duration_s * sr),)
    assert np.isfinite(scene).all()
    assert np.abs(scene).max() == pytest.approx(0.9)


def test_seeds():
    np.testing.assert_array_equal(street_scene(1.0, seed=3), street_scene(1.0, seed=3))
    assert not np.array_equal(street_scene(1.0, seed=3), street_scene(1.0, seed=4))


def test_a_car_passes_and_a_bird_sings():
    """The middle is louder below 1 kHz than the ends, and 4 kHz comes and goes with the chirps."""
    levels = ThirdOctaves().levels(street_scene(10.0))
    low, bird = levels[:, 8:17].max(axis=1), levels[:, 22:24].max(axis=1)
    assert low[32:44].mean() > low[:10].mean() + 3
    assert bird.max() - bird.min() > 10

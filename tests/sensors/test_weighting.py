"""Weighted levels of sounds: closed forms, and what CENSE's own sensor code expects of ten seconds of speech."""

import numpy as np
import pytest

from spectral_transcoder.sensors.weighting import a_weighting_db, c_weighting_db, equivalent_levels


@pytest.mark.shared
def test_cense_expects_these_levels(shared):
    with np.load(shared / "reference/cense_speak.npz") as arrays:
        signal = arrays["pcm16"] / 32768
        np.testing.assert_allclose(equivalent_levels(signal, 32000), arrays["leq_1s_db"], atol=0.01)
        np.testing.assert_allclose(equivalent_levels(signal, 32000, "A"), arrays["laeq_1s_db"], atol=0.1)


FORMULAS = {"Z": np.zeros_like, "A": a_weighting_db, "C": c_weighting_db}


@pytest.mark.parametrize("hz", [31.62, 100, 1000, 3981])
@pytest.mark.parametrize("weighting", FORMULAS)
def test_a_sine_is_weighted_by_the_standards_formula(hz, weighting):
    sine = np.sin(2 * np.pi * hz * np.arange(3 * 48000) / 48000)
    level = equivalent_levels(sine, 48000, weighting)[-1]
    # the bilinear transform bends the highest frequencies by some tenths of a dB
    assert level == pytest.approx(
        -3.0103 + float(FORMULAS[weighting](np.array(hz))), abs=0.25 if hz > 3000 else 0.03
    )

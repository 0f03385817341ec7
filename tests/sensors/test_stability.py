"""Levels a hundredth of a decibel apart give the same answers, by the models that sensors get unasked."""

import numpy as np
import pytest

from spectral_transcoder.models.classifiers import classifier_record
from spectral_transcoder.sensors import SensorClassifier, read_levels

CASES = ("same_street_two_decimals.csv", "same_street_plus_0.01dB_at_1kHz.csv")


@pytest.mark.shared
@pytest.mark.parametrize("classifier", ["YamNetMobile", "EfficientAT-mn04"])
def test_scores_do_not_hinge_on_the_last_digit(classifier, shared):
    weights = shared / "pretrained" / classifier_record(classifier).weights
    model = SensorClassifier.load(classifier, None, weights)
    assert model.transcoder.name == "adapted"
    one, other = (
        np.concatenate(
            [
                windows.scores
                for windows in model.classify(
                    read_levels([shared / "cases" / case]),
                    offset_db=-88,
                    window_s=model.own_window.window_s,
                    hop_s=model.own_window.hop_s,
                )
            ]
        )
        for case in CASES
    )
    assert np.abs(one - other).max() <= 0.02
    changed = one.argmax(1) != other.argmax(1)
    ranked = np.sort(one[changed], axis=1)
    assert (ranked[:, -1] - ranked[:, -2] <= 0.02).all()

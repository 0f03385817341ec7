"""Calibrated probabilities, against a known law, scikit-learn's logistic regression, and the file that keeps them."""

import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from spectral_transcoder.evaluation.presence_probability import (
    ClassCalibration,
    PresenceCalibration,
    brier_score,
    fit_class,
    fit_presence,
    log_odds,
)
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError, UsageError


@pytest.fixture
def windows():
    """20,000 windows whose presence follows slope 0.8 and intercept 2 of their scores' log-odds."""
    generator = np.random.default_rng(0)
    scores = expit(generator.normal(-3, 1.5, 20000))
    return scores, (generator.random(20000) < expit(0.8 * log_odds(scores) + 2)).astype(float)


def test_the_law_of_the_windows_is_found(windows):
    found = fit_class(*windows)
    assert (found.slope, found.intercept) == pytest.approx((0.8, 2), abs=0.08)
    assert found.threshold == pytest.approx(expit(-2 / 0.8), abs=0.01)
    assert found.probability(found.threshold) == pytest.approx(0.5)


def test_it_is_a_logistic_regression(windows):
    scores, present = windows
    theirs = LogisticRegression(C=1e9).fit(log_odds(scores)[:, None], present)
    ours = fit_class(scores, present).probability(scores)
    assert np.abs(ours - theirs.predict_proba(log_odds(scores)[:, None])[:, 1]).max() < 0.01


def test_shares_are_met_in_the_mean():
    """With times of presence instead of yes and no, the mean probability is the mean time."""
    generator = np.random.default_rng(1)
    scores, times = generator.random(300), generator.integers(0, 11, 300) / 10
    assert fit_class(scores, times).probability(scores).mean() == pytest.approx(times.mean(), abs=1e-3)


def test_scores_that_say_nothing_or_the_contrary_have_no_slope():
    generator = np.random.default_rng(2)
    present = (generator.random(500) < 0.3).astype(float)
    against = fit_class(1 - 0.8 * present - 0.1, present)
    assert against.slope == 0 and against.threshold == 1
    assert against.probability(np.array([0.1, 0.9])) == pytest.approx(present.mean(), abs=1e-3)


def test_classes_kept_apart_without_error_stay_finite():
    scores = np.array([0.01] * 20 + [0.9] * 20)
    one = fit_class(scores, (scores > 0.5).astype(float))
    assert np.isfinite([one.slope, one.intercept]).all()
    assert one.probability(np.array([0.01, 0.9])) == pytest.approx([0, 1], abs=0.1)


def test_too_few_windows_are_refused():
    with pytest.raises(UsageError, match="20 windows or more"):
        fit_class(np.zeros(19), np.zeros(19))


def test_a_calibration_is_read_as_it_was_written(tmp_path, windows):
    scores, present = windows
    fitted = fit_presence(
        np.stack([scores, scores], 1), np.stack([present, 1 - present], 1), ["voices", "birds"]
    )
    made = PresenceCalibration(fitted, "YamNetMobile", "pinv", 1, {"windows": 20000})
    made.save(tmp_path / "a.json")
    assert PresenceCalibration.load(tmp_path / "a.json") == made
    assert json.loads((tmp_path / "a.json").read_text())["classes"]["voices"]["threshold"] > 0
    probability = made.probability(np.stack([scores, scores, scores], 1), ["traffic", "voices", "birds"])
    assert set(probability) == {"voices", "birds"}
    assert brier_score(probability["voices"], present) < np.var(present)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(MissingFileError):
        PresenceCalibration.load(tmp_path / "none.json")
    for text in ("{}", "[]", "no json", '{"classes": {"a": {"slope": 1}}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(CheckpointError, match="no presence calibration"):
            PresenceCalibration.load(tmp_path / "x.json")


def test_threshold_of_certain_classes():
    assert ClassCalibration(0, 2).threshold == 0
    assert ClassCalibration(0, -2).threshold == 1

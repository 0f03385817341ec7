"""Metrics of experiment 2, against values counted by hand and against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from spectral_transcoder.datasets.labelled import open_labelled_corpus
from spectral_transcoder.evaluation import classification_metrics as metrics
from tests.helpers.made_corpora import write_sonyc_ust


@pytest.mark.parametrize(
    ("labels", "scores", "area"),
    [
        ([1, 0], [0.9, 0.1], 1.0),
        # (recall, precision): (0, 1) (0, 0) (1, 1/2): a quarter under the second piece
        ([0, 1], [0.9, 0.1], 0.25),
        # ties are one point: (0, 1) (1, 1/2)
        ([1, 0], [0.5, 0.5], 0.75),
        # (0, 1) (1/2, 1) (1/2, 1/2) (1, 2/3): 1/2 + (1/2 + 2/3) / 4
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.5 + (1 / 2 + 2 / 3) / 4),
        # nobody voted on the second: as if it were not there
        ([1, np.nan, 0], [0.5, 0.9, 0.2], 1.0),
        ([0, 0], [0.5, 0.2], np.nan),
    ],
)
def test_auprc_by_hand(labels, scores, area):
    np.testing.assert_allclose(metrics.auprc(np.array(labels, float), np.array(scores)), area)


@given(
    entries=st.lists(st.tuples(st.sampled_from([0, 1, -1]), st.integers(0, 6)), min_size=1, max_size=40),
)
def test_auprc_is_scikit_learns(entries):
    labels, scores = np.array(entries, float).T
    labels[labels < 0] = np.nan
    voted = ~np.isnan(labels)
    if not np.nansum(labels):
        assert np.isnan(metrics.auprc(labels, scores))
        return
    precision, recall, _ = sklearn.metrics.precision_recall_curve(labels[voted], scores[voted])
    assert metrics.auprc(labels, scores) == pytest.approx(sklearn.metrics.auc(recall, precision))


def test_the_sonyc_fixture_has_the_auprc_computed_by_hand(tmp_path):
    corpus, _ = open_labelled_corpus("SONYC-UST", write_sonyc_ust(tmp_path))
    labels = corpus.labels[corpus.parts == "test"]
    scores = np.full(labels.shape, 0.1)
    scores[:, 0] = [0.9, 0.8, 0.7, 0.6]  # engine: 1 0 1 and no vote
    scores[:, 1] = [0.2, 0.1, 0.3, 0.9]  # machinery-impact: 0 0 1, the highest voted one
    # music: 0 1 0 and human-voice: 1 0 0, dog: 0 1 0: all scores equal, precision 1/3 at recall 1
    tied = (1 + 1 / 3) / 2
    engine = 1 / 2 + (1 / 2 + 2 / 3) / 4
    expected = [engine, 1, np.nan, np.nan, np.nan, tied, tied, tied]
    np.testing.assert_allclose(metrics.auprc_per_class(labels, scores), expected)
    found = metrics.all_metrics(labels, scores, np.full(scores.shape[1], 0.5))
    assert found["macro_auprc"] == pytest.approx((engine + 1 + 3 * tied) / 5)
    assert "acc_classif" not in found


def test_f1_and_confusion_are_scikit_learns():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 5, 200), rng.random((200, 5))
    predicted = scores.argmax(1)
    labels = np.eye(5)[truth]
    matrix = metrics.confusion_matrix(labels, scores)
    assert (matrix == sklearn.metrics.confusion_matrix(truth, predicted)).all()
    assert metrics.accuracy(labels, scores) == pytest.approx(np.trace(matrix) / 200)
    found = metrics.precision_recall_f1(labels, metrics.decide(scores))
    expected = sklearn.metrics.precision_recall_fscore_support(truth, predicted)[:3]
    np.testing.assert_allclose(found, expected)


def test_votes_that_are_missing_count_in_no_f1():
    labels = np.array([[1, np.nan], [0, 1], [1, np.nan]])
    decisions = np.array([[True, True], [True, True], [False, True]])
    found = metrics.precision_recall_f1(labels, decisions)
    np.testing.assert_allclose(found, [[1 / 2, 1], [1 / 2, 1], [1 / 2, 1]])
    assert metrics.decide(np.array([[0.5, 0.49]]), np.array([0.5, 0.5])).tolist() == [[True, False]]


def test_thresholds_are_those_of_the_highest_f1_that_every_threshold_gives():
    rng = np.random.default_rng(3)
    labels = (rng.random((60, 4)) < 0.3).astype(float)
    scores = np.round(0.02 * labels + 0.03 * rng.random((60, 4)), 3)  # far below 0.5, with ties
    labels[rng.random((60, 4)) < 0.1] = np.nan
    labels[:, 3] = 0
    found = metrics.best_thresholds(labels, scores)
    for k in range(3):
        voted = ~np.isnan(labels[:, k])
        truth, values = labels[voted, k], scores[voted, k]
        f1 = {t: sklearn.metrics.f1_score(truth, values >= t) for t in values}
        assert f1[found[k]] == pytest.approx(max(f1.values()))
    assert np.isnan(found[3])
    assert np.isnan(metrics.f1_per_class(labels, scores, found)[3])
    assert metrics.all_metrics(labels, scores, found)["macro_f1"] > 0.3

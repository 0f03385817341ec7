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
    found = metrics.all_metrics(labels, scores, single_label=False)
    assert found["macro_auprc"] == pytest.approx((engine + 1 + 3 * tied) / 5)
    assert "acc_classif" not in found


def test_f1_and_confusion_are_scikit_learns():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 5, 200), rng.random((200, 5))
    told = scores.argmax(1)
    labels = np.eye(5)[truth]
    matrix = metrics.confusion_matrix(labels, scores)
    assert (matrix == sklearn.metrics.confusion_matrix(truth, told)).all()
    assert metrics.accuracy(labels, scores) == pytest.approx(np.trace(matrix) / 200)
    found = metrics.precision_recall_f1(labels, metrics.decide(scores, single_label=True))
    expected = sklearn.metrics.precision_recall_fscore_support(truth, told)[:3]
    np.testing.assert_allclose(found, expected)


def test_votes_that_are_missing_count_in_no_f1():
    labels = np.array([[1, np.nan], [0, 1], [1, np.nan]])
    decisions = np.array([[True, True], [True, True], [False, True]])
    found = metrics.precision_recall_f1(labels, decisions)
    np.testing.assert_allclose(found, [[1 / 2, 1], [1 / 2, 1], [1 / 2, 1]])
    assert metrics.decide(np.array([[0.5, 0.49]]), single_label=False).tolist() == [[True, False]]

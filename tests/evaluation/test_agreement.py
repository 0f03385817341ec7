"""Agreement with people, against scipy's statistics."""

import numpy as np
import pytest
import scipy.stats

from spectral_transcoder.evaluation.agreement import (
    agreement,
    agreement_table,
    bootstrap,
    mean_pearson,
    pearson,
    spearman,
)
from spectral_transcoder.utils.errors import UsageError

CLASSES = ("traffic", "voices", "birds")


@pytest.fixture
def recordings():
    """15 recordings whose scores follow the times of presence, some more than others."""
    generator = np.random.default_rng(5)
    times = generator.integers(0, 11, (15, 3)) / 10  # with ties, as people give them
    return np.clip(0.3 * times + generator.normal(0, [0.02, 0.1, 0.3], (15, 3)), 0, 1), times


def test_statistics_are_scipys(recordings):
    scores, times = recordings
    for one, own, annotated in zip(agreement(scores, times, CLASSES), scores.T, times.T, strict=True):
        assert one.pearson.value == pytest.approx(scipy.stats.pearsonr(own, annotated).statistic)
        assert one.spearman.value == pytest.approx(scipy.stats.spearmanr(own, annotated).statistic)
        assert one.error.value == pytest.approx(np.mean(np.abs(own - annotated)))


@pytest.mark.parametrize("statistic", [pearson, spearman])
def test_intervals_are_scipys_percentile_bootstrap(recordings, statistic):
    scores, times = recordings[0][:, 1], recordings[1][:, 1]
    ours = bootstrap(statistic, scores, times, n_bootstrap=4000)
    theirs = scipy.stats.bootstrap(
        (scores, times),
        lambda own, annotated, axis: statistic(own, annotated),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="percentile",
        random_state=3,
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_the_mean_over_classes_has_the_interval_of_draws_that_they_share(recordings):
    """scipy's bootstrap of the recordings, each with its three scores and times."""
    scores, times = recordings
    ours = bootstrap(mean_pearson, scores.T, times.T, n_bootstrap=4000)

    def by_hand(*columns):
        return np.mean([scipy.stats.pearsonr(columns[k], columns[3 + k]).statistic for k in range(3)])

    theirs = scipy.stats.bootstrap(
        (*scores.T, *times.T),
        by_hand,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        random_state=3,
    ).confidence_interval
    assert ours.value == pytest.approx(
        np.mean([one.pearson.value for one in agreement(scores, times, CLASSES)])
    )
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_scores_in_proportion_agree_wholly():
    times = np.linspace(0, 1, 8)[:, None]
    (one,) = agreement(0.2 * times, times, ["birds"])
    assert (one.pearson.value, one.pearson.low, one.pearson.high) == pytest.approx((1, 1, 1))
    assert one.error.value == pytest.approx(0.8 * 0.5)


def test_a_class_that_is_never_there_has_no_correlation():
    (one,) = agreement(np.random.default_rng(0).random((6, 1)), np.zeros((6, 1)), ["birds"])
    assert np.isnan([one.pearson.value, one.pearson.low, one.spearman.value]).all()
    assert np.isfinite(one.error.value)


def test_table_has_a_row_for_each_class(recordings):
    table = agreement_table(agreement(*recordings, CLASSES))
    assert table["class"].tolist() == list(CLASSES)
    assert (table["pearson_low"] <= table["pearson"]).all() and (
        table["pearson"] <= table["pearson_high"]
    ).all()


@pytest.mark.parametrize(
    "scores, times",
    [
        (np.zeros((2, 3)), np.zeros((2, 3))),
        (np.zeros((5, 3)), np.zeros((4, 3))),
        (np.full((5, 3), np.nan), np.zeros((5, 3))),
    ],
)
def test_what_cannot_be_compared_is_refused(scores, times):
    with pytest.raises(UsageError, match="expected"):
        agreement(scores, times, CLASSES)

"""Metrics against closed forms, loops, torch and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import recall_score

from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.evaluation.transcoding_metrics import Clips, ScoredClips
from spectral_transcoder.models.labels import groupings, label_names

RNG = np.random.default_rng(0)
FNAMES = [f"street_{city}.wav_{chunk}" for city, n in (("b", 3), ("a", 2), ("c", 5)) for chunk in range(n)]


@pytest.fixture
def clips():
    return transcoding_metrics.Clips.from_fnames(FNAMES)


@pytest.fixture
def pair():
    """Scores (10 chunks, 521) of an oracle and of a model, in 0 … 1."""
    oracle = RNG.beta(0.2, 2, (10, 521))
    return oracle, np.clip(oracle + 0.1 * RNG.standard_normal((10, 521)), 0, 1)


def test_chunks_are_grouped_by_file_whatever_underscores_it_has(clips):
    assert clips.names.tolist() == ["street_a.wav", "street_b.wav", "street_c.wav"]
    values = np.arange(10.0)
    assert clips.mean(values).tolist() == [3.5, 1.0, 7.0]


def test_bce_and_mse_are_those_of_torch(clips, pair):
    oracle, scores = (torch.tensor(array) for array in pair)
    found = transcoding_metrics.logit_metrics(*pair, clips)
    chunks = {"street_a.wav": slice(3, 5), "street_b.wav": slice(0, 3), "street_c.wav": slice(5, 10)}
    for index, name in enumerate(clips.names):
        ours, theirs = scores[chunks[name]], oracle[chunks[name]]
        bce = torch.nn.functional.binary_cross_entropy(ours, theirs).item()
        assert found["bce"][index] == pytest.approx(bce, rel=1e-9)
        assert found["mse"][index] == pytest.approx(
            torch.nn.functional.mse_loss(ours, theirs).item(), rel=1e-9
        )
        cos = torch.nn.functional.cosine_similarity(ours, theirs, dim=1).mean().item()
        assert found["cos"][index] == pytest.approx(cos, rel=1e-9)


def test_kl_compares_the_means_of_clips(clips):
    oracle, scores = np.full((10, 4), 0.5), np.full((10, 4), 0.25)
    scores[5:7] = 0.125  # the mean over the five chunks of clip c is 0.2
    expected = [0.5 * np.log(2), 0.5 * np.log(2), 0.5 * np.log(2.5)]
    assert transcoding_metrics.logit_metrics(oracle, scores, clips)["kl"] == pytest.approx(expected, rel=1e-8)


def test_scores_of_exactly_0_and_1_stay_finite(clips):
    oracle = np.tile([0.0, 1.0, 1.0, 0.0], (10, 1))
    scores = np.tile([0.0, 1.0, 0.0, 1.0], (10, 1))
    assert transcoding_metrics.logit_metrics(oracle, scores, clips)["bce"] == pytest.approx([50.0] * 3)


def test_top_class_is_that_of_the_mean_over_chunks_not_the_commonest(clips):
    oracle = np.zeros((10, 3))
    oracle[:, 1] = 1
    scores = np.zeros((10, 3))
    scores[:, 1] = 0.4
    scores[0] = [1.0, 0.0, 0.0]  # clip b: mean of class 0 is 1/3, of class 1 is 0.27
    top, hits = transcoding_metrics.top_hits(oracle, scores, clips)
    assert top.tolist() == [1, 1, 1]
    assert hits.tolist() == [True, False, True]


def test_weighted_share_is_the_balanced_accuracy_of_scikit_learn():
    top, predicted = RNG.integers(0, 5, 200), RNG.integers(0, 5, 200)
    expected = recall_score(top, predicted, average="macro")
    assert transcoding_metrics.weighted_share(top, top == predicted) == pytest.approx(expected)


def test_tvb_metrics_see_only_the_labels_of_traffic_voices_and_birds(clips, pair):
    oracle, scores = pair
    names = label_names(521)
    inside = [any(name in members for members in groupings()["tvb"].values()) for name in names]
    found = transcoding_metrics.all_metrics(ScoredClips(oracle, scores, clips, names))
    elsewhere = scores.copy()
    elsewhere[:, ~np.array(inside)] = RNG.uniform(size=(10, 521 - sum(inside)))
    changed = transcoding_metrics.all_metrics(ScoredClips(oracle, elsewhere, clips, names))
    for name in found:
        assert np.array_equal(found[name], changed[name]) == ("tvb" in name), name


def test_hits_by_label_make_up_both_shares():
    top = np.array(
        [2, 0, 2, 2, 1, 0]
    )  # by clip of one second; the model misses one clip of label 2 and that of 1
    predicted = np.array([2, 0, 0, 2, 2, 0])
    clips = Clips.from_fnames([f"{name}_0" for name in "abcdef"])
    scored = ScoredClips(np.eye(3)[top], np.eye(3)[predicted], clips, ["Dog", "Bird", "Car"])
    assert scored.hits_by_label() == [("Car", 3, 2), ("Dog", 2, 2), ("Bird", 1, 0)]


def test_a_perfect_model_hits_everything(clips, pair):
    oracle, _ = pair
    found = transcoding_metrics.all_metrics(ScoredClips(oracle, oracle, clips, label_names(521)))
    for name in ("ptopafc", "ptopafc_tvb", "ptopafc_weighted"):
        assert found[name].tolist() == [1.0]
    assert found["ptopafc_hits"].tolist() == [1.0, 1.0, 1.0]
    assert np.allclose(found["logit_kl"], 0)


def test_mcnemar_is_the_exact_binomial_of_the_discordant_pairs():
    first, second = np.array([1] * 8 + [0] * 2 + [1] * 10), np.array([0] * 8 + [1] * 2 + [1] * 10)
    tail = sum(np.exp(_log_choose(10, k)) for k in (0, 1, 2)) / 2**10
    assert transcoding_metrics.mcnemar(first, second) == pytest.approx(2 * tail)
    assert transcoding_metrics.mcnemar(first, first) == 1


def _log_choose(n, k):
    return sum(np.log(n - i) - np.log(i + 1) for i in range(k))


def test_paired_difference_sees_what_is_beyond_the_spread_of_clips():
    values = RNG.standard_normal(50)
    assert transcoding_metrics.paired_difference(values, values + 0.2 + 0.01 * RNG.standard_normal(50)) < 1e-6
    assert transcoding_metrics.paired_difference(values, values + np.tile([1, -1], 25)) == pytest.approx(1)
    assert transcoding_metrics.paired_difference(values, values) == 1

"""What heads and students are trained on: rows of embeddings and logits, noisy levels, and the cache of embeddings."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from spectral_transcoder.models.adaptation import AdaptationHead
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.training.adaptation import (
    GAIN_NOISE_DB,
    LEVEL_NOISE_DB,
    HeadOnRows,
    StudentOnLevels,
    cached_embeddings,
    embeddings_of,
    head_chunks,
    label_loss,
    label_weights,
    weights_digest,
)
from spectral_transcoder.training.losses import Chunks
from tests.helpers.made_levels import street_levels

N_WINDOWS = 5


@pytest.fixture(scope="module")
def classifier():
    return load_classifier("MiniYamNet")


class Windows:
    """Windows of a split, of one chunk each, in blocks of two."""

    split, window_s = SimpleNamespace(name="train"), 1
    chunks = np.arange(N_WINDOWS)[:, None]

    def __init__(self):
        levels = street_levels(8 * N_WINDOWS).astype(np.float32).reshape(N_WINDOWS, 1, 8, 29) - 62
        self.all_levels = torch.from_numpy(levels)

    def __len__(self):
        return N_WINDOWS

    def blocks(self):
        return [slice(start, start + 2) for start in range(0, N_WINDOWS, 2)]

    def levels(self, block):
        return self.all_levels[block]


def test_the_loss_is_the_cross_entropy_summed_over_labels():
    rng = np.random.default_rng(0)
    logits, scores = rng.normal(size=(6, 4)), rng.uniform(size=(6, 4))
    probability = 1 / (1 + np.exp(-logits))
    expected = -(scores * np.log(probability) + (1 - scores) * np.log(1 - probability)).sum(1).mean()
    found = label_loss(torch.tensor(logits), Chunks(torch.zeros(6, 1), scores=torch.tensor(scores)))
    assert float(found) == pytest.approx(expected)


def test_first_labels_may_compete_in_the_loss():
    """`prop_first` times what a softmax over all labels gives the first of the classifier's scores."""
    rng = np.random.default_rng(0)
    logits, scores = rng.normal(size=(6, 4)), rng.uniform(size=(6, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(shares[np.arange(6), scores.argmax(1)]).mean()
    chunks = Chunks(torch.zeros(6, 1), scores=torch.tensor(scores))
    alone, both = (label_loss(torch.tensor(logits), chunks, prop_first) for prop_first in (0, 3))
    assert float(both - alone) == pytest.approx(3 * expected)


def test_windows_of_rare_first_labels_weigh_more():
    scores = torch.eye(3)[[0, 0, 0, 0, 1]]  # four windows of one label, one of another, none of a third
    assert label_weights(scores, 0) is None
    torch.testing.assert_close(label_weights(scores, 1), torch.tensor([5 / 8] * 4 + [5 / 2]))
    torch.testing.assert_close(label_weights(scores, 0.5), torch.tensor([5 / 6] * 4 + [5 / 3]))


def test_a_window_counts_by_its_weight():
    rng = torch.Generator().manual_seed(0)
    logits, scores = torch.randn(3, 4, generator=rng), torch.rand(3, 4, generator=rng)
    each = [label_loss(logits[[row]], Chunks(torch.zeros(1, 1), scores=scores[[row]])) for row in range(3)]
    chunks = Chunks(torch.zeros(3, 1), scores=scores, weights=torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(label_loss(logits, chunks), (each[1] + 2 * each[2]) / 3)
    torch.testing.assert_close(chunks.take(torch.tensor([2]), "cpu").weights, torch.tensor([2.0]))


def test_rows_have_the_embedding_the_logits_of_the_head_and_the_scores_of_their_window(classifier):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(3, N_WINDOWS, classifier.record.embedding_size)).astype(np.float32)
    scores = rng.uniform(size=(N_WINDOWS, 521)).astype(np.float32)
    chunks = head_chunks(embeddings, scores, classifier)
    for noise in range(3):
        for window in range(N_WINDOWS):
            row = chunks.levels[noise * N_WINDOWS + window]
            np.testing.assert_array_equal(row[:-521], embeddings[noise, window])
            with torch.no_grad():
                logits = classifier.head(torch.from_numpy(embeddings[noise, window])[None])[0]
            torch.testing.assert_close(row[-521:], logits, rtol=0, atol=1e-5)
            np.testing.assert_array_equal(chunks.scores[noise * N_WINDOWS + window], scores[window])


def test_a_head_takes_its_two_inputs_from_one_row():
    torch.manual_seed(0)
    head = AdaptationHead(7, 5, 3).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    embedding, logits = torch.randn(4, 7), torch.randn(4, 5)
    torch.testing.assert_close(
        HeadOnRows(head)(torch.cat([embedding, logits], dim=1)), head(embedding, logits)
    )


def test_levels_are_noisy_in_training_alone():
    """A gain for each window, and less for each value: their variances add up."""
    seen = []
    network = torch.nn.Module()
    network.logits = lambda levels: seen.append(levels.clone()) or levels
    student, levels = StudentOnLevels(network), torch.full((2000, 8, 29), -30.0)
    torch.manual_seed(0)
    student.train()(levels)
    noise = (seen[0] - levels).double()
    assert noise.mean(dim=(1, 2)).std() == pytest.approx(GAIN_NOISE_DB, rel=0.05)
    assert noise.std(dim=(1, 2)).mean() == pytest.approx(LEVEL_NOISE_DB, rel=0.05)
    student.eval()(levels)
    assert torch.equal(seen[1], levels)


@pytest.mark.parametrize(("network", "n_noises"), [("pinv", 1), ("pinv_texture", 3)])
def test_embeddings_are_kept_of_each_noise_and_computed_once(
    tmp_path, classifier, monkeypatch, network, n_noises
):
    transcoder, windows = Transcoder(TranscoderSettings(network, "YamNet")), Windows()
    dataset = SimpleNamespace(name="made", folder=tmp_path, provenance="abc")
    found = cached_embeddings(dataset, windows, transcoder, classifier, 3, "weights")
    assert found.shape == (n_noises, N_WINDOWS, classifier.record.embedding_size)
    assert len({row.tobytes() for row in found[:, 0]}) == n_noises
    if network == "pinv":
        all_at_once = embeddings_of(
            windows.levels(slice(None)), torch.zeros(N_WINDOWS, 1, dtype=int), transcoder, classifier
        )
        np.testing.assert_allclose(found[0], all_at_once, atol=1e-4)

    computed = []
    monkeypatch.setattr(
        "spectral_transcoder.training.adaptation.embeddings_of",
        lambda *given: computed.append(given) or embeddings_of(*given),
    )
    again = cached_embeddings(dataset, windows, transcoder, classifier, 3, "weights")
    assert not computed
    np.testing.assert_array_equal(again, found)
    cached_embeddings(dataset, windows, transcoder, classifier, 3, "other weights")
    assert len(computed) == 3 * n_noises  # blocks


def test_weights_are_known_by_their_values_and_names():
    torch.manual_seed(0)
    network, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert weights_digest(network) != weights_digest(other)
    other.load_state_dict(network.state_dict())
    assert weights_digest(network) == weights_digest(other)
    assert weights_digest(network) != weights_digest(torch.nn.Sequential(network))

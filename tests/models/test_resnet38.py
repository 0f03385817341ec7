"""PANN's ResNet38 against upstream's answers, and its training mode."""

import json

import numpy as np
import pytest
import torch

from spectral_transcoder.models import resnet38
from spectral_transcoder.models.resnet38 import ResNet38, spec_augment

FRONT_END = ("spectrogram_extractor.", "logmel_extractor.")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ResNet38().eval()


def runs_of_true(mask):
    """Return the lengths of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return edges[1::2] - edges[::2]


@pytest.mark.shared
def test_state_dict_is_the_checkpoints_without_its_front_end(shared, network):
    everything = json.loads((shared / "reference/resnet38_checkpoint_keys.json").read_text())
    expected = {key: shape for key, shape in everything.items() if not key.startswith(FRONT_END)}
    assert len(everything) - len(expected) == 3
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == expected


@pytest.mark.shared
def test_embedding_and_scores_are_upstreams(shared, golden, fill_deterministically):
    reference = np.load(shared / "reference/resnet38_deterministic.npz")
    filled = ResNet38().eval()
    filled.load_state_dict(fill_deterministically(filled.state_dict()))
    mels = torch.tensor(next(iter(golden.values()))["pann_mel_db"])
    with torch.no_grad():
        embedding, scores = filled.embedding(mels).numpy(), filled(mels).numpy()
    error = np.linalg.norm(embedding - reference["embedding"]) / np.linalg.norm(reference["embedding"])
    assert error < 1e-4
    np.testing.assert_allclose(scores, reference["clipwise_output"], rtol=0, atol=1e-3)


def test_evaluation_is_not_random(network):
    mels = torch.randn(1, 40, 64)
    with torch.no_grad():
        first, second = network(mels), network(mels)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert first.shape == (1, 527)
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("part", ["SpecAugment", "dropout"])
def test_training_is_random(network, monkeypatch, part):
    """Each of the two by itself makes two answers differ."""
    if part == "dropout":
        monkeypatch.setattr(resnet38, "spec_augment", lambda image: image)
    else:
        monkeypatch.setattr(torch.nn.functional, "dropout", lambda image, *_, **__: image)
    mels = torch.randn(2, 64, 64)
    torch.manual_seed(0)
    network.train()
    try:
        with torch.no_grad():
            first, second = network.logits(mels), network.logits(mels)
    finally:
        network.eval()
    assert not torch.allclose(first, second, rtol=0, atol=1e-4)


def test_spec_augment_sets_whole_stripes_to_zero():
    """At most two of 64 frames and two of 8 Mel bins, other ones in each signal, nothing else touched."""
    torch.manual_seed(0)
    image = 1 + torch.rand(200, 1, 101, 64)
    augmented = spec_augment(image)
    n_frames, n_bins = [], []
    for before, after in zip(image[:, 0].numpy(), augmented[:, 0].numpy(), strict=True):
        frames, bins = (after == 0).all(axis=1), (after == 0).all(axis=0)
        striped = frames[:, None] | bins[None]
        np.testing.assert_array_equal(after, np.where(striped, 0, before))
        for mask, longest in ((frames, 64), (bins, 8)):
            runs = runs_of_true(mask)
            assert len(runs) <= 2
            assert runs.sum() <= 2 * longest
        n_frames.append(frames.sum())
        n_bins.append(bins.sum())
    assert len(set(n_frames)) > 20
    assert max(n_frames) > 64
    assert max(n_bins) > 8
    assert min(n_bins) < 4


def test_spec_augment_of_short_mels():
    torch.manual_seed(0)
    augmented = spec_augment(torch.ones(20, 1, 5, 64))
    assert augmented.shape == (20, 1, 5, 64)
    assert set(augmented.unique().tolist()) <= {0.0, 1.0}

"""Classifiers as transcoders meet them: frozen, batched, loaded from files that must fit."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from spectral_transcoder.models.classifiers import (
    CLASSIFIERS,
    Classifier,
    available_classifiers,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.resnet38 import ResNet38
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError, UsageError


@pytest.fixture(scope="module")
def yamnet(yamnet_weights):
    return load_classifier("YamNet", yamnet_weights)


@pytest.fixture(scope="module")
def pann():
    torch.manual_seed(0)
    return Classifier(CLASSIFIERS["PANN"], ResNet38())


def patches(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 96, 64)).astype(np.float32)


def test_the_classifiers():
    efficientats = [f"EfficientAT-mn{width}" for width in ("04", "05", "10", "20", "30", "40")]
    assert {name: record.n_labels for name, record in CLASSIFIERS.items()} == {
        "PANN": 527,
        **dict.fromkeys(efficientats, 527),
        "YamNet": 521,
        "YamNetMobile": 521,
        "MiniYamNet": 521,
    }
    assert [record.front_end.name for record in CLASSIFIERS.values()] == [
        "PANN",
        *["EfficientAT"] * 6,
        *["YamNet"] * 3,
    ]
    for record in CLASSIFIERS.values():
        assert len(record.labels) == record.n_labels
    for unknown in (classifier_record, load_classifier):
        with pytest.raises(UsageError, match=r"PANN, EfficientAT-mn04, .*YamNet, YamNetMobile"):
            unknown("yamnet")


@pytest.mark.parametrize("name", ["EfficientAT-mn04", "EfficientAT-mn10", "YamNet", "MiniYamNet"])
def test_embedding_logits_and_scores_follow_from_each_other(name):
    """The head turns the embedding, of the record's size, into the logits, and a logistic function those to scores."""
    torch.manual_seed(0)
    record = classifier_record(name)
    classifier = Classifier(record, record.build())
    mels = torch.randn(2, record.front_end.chunk_frames, record.front_end.n_mels)
    with torch.no_grad():
        embedding, logits, scores = classifier.embedding(mels), classifier.logits(mels), classifier(mels)
        assert embedding.shape == (2, record.embedding_size)
        torch.testing.assert_close(classifier.head(embedding), logits, rtol=0, atol=1e-6)
        torch.testing.assert_close(1 / (1 + torch.exp(-logits)), scores, rtol=0, atol=1e-6)


def test_sizes_of_the_embeddings():
    sizes = {name: record.embedding_size for name, record in CLASSIFIERS.items()}
    assert (sizes["PANN"], sizes["YamNet"], sizes["EfficientAT-mn04"]) == (2048, 1024, 384)


def test_a_classifier_stays_frozen_and_in_evaluation(yamnet, pann):
    for classifier in (yamnet, pann):
        assert not any(parameter.requires_grad for parameter in classifier.parameters())
        nn.Sequential(classifier).train()
        assert not any(module.training for module in classifier.modules())


@pytest.mark.parametrize(("name", "n_frames"), [("yamnet", 96), ("pann", 101)])
def test_gradients_flow_to_the_mels(request, name, n_frames):
    classifier = request.getfixturevalue(name)
    mels = torch.randn(1, n_frames, 64, requires_grad=True)
    classifier(mels).sum().backward()
    assert mels.grad.isfinite().all()
    assert mels.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in classifier.parameters())


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_equal_one_by_one(yamnet, batch_size):
    mels = patches(7)
    scores = yamnet.scores(mels, batch_size)
    assert scores.shape == (7, 521)
    assert 0 <= scores.min() <= scores.max() <= 1
    for together, one in zip(scores, mels, strict=True):
        np.testing.assert_allclose(together, yamnet.scores(one[None])[0], rtol=0, atol=1e-6)


def test_torch_and_numpy_agree_and_come_back_as_given(yamnet):
    mels = patches(2)
    as_tensor = yamnet.scores(torch.tensor(mels))
    assert isinstance(as_tensor, torch.Tensor)
    np.testing.assert_array_equal(yamnet.scores(mels), as_tensor.numpy())


def test_scores_may_be_the_target_of_a_training(yamnet):
    """CNN-logits learns from a classifier's scores of the true Mels."""
    target = yamnet.scores(torch.tensor(patches(1)))
    output = torch.full((1, 521), 0.5, requires_grad=True)
    nn.functional.binary_cross_entropy(output * target, target).backward()
    assert output.grad.isfinite().all()


@pytest.mark.parametrize(
    "shape", [(96, 64), (1, 96, 63), (0, 96, 64), (1, 0, 64), (1, 101, 64), (1, 1, 96, 64)], ids=str
)
def test_other_shapes_are_refused(yamnet, shape):
    with pytest.raises(UsageError, match="YamNet"):
        yamnet.scores(np.zeros(shape, np.float32))


def test_short_mels_are_continued_with_silence(pann):
    """ResNet38 needs 32 frames; silence is -100 dB in PANN's Mels."""
    short = torch.randn(1, 3, 64)
    silence = torch.full((1, 29, 64), -100.0)
    with torch.no_grad():
        expected = pann.network(torch.cat([short, silence], dim=1))
        torch.testing.assert_close(pann(short), expected, rtol=0, atol=1e-5)


def test_scores_of_a_recording_are_the_mean_over_its_patches(yamnet):
    mels = patches(5)
    expected = np.mean([yamnet.scores(one[None])[0] for one in mels], axis=0)
    np.testing.assert_allclose(yamnet.recording_scores(mels), expected, rtol=0, atol=1e-6)


def test_scores_of_a_recording_are_those_of_its_whole_spectrogram(pann):
    mels = np.random.default_rng(0).standard_normal((1, 150, 64)).astype(np.float32)
    np.testing.assert_allclose(pann.recording_scores(mels), pann.scores(mels)[0], rtol=0, atol=1e-6)


class TimeMean(nn.Module):
    """Stands for a network: its scores are the Mels' means over time, so that every frame counts alike."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, mels):
        return self.weight * mels.mean(1)


def test_a_recording_shorter_than_10_s_is_continued_with_silence_for_efficientat():
    """Single seconds are not: of them experiment 1 and the sensors have too many."""
    classifier = Classifier(classifier_record("EfficientAT-mn04"), TimeMean())
    silence = (np.log(1e-5) + 4.5) / 5
    for n_frames, expected in ((400, 0.4 * 2 + 0.6 * silence), (1000, 2), (1300, 2)):
        mels = torch.full((1, n_frames, 128), 2.0)
        torch.testing.assert_close(classifier.recording_scores(mels), torch.full((128,), float(expected)))
        torch.testing.assert_close(classifier.scores(mels)[0], torch.full((128,), 2.0))


def test_missing_weights_name_the_command_that_fetches_them(tmp_path):
    for name in ("PANN", "YamNet", "YamNetMobile"):
        with pytest.raises(MissingFileError, match=f"download_pretrained_models.py --models {name}"):
            load_classifier(name, tmp_path / "nothing.pth")
    with pytest.raises(MissingFileError, match=r"distill_classifier\.py"):
        load_classifier("MiniYamNet", tmp_path / "nothing.pth")


def test_available_classifiers_are_those_whose_weights_are_there(monkeypatch, tmp_path):
    monkeypatch.setattr("spectral_transcoder.models.classifiers.PRETRAINED_MODELS", tmp_path)
    monkeypatch.setattr("spectral_transcoder.models.classifiers.REFERENCE_MODELS", tmp_path / "embedded")
    assert available_classifiers() == []
    (tmp_path / "yamnet.pth").write_bytes(b"")
    assert available_classifiers() == ["YamNet"]
    (tmp_path / "ResNet38_mAP=0.434.pth").write_bytes(b"")
    assert available_classifiers() == ["PANN", "YamNet"]


def rewritten(source, path, change):
    torch.save(change(torch.load(source, weights_only=True)), path)
    return path


def test_weights_under_the_name_model(tmp_path, yamnet, yamnet_weights):
    """PANN's file is {"model": state dict, …}."""
    path = rewritten(yamnet_weights, tmp_path / "y.pth", lambda state: {"model": state, "iteration": 3})
    mels = patches(1)
    np.testing.assert_array_equal(load_classifier("YamNet", path).scores(mels), yamnet.scores(mels))
    assert load_classifier("YamNet", str(path)).record.name == "YamNet"


def test_weights_of_half_precision_become_those_of_the_network(tmp_path, yamnet_weights):
    path = rewritten(
        yamnet_weights,
        tmp_path / "half.pth",
        lambda state: {
            key: value.half() if value.is_floating_point() else value for key, value in state.items()
        },
    )
    network = load_classifier("YamNet", path).network
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    assert not any(value.requires_grad for value in network.parameters())


def test_loading_imports_no_symbolic_algebra():
    """sympy, which torch imports for tensors emptied on "meta", takes 50 MB and 0.3 s."""
    code = (
        "import sys; from spectral_transcoder.models.classifiers import load_classifier; "
        "load_classifier('MiniYamNet'); print('sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {**state, "spectrogram_extractor.extra": torch.zeros(1)}, "extra is unexpected"),
        (lambda state: {k: state[k] for k in state if k != "classifier.bias"}, "classifier.bias is missing"),
        (lambda state: {**state, "classifier.bias": torch.zeros(527)}, r"\(527,\), expected \(521,\)"),
        (lambda state: dict.fromkeys(state, 0.5), "other.pth"),
        (lambda state: {"model": 3}, "other.pth"),
        (lambda state: {0: torch.zeros(1), **state}, "0 is unexpected"),
    ],
    ids=["extra", "missing", "shape", "numbers", "model is a number", "key is a number"],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, yamnet_weights, change, message):
    path = rewritten(yamnet_weights, tmp_path / "other.pth", change)
    with pytest.raises(CheckpointError, match=message):
        load_classifier("YamNet", path)


def test_pann_loads_a_checkpoint_with_its_front_end(tmp_path, pann):
    """Its front end's weights are ignored, other weights that ResNet38 lacks are an error."""
    path = tmp_path / "resnet38.pth"
    front_end = {
        "spectrogram_extractor.stft.conv_real.weight": torch.zeros(513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": torch.zeros(513, 1, 1024),
        "logmel_extractor.melW": torch.zeros(513, 64),
    }
    state = pann.network.state_dict()
    mels = torch.randn(1, 40, 64)
    try:
        torch.save({"model": front_end | state}, path)
        loaded = load_classifier("PANN", path)
        torch.testing.assert_close(loaded.scores(mels), pann.scores(mels), rtol=0, atol=1e-6)
        torch.save({"model": {"bn0.weight": state["bn0.weight"], "bn9.weight": torch.zeros(1)}}, path)
        with pytest.raises(CheckpointError, match=r"bn0\.bias is missing"):
            load_classifier("PANN", path)
    finally:
        path.unlink(missing_ok=True)  # 300 MB, which pytest would keep

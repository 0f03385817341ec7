"""The engines of classifiers that only infer: the same scores, chosen where they pay."""

import numpy as np
import pytest
import torch

from spectral_transcoder.models import yamnet
from spectral_transcoder.models.adaptation import AdaptedModel, AdaptedSettings
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.engines import PAYS_FROM, choose_engine
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.made_models import write_random_classifier


@pytest.mark.parametrize("name", ["YamNetMobile", "EfficientAT-mn04", "PANN"])
def test_onnxruntime_scores_as_torch_does(tmp_path, name):
    """Scores and embeddings of batches, of single seconds, and of spectrograms of other lengths."""
    write_random_classifier(tmp_path, name)
    by_torch, by_onnxruntime = (
        load_classifier(name, next(tmp_path.iterdir()), engine=engine) for engine in ("torch", "onnxruntime")
    )
    front_end = by_torch.record.front_end
    street = street_scene(3.0, front_end.sr).astype(np.float32)
    inputs = [front_end.chunks(street)]
    if not front_end.patches:
        inputs += [front_end.mels(street)[None, :n_frames] for n_frames in (9, 250)]
    for mels in inputs:
        scores = by_onnxruntime.scores(mels)
        assert scores.shape == (len(mels), by_torch.record.n_labels)
        np.testing.assert_allclose(scores, by_torch.scores(mels), rtol=0, atol=1e-4)
        expected = by_torch.embeddings(mels)
        assert expected.shape == (len(mels), by_torch.record.embedding_size)
        np.testing.assert_allclose(
            by_onnxruntime.embeddings(mels), expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max())
        )


def test_the_logarithms_of_small_scores_are_torchs_too(tmp_path):
    """A cross-entropy takes them: a score of 0 in place of 1e-20 would count as 100."""
    write_random_classifier(tmp_path, "MiniYamNet")
    by_torch, by_onnxruntime = (
        load_classifier("MiniYamNet", next(tmp_path.iterdir()), engine=engine)
        for engine in ("torch", "onnxruntime")
    )
    mels = 5 * torch.randn(8, 96, 64, generator=torch.Generator().manual_seed(0))
    scores = by_torch.scores(mels)
    assert 0 < scores.min() < 1e-12
    np.testing.assert_allclose(by_onnxruntime.scores(mels).log(), scores.log(), rtol=0, atol=2e-3)


@pytest.mark.shared
def test_onnxruntime_gives_upstreams_logits(shared, golden_efficientat):
    weights = shared / "pretrained/mn04_as_mAP_432.pt"
    classifier = load_classifier("EfficientAT-mn04", weights, engine="onnxruntime")
    for arrays in golden_efficientat.values():
        for duration in ("1s", "3s"):
            logits = arrays[f"logits_{duration}"].ravel()
            scores = classifier.scores(arrays[f"mel_{duration}"][None])[0]
            np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-4)


def test_tensors_come_back_as_tensors_and_gradients_are_torchs(tmp_path):
    write_random_classifier(tmp_path, "EfficientAT-mn04")
    classifier = load_classifier("EfficientAT-mn04", next(tmp_path.iterdir()), engine="onnxruntime")
    mels = torch.randn(2, 100, 128, requires_grad=True)
    assert isinstance(classifier.scores(mels), torch.Tensor)
    classifier(mels).sum().backward()
    assert mels.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("engine", "n_inputs", "device", "expected"),
    [
        ("auto", PAYS_FROM - 1, "cpu", "torch"),
        ("auto", PAYS_FROM, "cpu", "onnxruntime"),
        ("auto", 1e9, "cuda", "torch"),
        ("torch", 1e9, "cpu", "torch"),
        ("onnxruntime", 1, "cpu", "onnxruntime"),
    ],
)
def test_the_engine_that_pays(engine, n_inputs, device, expected):
    assert choose_engine(engine, n_inputs, device) == expected


@pytest.mark.parametrize(("engine", "device"), [("tensorrt", "cpu"), ("onnxruntime", "cuda")])
def test_engines_that_cannot_be_are_refused(engine, device):
    with pytest.raises(UsageError, match=f"engine '?{engine}"):
        choose_engine(engine, 1000, device)


def test_a_session_is_built_when_it_is_first_needed(monkeypatch):
    """A head's classifier needs one of its own, and none of the bare classifier's."""
    built = []
    monkeypatch.setattr(
        "spectral_transcoder.models.classifiers.OnnxEmbedding",
        lambda network, *_, **__: (
            built.append(network)
            or (lambda mels: np.zeros((len(mels), yamnet.MINI_EMBEDDING_SIZE), np.float32))
        ),
    )
    bare = load_classifier("MiniYamNet", engine="onnxruntime")
    adapted = AdaptedModel(AdaptedSettings("MiniYamNet")).transcoder.classifier_behind(bare)
    assert built == []
    for _ in range(2):
        adapted.scores(torch.zeros(1, 96, 64))
    assert built == [adapted.network]

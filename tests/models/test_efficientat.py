"""EfficientAT against upstream's answers, and its widths."""

import json

import numpy as np
import pytest
import torch

from spectral_transcoder.models.classifiers import classifier_record, load_classifier
from spectral_transcoder.models.efficientat import EfficientAT, embedding_size, n_channels

FIRST_LABELS = {  # by the golden logits, which are upstream's
    "airport-lyon-1095-42528-a": ("Boat, Water vehicle", "Speech"),
    "park-london-96-2684-a": ("Fowl", "Bird"),
    "street_traffic-milan-1094-42444-a": ("Vehicle", "Vehicle"),
}


@pytest.fixture(scope="module")
def mn04(shared):
    return load_classifier("EfficientAT-mn04", shared / "pretrained/mn04_as_mAP_432.pt")


@pytest.mark.shared
def test_state_dict_is_the_checkpoints(shared):
    expected = json.loads((shared / "reference/efficientat_mn04_keys.json").read_text())
    found = {key: list(value.shape) for key, value in EfficientAT(0.4).state_dict().items()}
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.shared
@pytest.mark.parametrize("duration", ["1s", "3s"])
def test_logits_and_embedding_are_upstreams(golden_efficientat, mn04, duration):
    for arrays in golden_efficientat.values():
        mels = torch.tensor(arrays[f"mel_{duration}"])[None]
        with torch.no_grad():
            logits, embedding = mn04.logits(mels)[0], mn04.embedding(mels)[0]
        np.testing.assert_allclose(logits, arrays[f"logits_{duration}"].ravel(), rtol=0, atol=1e-3)
        if duration == "3s":
            np.testing.assert_allclose(embedding, arrays["embedding_3s"].ravel(), rtol=0, atol=1e-3)


@pytest.mark.shared
def test_first_labels_of_the_clips(shared, golden, golden_efficientat, mn04):
    """From the sound on, and by the published list of labels."""
    labels = (shared / "reference/audioset_527_labels.txt").read_text().splitlines()
    for clip, expected in FIRST_LABELS.items():
        signal = golden[clip]["wave32"]
        for n_seconds, duration, label in ((1, "1s", expected[0]), (3, "3s", expected[1])):
            mels = mn04.record.front_end.mels(signal[: n_seconds * 32000])[None]
            assert mn04.record.labels[int(mn04.scores(mels).argmax())] == label
            assert labels[golden_efficientat[clip][f"logits_{duration}"].argmax()] == label


@pytest.mark.parametrize(
    ("width", "parameters", "embedding"),
    [
        ("04", 983_599, 384),
        ("05", 1_431_239, 480),
        ("10", 4_876_831, 960),
        ("20", 17_909_287, 1920),
        ("30", 39_086_367, 2880),
        ("40", 68_427_303, 3840),
    ],
)
def test_every_width_has_its_size(width, parameters, embedding):
    """mn04's is upstream's; 4.88 million for mn10 and 17.9, 39.1, 68.4 for the wider ones are the paper's."""
    record = classifier_record(f"EfficientAT-mn{width}")
    with torch.device("meta"):
        network = record.build()
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert record.embedding_size == embedding_size(int(width) / 10) == embedding


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(6.4, 8), (9.6, 16), (28.8, 32), (16, 16), (44.8, 48), (2, 8), (64, 64), (91, 88)],
)
def test_channels_are_multiples_of_8_and_no_less_than_nine_tenths(channels, expected):
    assert n_channels(channels) == expected


@pytest.mark.parametrize("n_frames", [1, 2, 31, 100, 333])
def test_spectrograms_of_any_length(n_frames):
    torch.manual_seed(0)
    network = EfficientAT(0.4).eval()
    with torch.no_grad():
        scores = network(torch.randn(2, n_frames, 128))
    assert scores.shape == (2, 527)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_gradients_reach_the_mels():
    """CNN-logits is trained through the classifier."""
    torch.manual_seed(0)
    mels = torch.randn(1, 100, 128, requires_grad=True)
    EfficientAT(0.4).eval()(mels).sum().backward()
    assert mels.grad.isfinite().all()
    assert (mels.grad.abs().amax(2) > 0).all()


@pytest.mark.parametrize("width", [0.4, 0.5, 1.0])
def test_further_channels_change_nothing(width):
    """What onnxruntime computes has 16 channels or more in each convolution, and the same embedding."""
    torch.manual_seed(0)
    network = EfficientAT(width).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_mean", "running_var", "bias")):
                value += 0.1 * torch.rand_like(value)
        mels = torch.randn(2, 100, 128)
        expected, found = network.embedding(mels), network.widened().eval().embedding(mels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    channels = {
        module.out_channels for module in network.widened().modules() if hasattr(module, "out_channels")
    }
    assert min(channels) == 16

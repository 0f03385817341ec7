"""YAMNet against upstream's answers, and its padding against TensorFlow's rule."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.yamnet import SameConv2d, YAMNet


def relative_error(answer, reference):
    return np.linalg.norm(answer - reference) / np.linalg.norm(reference)


@pytest.mark.shared
def test_state_dict_is_the_checkpoints(shared):
    expected = json.loads((shared / "reference/yamnet_checkpoint_keys.json").read_text())
    for activation in (nn.ReLU(), nn.ReLU6()):
        state = YAMNet(activation).state_dict()
        assert {key: list(value.shape) for key, value in state.items()} == expected


@pytest.mark.shared
def test_logits_are_upstreams(shared, golden, fill_deterministically):
    reference = np.load(shared / "reference/yamnet_deterministic.npz")["logits"]
    network = YAMNet(nn.ReLU()).eval()
    network.load_state_dict(fill_deterministically(network.state_dict()))
    first_clip = next(iter(golden.values()))
    mels = torch.tensor(first_clip["yamnet_logmel"])
    with torch.no_grad():
        logits, scores = network.logits(mels).numpy(), network(mels).numpy()
    assert relative_error(logits, reference) < 1e-4
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-5)


@pytest.mark.shared
def test_mobile_scores_are_the_published(shared, golden):
    classifier = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    for clip in golden.values():
        scores = classifier.scores(clip["yamnet_logmel"])
        np.testing.assert_allclose(scores, clip["yamnet_scores"], rtol=0, atol=1e-4)


def test_the_two_editions_differ_where_activations_pass_six():
    torch.manual_seed(0)
    original, mobile = YAMNet(nn.ReLU()).eval(), YAMNet(nn.ReLU6()).eval()
    for parameter in original.parameters():
        if parameter.dim() == 4:  # so that activations neither grow nor vanish from layer to layer
            nn.init.kaiming_normal_(parameter)
    mobile.load_state_dict(original.state_dict())
    quiet, loud = 0.1 * torch.randn(2, 96, 64), 1000 * torch.randn(2, 96, 64)
    with torch.no_grad():
        torch.testing.assert_close(original.logits(quiet), mobile.logits(quiet))
        assert (original.logits(loud) - mobile.logits(loud)).abs().max() > 1e-3


@pytest.mark.parametrize("size", [(96, 64), (5, 4), (3, 1), (6, 7)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_padding_is_tensorflows(size, stride, kernel):
    """SAME: ceil(size/stride) outputs; what the kernel lacks is zero, the odd one at the end."""
    torch.manual_seed(0)
    convolution = SameConv2d(2, 3, kernel, stride=stride, bias=False)
    image = torch.randn(1, 2, *size)
    outputs = [-(-n // stride) for n in size]
    missing = [max((n_out - 1) * stride + kernel - n, 0) for n, n_out in zip(size, outputs, strict=True)]
    padded = np.pad(image[0].numpy(), [(0, 0), *((m // 2, m - m // 2) for m in missing)])
    expected = np.zeros((3, *outputs))
    weight = convolution.weight.detach().numpy()
    for y in range(outputs[0]):
        for x in range(outputs[1]):
            patch = padded[:, y * stride : y * stride + kernel, x * stride : x * stride + kernel]
            expected[:, y, x] = np.einsum("oikl,ikl->o", weight, patch)
    np.testing.assert_allclose(convolution(image)[0].detach(), expected, rtol=0, atol=1e-5)

"""CNN, MLP and MLP-PINV against the same networks written with numpy."""

import numpy as np
import pytest
import torch

from spectral_transcoder.models.networks import CNN, MLP, MLPPinv
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

FRONT_ENDS = pytest.mark.parametrize("front_end", [PANN_MELS, YAMNET_MELS], ids=["PANN", "YamNet"])


def random_levels(n_seconds, seed=0):
    torch.manual_seed(seed)
    return 30 * torch.rand(n_seconds, 8, 29) - 30


def cnn(front_end=PANN_MELS, seed=0, **options):
    torch.manual_seed(seed)
    return CNN(Pinv(ThirdOctaves(), front_end), **options)


def slow_convolution(image, weight, bias, dilation):
    """Convolve (C, T, F) with (C_out, C, 3, kernel), replicate padding, kernels spread over frequency."""
    kernel = weight.shape[3]
    margin = (kernel - 1) // 2 * dilation
    padded = np.pad(image, ((0, 0), (1, 1), (margin, margin)), mode="edge")
    n_time, n_mel = image.shape[1:]
    result = np.zeros((len(weight), n_time, n_mel)) + bias[:, None, None]
    for i in range(3):
        for j in range(kernel):
            shifted = padded[:, i : i + n_time, j * dilation : j * dilation + n_mel]
            result += np.einsum("oc,ctf->otf", weight[:, :, i, j], shifted)
    return result


def slow_cnn(mels, state, dilation):
    """Return PINV minus the convolutions of it, for one second of PINV (T, 64)."""
    weights = [state[key].double().numpy() for key in state if key.endswith("weight")]
    biases = [state[key].double().numpy() for key in state if key.endswith("bias")]
    image = mels[None].astype(np.float64)
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        is_inner = 0 < index < len(weights) - 1
        image = slow_convolution(image, weight, bias, dilation if is_inner else 1)
        if index < len(weights) - 1:
            image = np.maximum(image, 0)
    return mels - image[0]


def test_the_papers_cnn_has_186497_parameters():
    network = cnn(kernel_size=5, nb_layers=5, nb_channels=64, dilation=1)
    assert sum(parameter.numel() for parameter in network.parameters()) == 186_497
    names = {f"mod_conv.{layer}.{part}" for layer in (1, 4, 7, 10, 13) for part in ("weight", "bias")}
    assert set(network.state_dict()) == names


@FRONT_ENDS
@pytest.mark.parametrize(
    ("kernel_size", "nb_layers", "dilation", "n_convolutions"),
    [(5, 5, 1, 5), (3, 3, 1, 3), (5, 1, 1, 2), (3, 5, 2, 5), (5, 4, 3, 4)],
)
def test_cnn_equals_a_slow_twin(front_end, kernel_size, nb_layers, dilation, n_convolutions):
    network = cnn(front_end, kernel_size=kernel_size, nb_layers=nb_layers, nb_channels=4, dilation=dilation)
    state = network.state_dict()
    weights = [value for key, value in state.items() if key.endswith("weight")]
    assert len(weights) == n_convolutions
    assert {weight.shape[2:] for weight in weights} == {(3, kernel_size)}
    levels = random_levels(2)
    with torch.no_grad():
        pinv = Pinv(ThirdOctaves(), front_end)(levels).numpy()
        mels = network(levels).numpy()
    expected = [slow_cnn(second, state, dilation) for second in pinv]
    np.testing.assert_allclose(mels, expected, rtol=0, atol=1e-3)
    assert np.abs(mels - pinv).max() > 1e-2


def test_dilation_0_and_1_are_the_same_network():
    networks = [cnn(nb_channels=8, dilation=dilation) for dilation in (0, 1)]
    levels = random_levels(2)
    zero, one = (network(levels).detach().numpy() for network in networks)
    np.testing.assert_array_equal(zero, one)


@pytest.mark.parametrize("n_seconds", [1, 8, 11])
def test_cnn_without_gradients_equals_cnn_with(n_seconds):
    network, levels = cnn(nb_channels=8), random_levels(n_seconds)
    with_gradients = network(levels)
    with torch.no_grad():
        without = network(levels)
    assert with_gradients.requires_grad
    assert not without.requires_grad
    np.testing.assert_allclose(with_gradients.detach(), without, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "network",
    [
        lambda: cnn(nb_channels=4),
        lambda: MLP(8, 29, YAMNET_MELS, 5, 6),
        lambda: MLPPinv(Pinv(ThirdOctaves(), YAMNET_MELS), 5, 6),
    ],
    ids=["cnn", "mlp", "mlp_pinv"],
)
def test_every_parameter_learns(network):
    network = network()
    # large positive inputs would leave units of so small networks dead: any one of several must pass
    torch.manual_seed(1)
    network(random_levels(6) / 100).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@FRONT_ENDS
def test_mlp_equals_a_slow_twin(front_end):
    torch.manual_seed(0)
    network = MLP(8, 29, front_end, hidden1=7, hidden2=11)
    values = [value.double().numpy() for value in network.state_dict().values()]
    n_out = {"PANN": 101 * 64, "YamNet": 96 * 64}[front_end.name]
    assert [value.shape for value in values[::2]] == [(7, 8 * 29), (11, 7), (n_out, 11)]
    levels = random_levels(3)
    hidden = levels.reshape(3, -1).double().numpy()
    for layer in range(3):
        hidden = hidden @ values[2 * layer].T + values[2 * layer + 1]
        hidden = np.maximum(hidden, 0) if layer < 2 else hidden
    mels = network(levels).detach()
    np.testing.assert_allclose(mels, hidden.reshape(3, -1, 64), rtol=0, atol=1e-4)


@FRONT_ENDS
def test_mlp_pinv_subtracts_what_it_makes_of_pinv(front_end):
    torch.manual_seed(0)
    pinv = Pinv(ThirdOctaves(), front_end)
    network = MLPPinv(pinv, hidden1=7, hidden2=11)
    values = [value.double().numpy() for value in network.state_dict().values()]
    size = {"PANN": 101 * 64, "YamNet": 96 * 64}[front_end.name]
    assert [value.shape for value in values[::2]] == [(7, size), (11, 7), (size, 11)]
    levels = random_levels(3)
    first = pinv(levels).double().numpy()
    hidden = first.reshape(3, -1)
    for layer in range(3):
        hidden = hidden @ values[2 * layer].T + values[2 * layer + 1]
        hidden = np.maximum(hidden, 0) if layer < 2 else hidden
    mels = network(levels).detach()
    np.testing.assert_allclose(mels, first - hidden.reshape(3, -1, 64), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [{"kernel_size": 4}, {"kernel_size": 0}, {"nb_channels": 0}, {"nb_layers": -1}, {"dilation": -1}],
    ids=str,
)
def test_sizes_that_make_no_network_are_refused(options):
    with pytest.raises(UsageError):
        cnn(**options)


@pytest.mark.parametrize("record", [{"lowest_band": -9, "n_bands": 20}, {"edges": "sensor"}], ids=str)
def test_cnn_of_other_bands(record):
    third_octaves = ThirdOctaves(**record)
    network = CNN(Pinv(third_octaves, PANN_MELS), nb_channels=4)
    mels = network(random_levels(2)[..., : third_octaves.n_bands])
    assert mels.shape == (2, 101, 64)
    assert mels.isfinite().all()

"""The networks that learn to transcode: CNN, with texture or without, MLP, MLP-PINV (docs/method.md, section 4).

Each takes third-octave levels in dB [B, n, 29], one second each, and returns log Mels [B, T, 64].
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from spectral_transcoder.models.noise_texture import PinvTexture
from spectral_transcoder.models.pinv import MelStretch, Pinv
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.utils.errors import UsageError

CPU_BATCH = 8  # seconds whose 64-channel images fit in a processor's cache together


def convolutions(channels: Sequence[int], dilations: Sequence[int], kernel_size: int) -> nn.Sequential:
    """Return convolutions over (time, Mel) that keep the image's size, a ReLU between each two.

    `channels` are those before the first, between each two, and behind the last; `dilations`, over Mel bands, are
    one for each.
    """
    layers: list[nn.Module] = []
    for (c_in, c_out), spacing in zip(pairwise(channels), dilations, strict=True):
        margin = (kernel_size - 1) // 2 * spacing
        layers += [
            nn.ReplicationPad2d((margin, margin, 1, 1)),
            nn.Conv2d(c_in, c_out, (3, kernel_size), dilation=(1, spacing)),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers[:-1]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class CNN(nn.Module):
    """PINV minus what convolutions over its (time, Mel) image make of it: the paper's transcoder, `cnn_pinv`.

    With a texture it is `cnn_texture`: the convolutions see two images, PINV and PINV with texture, and
    correct the second. Their last layer begins with zeros, so that the training starts from the texture.

    Parameters
    ----------
    pinv : Pinv
        The first estimate, which the convolutions correct.
    kernel_size : int
        Odd extent of the kernels over Mel bands; over time it is 3.
    nb_layers : int
        Convolutions; never fewer than two.
    nb_channels : int
        Channels between the first and the last convolution.
    dilation : int
        Spacing over Mel bands in the inner convolutions; 0 and 1 are the same network.
    texture : PinvTexture, optional
        A second first estimate.
    """

    def __init__(
        self,
        pinv: Pinv | MelStretch,
        kernel_size: int = 5,
        nb_layers: int = 5,
        nb_channels: int = 64,
        dilation: int = 1,
        texture: PinvTexture | None = None,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0 or min(kernel_size, nb_channels) < 1 or min(nb_layers, dilation) < 0:
            raise UsageError(
                f"cnn_pinv with kernel_size={kernel_size}, nb_layers={nb_layers}, nb_channels={nb_channels}, "
                f"dilation={dilation}: expected an odd kernel and positive sizes"
            )
        self.pinv, self.texture = pinv, texture
        n_inner = max(nb_layers, 2) - 2
        channels = [2 if texture else 1, *[nb_channels] * (n_inner + 1), 1]
        dilations = [1, *[max(dilation, 1)] * n_inner, 1]
        self.mod_conv = convolutions(channels, dilations, kernel_size)
        if texture:
            for parameter in self.mod_conv[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, levels_db: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return log Mels [B, T, n_mels] of third-octave levels in dB [B, n, 29]; positions go to the texture."""
        if not levels_db.is_cpu or torch.jit.is_tracing():  # an exported model takes batches of any size
            return self._transcode(levels_db, positions)
        batches = levels_db.split(CPU_BATCH)
        if positions is None:
            return torch.cat([self._transcode(batch, None) for batch in batches])
        parts = positions.split(CPU_BATCH)
        return torch.cat([self._transcode(*batch) for batch in zip(batches, parts, strict=True)])

    def _transcode(self, levels_db: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor:
        """Subtract from the (last) estimate of the Mels what the convolutions find wrong with it."""
        estimates = [self.pinv(levels_db)]
        if self.texture:
            estimates.append(self.texture(levels_db, positions))
        images = torch.stack(estimates, dim=1).to(memory_format=torch.channels_last)
        return estimates[-1] - self.mod_conv(images).squeeze(1)


class MLP(nn.Module):
    """Two hidden layers from the flattened levels of a second to its flattened Mels: `mlp`."""

    def __init__(
        self, n_frames: int, n_bands: int, front_end: MelFrontEnd, hidden1: int | None, hidden2: int | None
    ) -> None:
        super().__init__()
        self.mel_shape = (front_end.chunk_frames, front_end.n_mels)
        self.layers = perceptron(n_frames * n_bands, hidden1, hidden2, self.mel_shape[0] * self.mel_shape[1])

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return log Mels [B, T, n_mels] of third-octave levels in dB [B, n, 29]."""
        return self.layers(levels_db.flatten(1)).unflatten(1, self.mel_shape)


class MLPPinv(nn.Module):
    """PINV minus what two hidden layers make of it, flattened: `mlp_pinv`."""

    def __init__(self, pinv: Pinv | MelStretch, hidden1: int | None, hidden2: int | None) -> None:
        super().__init__()
        self.pinv = pinv
        size = pinv.front_end.chunk_frames * pinv.front_end.n_mels
        self.layers = perceptron(size, hidden1, hidden2, size)

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return log Mels [B, T, n_mels] of third-octave levels in dB [B, n, 29]."""
        mels = self.pinv(levels_db)
        return mels - self.layers(mels.flatten(1)).view_as(mels)


def perceptron(n_in: int, hidden1: int | None, hidden2: int | None, n_out: int) -> nn.Sequential:
    """Return n_in → hidden1 → hidden2 → n_out with ReLU between."""
    if hidden1 is None or hidden2 is None:
        raise UsageError("mlp and mlp_pinv need hidden1 and hidden2, the sizes of their hidden layers")
    return nn.Sequential(
        nn.Linear(n_in, hidden1),
        nn.ReLU(),
        nn.Linear(hidden1, hidden2),
        nn.ReLU(),
        nn.Linear(hidden2, n_out),
    )

"""YAMNet, a MobileNet on Mel patches (Plakal and Ellis; docs/method.md, section 4).

Layer names are those of the torch checkpoint `yamnet.pth`. Two editions share the layout: the original
with ReLU, and Google's mobile one with ReLU6. `MINI_LAYERS` is a small network of the same kind.
"""

import torch
from torch import nn

N_LABELS = 521
BN_EPS = 1e-4
# (channels out, stride) of the depthwise-separable layers 2 to 14
SEPARABLE_LAYERS = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
]
FIRST_CHANNELS = 32
# a tenth of the weights: narrower, and only as deep as its strides need
MINI_LAYERS = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (288, 1)]
MINI_FIRST_CHANNELS = 16
EMBEDDING_SIZE = SEPARABLE_LAYERS[-1][0]
MINI_EMBEDDING_SIZE = MINI_LAYERS[-1][0]


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: zeros so that ceil(size/stride) outputs, the odd one at the end."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, C_out, ceil(H/stride), ceil(W/stride)] of [B, C_in, H, W]."""
        margins = [
            max(0, (-(-size // stride) - 1) * stride + kernel - size)
            for size, stride, kernel in zip(image.shape[2:], self.stride, self.kernel_size, strict=True)
        ]
        (top, bottom), (left, right) = [(margin // 2, margin - margin // 2) for margin in margins]
        if top == bottom and left == right:  # padding inside the convolution saves a copy
            padding: tuple[int, int] | int = (top, left)
        else:
            image, padding = nn.functional.pad(image, (left, right, top, bottom)), 0
        return nn.functional.conv2d(image, self.weight, self.bias, self.stride, padding, 1, self.groups)


class ConvBNReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU or ReLU6."""

    def __init__(
        self, c_in: int, c_out: int, kernel_size: int, stride: int, groups: int, activation: nn.Module
    ) -> None:
        super().__init__()
        self.conv = SameConv2d(c_in, c_out, kernel_size, stride, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=BN_EPS)
        self.activation = activation

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, H', W'] of [B, c_in, H, W]."""
        return self.activation(self.bn(self.conv(image)))


class FusedLayer(nn.Module):
    """The first layer: one convolution of 3×3, stride 2."""

    def __init__(self, c_out: int, activation: nn.Module) -> None:
        super().__init__()
        self.fused = ConvBNReLU(1, c_out, 3, 2, 1, activation)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, H/2, W/2] of [B, 1, H, W]."""
        return self.fused(image)


class SeparableLayer(nn.Module):
    """A 3×3 convolution in each channel, then a 1×1 convolution across them."""

    def __init__(self, c_in: int, c_out: int, stride: int, activation: nn.Module) -> None:
        super().__init__()
        self.depthwise_conv = ConvBNReLU(c_in, c_in, 3, stride, c_in, activation)
        self.pointwise_conv = ConvBNReLU(c_in, c_out, 1, 1, 1, activation)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, H/stride, W/stride] of [B, c_in, H, W]."""
        return self.pointwise_conv(self.depthwise_conv(image))


class YAMNet(nn.Module):
    """YAMNet: Mel patches [B, 96, 64] to the logits of 521 AudioSet labels.

    Parameters
    ----------
    activation : nn.Module
        nn.ReLU() for the original, nn.ReLU6() for the mobile edition.
    layers : list of tuple, optional
        (channels out, stride) of the depthwise-separable layers.
    first_channels : int
        Channels of the first layer.
    """

    def __init__(
        self,
        activation: nn.Module,
        layers: list[tuple[int, int]] = SEPARABLE_LAYERS,
        first_channels: int = FIRST_CHANNELS,
    ) -> None:
        super().__init__()
        c_in, self.n_layers = first_channels, len(layers) + 1
        self.layer1 = FusedLayer(c_in, activation)
        for index, (c_out, stride) in enumerate(layers, start=2):
            self.add_module(f"layer{index}", SeparableLayer(c_in, c_out, stride, activation))
            c_in = c_out
        self.classifier = nn.Linear(c_in, N_LABELS)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def embedding(self, mels: torch.Tensor) -> torch.Tensor:
        """Return the embedding [B, 1024] of log Mels [B, 96, 64]; the small network's is [B, 288]."""
        image = mels.unsqueeze(1).to(memory_format=torch.channels_last)
        for index in range(1, self.n_layers + 1):
            image = self.get_submodule(f"layer{index}")(image)
        return image.mean((2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 521] of embeddings [B, 1024]."""
        return self.classifier(embedding)

    def logits(self, mels: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 521] of log Mels [B, 96, 64]."""
        return self.head(self.embedding(mels))

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, 521], of log Mels [B, 96, 64]."""
        return self.logits(mels).sigmoid()

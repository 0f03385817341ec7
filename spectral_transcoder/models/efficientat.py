"""EfficientAT: MobileNetV3 on Mel spectrograms (Schmid, Koutini, Widmer 2023; docs/method.md, section 12).

    Mels [B, T, 128] ──3×3, stride 2──▶ ──15 inverted residuals──▶ ──1×1──▶ [B, C, F', T'] ──mean──▶
           embedding [B, C] ──linear, hard-swish, linear──▶ logits [B, 527]

Layer names are those of `mn04_as_mAP_432.pt` and its siblings, which are bare state dicts.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

N_LABELS = 527
BN_EPS = 1e-3
BN_MOMENTUM = 0.01
DROPOUT = 0.2
FIRST_CHANNELS = 16
LAST_WIDENING = 6  # of the last convolution, which gives the embedding
HIDDEN_CHANNELS = 1280
POOLING = 2  # the first layers of the classifier, which average
SQUEEZE = 4  # squeeze-excite looks at a quarter of the channels


class Block(NamedTuple):
    """An inverted residual of the network of width 1."""

    kernel_size: int
    expanded: int
    out: int
    squeeze_excite: bool
    hard_swish: bool
    stride: int


BLOCKS = (
    Block(3, 16, 16, False, False, 1),
    Block(3, 64, 24, False, False, 2),
    Block(3, 72, 24, False, False, 1),
    Block(5, 72, 40, True, False, 2),
    Block(5, 120, 40, True, False, 1),
    Block(5, 120, 40, True, False, 1),
    Block(3, 240, 80, False, True, 2),
    Block(3, 200, 80, False, True, 1),
    Block(3, 184, 80, False, True, 1),
    Block(3, 184, 80, False, True, 1),
    Block(3, 480, 112, True, True, 1),
    Block(3, 672, 112, True, True, 1),
    Block(5, 672, 160, True, True, 2),
    Block(5, 960, 160, True, True, 1),
    Block(5, 960, 160, True, True, 1),
)


ENGINE_CHANNELS = 16  # that onnxruntime convolves together; fewer are reordered between two layers


def n_channels(channels: float) -> int:
    """Return the multiple of 8 nearest to a number of channels, at least 8 and never below 90 % of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def embedding_size(width: float) -> int:
    """Return the size of the embedding of the network of a width: 384 for 0.4, 960 for 1."""
    return LAST_WIDENING * n_channels(BLOCKS[-1].out * width)


def conv_bn(
    c_in: int,
    c_out: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Return a convolution without bias, padded to keep the size but for the stride, batch norm and activation."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=BN_EPS, momentum=BN_MOMENTUM),
        activation(),
    )


class ChannelWeights(nn.Module):
    """Squeeze-excite over channels: each is multiplied by a factor in 0 … 1 that the means of all of them give."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, n_channels(channels / SQUEEZE))
        self.fc2 = nn.Linear(n_channels(channels / SQUEEZE), channels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, C, H, W] of [B, C, H, W]."""
        factors = self.fc2(self.fc1(image.mean((2, 3))).relu()).sigmoid()
        return image * factors[:, :, None, None]


class SqueezeExcite(nn.Module):
    """`ChannelWeights` under the name that the weights have in the files, where it is one of several."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([ChannelWeights(channels)])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, C, H, W] of [B, C, H, W]."""
        return self.conc_se_layers[0](image)


class InvertedResidual(nn.Module):
    """1×1 expansion, convolution in each channel, squeeze-excite, 1×1 projection, and the input where it fits."""

    def __init__(self, block: Block, c_in: int, width: float, least_channels: int) -> None:
        super().__init__()
        expanded = max(least_channels, n_channels(block.expanded * width))
        c_out = max(least_channels, n_channels(block.out * width))
        activation = nn.Hardswish if block.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != c_in:
            layers.append(conv_bn(c_in, expanded, 1, activation=activation))
        layers.append(
            conv_bn(expanded, expanded, block.kernel_size, block.stride, expanded, activation=activation)
        )
        if block.squeeze_excite:
            layers.append(SqueezeExcite(expanded))
        layers.append(conv_bn(expanded, c_out, 1))
        self.block = nn.Sequential(*layers)
        self.adds_input = block.stride == 1 and c_in == c_out

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, H / stride, W / stride] of [B, c_in, H, W]."""
        return self.block(image) + image if self.adds_input else self.block(image)


class EfficientAT(nn.Module):
    """EfficientAT: normalised log Mels [B, T, 128] of any length to the scores of 527 AudioSet labels.

    Parameters
    ----------
    width : float
        Factor on all numbers of channels: 0.4 for mn04, 1 for mn10, 4 for mn40.
    least_channels : int
        Of the convolutions; the published networks have no further ones.
    """

    def __init__(self, width: float, least_channels: int = 1) -> None:
        super().__init__()
        self.width = width
        channels = max(least_channels, n_channels(FIRST_CHANNELS * width))
        layers: list[nn.Module] = [conv_bn(1, channels, 3, 2, activation=nn.Hardswish)]
        for block in BLOCKS:
            layers.append(InvertedResidual(block, channels, width, least_channels))
            channels = max(least_channels, n_channels(block.out * width))
        layers.append(conv_bn(channels, LAST_WIDENING * channels, 1, activation=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        hidden = n_channels(HIDDEN_CHANNELS * width)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(LAST_WIDENING * channels, hidden),
            nn.Hardswish(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, N_LABELS),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def widened(self) -> "EfficientAT":
        """Return the same function with `ENGINE_CHANNELS` channels or more everywhere: the further ones are zero."""
        with torch.device("meta"):
            twin = EfficientAT(self.width, ENGINE_CHANNELS)
        weights = self.state_dict()
        widened = {
            name: torch.zeros(value.shape, dtype=value.dtype) for name, value in twin.state_dict().items()
        }
        for name, value in widened.items():
            value[tuple(slice(length) for length in weights[name].shape)] = weights[name]
        twin.load_state_dict(widened, assign=True)
        return twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def embedding(self, mels: torch.Tensor) -> torch.Tensor:
        """Return the embedding [B, embedding_size(width)] of normalised log Mels [B, T, 128]."""
        image = mels.transpose(1, 2).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return self.classifier[:POOLING](self.features(image))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 527] of embeddings [B, embedding_size(width)]."""
        return self.classifier[POOLING:](embedding)

    def logits(self, mels: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 527] of normalised log Mels [B, T, 128]."""
        return self.head(self.embedding(mels))

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, 527], of normalised log Mels [B, T, 128]."""
        return self.logits(mels).sigmoid()

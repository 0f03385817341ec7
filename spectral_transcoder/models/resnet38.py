"""PANN's ResNet38 (Kong et al. 2020; docs/method.md, section 4), from Mels on.

Layer names are those of `ResNet38_mAP=0.434.pth`, without the front end that turns audio into Mels:
that is `mel_spectrograms.PANN_MELS`.
"""

import torch
from torch import nn
from torch.nn import functional as F

N_LABELS = 527
N_MELS = 64
RESIDUAL_STAGES = [(64, 3), (128, 4), (256, 6), (512, 3)]  # channels, blocks
LAST_CHANNELS = 2048
FRONT_END_KEYS = ("spectrogram_extractor.", "logmel_extractor.")
SHORTEST_FRAMES = 32  # five halvings leave one frame

BLOCK_DROPOUT, RESIDUAL_DROPOUT, HEAD_DROPOUT = 0.2, 0.1, 0.5
TIME_STRIPES, TIME_STRIPE_FRAMES = 2, 64
MEL_STRIPES, MEL_STRIPE_BINS = 2, 8


def conv3x3(c_in: int, c_out: int) -> nn.Conv2d:
    """Return a 3×3 convolution of stride 1 without bias."""
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)


class ConvBlock(nn.Module):
    """Two 3×3 convolutions, each with batch norm and ReLU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(c_in, c_out), nn.BatchNorm2d(c_out)
        self.conv2, self.bn2 = conv3x3(c_out, c_out), nn.BatchNorm2d(c_out)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, T, F] of [B, c_in, T, F]."""
        image = F.relu_(self.bn1(self.conv1(image)))
        return F.relu_(self.bn2(self.conv2(image)))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut; a stride is an average pooling before the first, and in the shortcut."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1, self.bn1 = conv3x3(c_in, c_out), nn.BatchNorm2d(c_out)
        self.conv2, self.bn2 = conv3x3(c_out, c_out), nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride > 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(stride), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, c_out, T/stride, F/stride] of [B, c_in, T, F]."""
        shortcut = image if self.downsample is None else self.downsample(image)
        image = F.avg_pool2d(image, self.stride) if self.stride > 1 else image
        image = F.relu_(self.bn1(self.conv1(image)))
        image = F.dropout(image, RESIDUAL_DROPOUT, self.training)
        return F.relu_(self.bn2(self.conv2(image)) + shortcut)


class ResidualStages(nn.Module):
    """The four stages of residual blocks; every stage but the first halves time and Mels."""

    def __init__(self) -> None:
        super().__init__()
        c_in = RESIDUAL_STAGES[0][0]
        for stage, (c_out, n_blocks) in enumerate(RESIDUAL_STAGES, start=1):
            blocks = [ResidualBlock(c_in, c_out, stride=1 if stage == 1 else 2)]
            blocks += [ResidualBlock(c_out, c_out, stride=1) for _ in range(n_blocks - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            c_in = c_out

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return [B, 512, T/8, F/8] of [B, 64, T, F]."""
        for stage in self.children():
            image = stage(image)
        return image


class ResNet38(nn.Module):
    """ResNet38: log Mels in dB [B, T, 64] of any length to the scores of 527 AudioSet labels."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(N_MELS)
        self.conv_block1 = ConvBlock(1, RESIDUAL_STAGES[0][0])
        self.resnet = ResidualStages()
        self.conv_block_after1 = ConvBlock(RESIDUAL_STAGES[-1][0], LAST_CHANNELS)
        self.fc1 = nn.Linear(LAST_CHANNELS, LAST_CHANNELS)
        self.fc_audioset = nn.Linear(LAST_CHANNELS, N_LABELS)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def embedding(self, mels: torch.Tensor) -> torch.Tensor:
        """Return the embedding [B, 2048] of log Mels [B, T, 64], T ≥ 32."""
        image = self.bn0(mels[:, None].transpose(1, 3)).transpose(1, 3)  # batch norm over Mel bins
        if self.training:
            image = spec_augment(image)
        image = image.to(memory_format=torch.channels_last)
        image = F.dropout(F.avg_pool2d(self.conv_block1(image), 2), BLOCK_DROPOUT, self.training)
        image = F.dropout(F.avg_pool2d(self.resnet(image), 2), BLOCK_DROPOUT, self.training)
        image = F.dropout(self.conv_block_after1(image), BLOCK_DROPOUT, self.training)
        frames = image.mean(dim=3)
        pooled = frames.amax(dim=2) + frames.mean(dim=2)
        return F.relu_(self.fc1(F.dropout(pooled, HEAD_DROPOUT, self.training)))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 527] of embeddings [B, 2048]."""
        return self.fc_audioset(embedding)

    def logits(self, mels: torch.Tensor) -> torch.Tensor:
        """Return logits [B, 527] of log Mels in dB [B, T, 64], T ≥ 32."""
        return self.head(self.embedding(mels))

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, 527], of log Mels in dB [B, T, 64], T ≥ 32."""
        return self.logits(mels).sigmoid()


def spec_augment(image: torch.Tensor) -> torch.Tensor:
    """Set random stripes of time and Mel bins to zero in each [1, T, F] of [B, 1, T, F], in training only.

    Randomness comes from torch's global generator: seed it with `torch.manual_seed`.
    """
    time = stripes(image, 2, TIME_STRIPES, TIME_STRIPE_FRAMES)[:, None, :, None]
    mels = stripes(image, 3, MEL_STRIPES, MEL_STRIPE_BINS)[:, None, None, :]
    return image * ~(time | mels)


def stripes(image: torch.Tensor, axis: int, n_stripes: int, longest: int) -> torch.Tensor:
    """Return a mask [B, size of the axis], true in `n_stripes` random stripes of 0 … longest - 1 each."""
    n_batch, size, device = len(image), image.shape[axis], image.device
    length = torch.randint(0, min(longest, size), (n_batch, n_stripes, 1), device=device)
    start = (torch.rand(n_batch, n_stripes, 1, device=device) * (size - length)).long()
    position = torch.arange(size, device=device)
    return ((position >= start) & (position < start + length)).any(dim=1)

"""A network on the sensor's own grid: `cnn_grid`, which corrects PINV with texture a frame of levels at a time.

    levels [B, n, 29] ──3 convolutions, bands halved by each──▶ [B, n, 4·C·4] ──linear──┐
                                     └──mean, max over the second──linear──▶ [B, 8·C] ──+──▶ [B, n, 8·C]
    [B, n, 8·C] ──linear, linear──▶ of each frame of levels and each Mel band:
                level correction, shares of white, slow and wide noise, and a residual for each of its Mel frames

    log Mels = PINV with texture + level + white·(PINV with texture - PINV) + slow·noise + wide·noise + residual

Convolutions over the 8 × 29 levels of a second cost a hundredth of what they do over the 96 × 64 Mels. The last
layer begins with zeros, so that the training starts from PINV with texture.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from spectral_transcoder.models.noise_texture import N_DRAWS, PinvTexture
from spectral_transcoder.models.pinv import Pinv, stretch
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.signal.third_octaves import DCASE2023_OFFSET_DB
from spectral_transcoder.utils.errors import UsageError

NB_CHANNELS = 32
DROPOUT = 0.2
STD_DB = 20.0  # of levels of recordings in the published scale, roughly; their mean is near 0
QUIETEST_DB = -70.0  # digital silence, 100 dB below, is no more than quiet
# corrections that change from one frame of levels to the next, not within them
COARSE = ("level", "white", "slow", "wide")
SLOW_FRAMES = 7  # of 10 ms: noise that swells and fades within a frame of levels
WIDE_FRAMES = 3  # clicks and knocks, which all bands have in common, last as long as the Mel's window


class GridCNN(nn.Module):
    """The `cnn_grid` transcoder: levels in dB to log Mels, all that it learns on the grid of the levels.

    Parameters
    ----------
    pinv : Pinv
        The spectrum without noise.
    texture : PinvTexture
        The estimate that is corrected; its draws say which noise a second gets.
    nb_channels : int
        Channels of the first convolution; the others have two and four times as many, hidden layers eight times.
    noise_seed : int
        Seed of the slow and the wide noise.
    """

    def __init__(
        self, pinv: Pinv, texture: PinvTexture, nb_channels: int = NB_CHANNELS, noise_seed: int = 0
    ) -> None:
        super().__init__()
        if nb_channels < 1:
            raise UsageError(f"cnn_grid with nb_channels={nb_channels}: expected 1 or more")
        self.pinv, self.texture = pinv, texture
        front_end, third_octaves = texture.front_end, texture.third_octaves
        frame_of_level, slot = frames_of_levels(front_end.chunk_frames, third_octaves.frames_per_second)
        n_slots = int(slot.max()) + 1
        self.convolutions, n_features = grid_convolutions(third_octaves.n_bands, nb_channels)
        hidden = 8 * nb_channels
        self.of_frame = nn.Linear(n_features, hidden)
        self.of_second = nn.Linear(2 * n_features, hidden)
        self.hidden = nn.Sequential(nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(DROPOUT))
        self.corrections = nn.Linear(hidden, (len(COARSE) + n_slots) * front_end.n_mels)
        nn.init.zeros_(self.corrections.weight)
        nn.init.zeros_(self.corrections.bias)
        self.neper = log_mels_per_neper(front_end)
        self.fine_index: torch.Tensor
        self.slow_noise: torch.Tensor
        self.wide_noise: torch.Tensor
        self.register_buffer("fine_index", frame_of_level * n_slots + slot, persistent=False)
        shape = N_DRAWS, front_end.chunk_frames, front_end.n_mels
        rng = np.random.default_rng([noise_seed, 1])  # another noise than the texture's
        self.register_buffer("slow_noise", smooth_noise(shape, SLOW_FRAMES, rng), persistent=False)
        shape = N_DRAWS, front_end.chunk_frames, 1
        self.register_buffer("wide_noise", smooth_noise(shape, WIDE_FRAMES, rng), persistent=False)

    def forward(self, levels_db: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return log Mels [B, T, n_mels] of third-octave levels in dB [B, n, 29]; positions choose the noise."""
        front_end = self.texture.front_end
        corrections = self.corrections(self.features(levels_db))
        corrections = corrections.unflatten(2, (-1, front_end.n_mels)).float()  # [B, n, 4 + slots, n_mels]
        coarse, fine = corrections[:, :, : len(COARSE)], corrections[:, :, len(COARSE) :]
        coarse = stretch(coarse.flatten(2), front_end.chunk_frames).unflatten(2, (len(COARSE), -1))
        level, white, slow, wide = coarse.unbind(2)
        residual = fine.flatten(1, 2)[:, self.fine_index]

        draws = self.texture.draws(levels_db, positions)
        texture = self.texture(levels_db, positions)
        noise = slow * self.slow_noise[draws] + wide * self.wide_noise[draws]
        return texture + white * (texture - self.pinv(levels_db)) + self.neper * (level + noise + residual)

    def features(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return what is known of each frame, its second included: [B, n, hidden] of levels in dB [B, n, 29]."""
        published_db = levels_db - (self.texture.third_octaves.offset_db - DCASE2023_OFFSET_DB)
        image = (published_db.clamp(min=QUIETEST_DB) / STD_DB).unsqueeze(1)
        image = self.convolutions(image.contiguous(memory_format=torch.channels_last))
        frames = image.transpose(1, 2).flatten(2)  # [B, n, channels · bands]
        second = torch.cat([frames.mean(1), frames.amax(1)], dim=1)
        return self.hidden(self.of_frame(frames) + self.of_second(second).unsqueeze(1))


def grid_convolutions(n_bands: int, nb_channels: int) -> tuple[nn.Sequential, int]:
    """Return three convolutions with stride 2 over bands, and how many features of a frame they give."""
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise((1, nb_channels, 2 * nb_channels, 4 * nb_channels)):
        layers += [nn.Conv2d(c_in, c_out, 3, stride=(1, 2), padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]
        n_bands = -(-n_bands // 2)
    convolutions = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return convolutions, 4 * nb_channels * n_bands


def frames_of_levels(n_mel_frames: int, n_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return in which frame of levels each Mel frame lies, and its number there: twice (n_mel_frames,).

    YamNet's 96 frames lie in 8 frames of levels by twelves, PANN's 101 by twelves and thirteens.
    """
    frame = torch.arange(n_mel_frames) * n_frames // n_mel_frames
    first = torch.searchsorted(frame, frame)
    return frame, torch.arange(n_mel_frames) - first


def log_mels_per_neper(front_end: MelFrontEnd) -> float:
    """Return by how much log Mels rise where magnitudes grow by a factor of e: 1 for YamNet, 8.7 dB for PANN."""
    loud = torch.tensor(1e6, dtype=torch.float64)  # beside which what is added before a logarithm is nothing
    return float(front_end.to_log(loud * np.e**front_end.power) - front_end.to_log(loud))


def smooth_noise(shape: tuple[int, int, int], width: int, rng: np.random.Generator) -> torch.Tensor:
    """Return normal noise (draws, frames, bands) of variance 1, smoothed over `width` frames by a Hann window."""
    n_draws, n_frames, n_bands = shape
    window = np.hanning(width + 2)[1:-1]
    noise = rng.standard_normal((n_draws, n_frames + width - 1, n_bands))
    parts = np.lib.stride_tricks.sliding_window_view(noise, width, axis=1)
    return torch.tensor(parts @ (window / np.linalg.norm(window)), dtype=torch.float32)

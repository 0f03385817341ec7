"""PINV with texture: a spectrum that fluctuates from frame to frame as that of noise does.

Levels of 125 ms say nothing of what happens within, so PINV's spectrum is smooth, and a classifier that was
trained on real sounds finds nothing in a smooth one. Here it is multiplied by the spectrum of white noise,
analysed with the Mel's own window and hop, before the Mel filters:

    S [B, n, 29] ──B⁺, stretch──▶ spectrum [B, T, 2049] ──· |noise| [T, 2049]──▶ Mel filters ──log──▶ [B, T, 64]

Bins that belong to the same bands have the same value of B⁺ (see `pinv`), so the noise goes through the filters
once, group of bins by group of bins. Few groups reach into a Mel filter, so 54 groups and 64 filters have P pairs
(129 for YamNet) that are not empty, and only these are kept:

    S [B, n, 29] ──B⁺, stretch──▶ each pair's group [B, T, P] ──· noise in its filter [T, P]──▶ sums by Mel [B, T, 64]

Pairs stand in the order of their filters, so that a quarter of the filters sums some quarter of the pairs.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from spectral_transcoder.models.pinv import inverse_by_group, magnitude_scale, stretch
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.signal.third_octaves import ThirdOctaves

# Real sounds are uneven within 125 ms too, so that their mean magnitude lies below what the mean power says.
# Chosen with the mobile YAMNet on UrbanSound8K's folds 1 and 3: 0.6 and 0.8 agree with the sound alike, and
# the Mels' error falls with the gain.
GAIN = 0.6
N_DRAWS = 32  # seconds of noise to choose from
MEL_BLOCKS = 4  # of filters, which sum their own pairs: a third of the time of all at once


class PinvTexture(nn.Module):
    """The `pinv_texture` transcoder: levels in dB to log Mels with the texture of noise, nothing to learn.

    In evaluation mode the noise of a second follows from its position, so that levels a hundredth of a dB apart
    get the same noise, and seconds that follow each other different ones; in training mode it is drawn with
    torch's generator.

    Parameters
    ----------
    third_octaves : ThirdOctaves
        What the levels are.
    front_end : MelFrontEnd
        Which Mels are wanted.
    noise_seed : int
        Seed of the noise.
    gain : float
        Factor on the magnitudes.
    """

    def __init__(
        self, third_octaves: ThirdOctaves, front_end: MelFrontEnd, noise_seed: int = 0, gain: float = GAIN
    ) -> None:
        super().__init__()
        self.third_octaves, self.front_end = third_octaves, front_end
        self.inverse: torch.Tensor
        self.textures: torch.Tensor
        self.mel_of_pair: torch.Tensor
        inverse, groups = inverse_by_group(third_octaves)
        scale = (gain * magnitude_scale(third_octaves, front_end)) ** 2
        filters = torch.tensor(
            front_end.filters_before_emphasis(third_octaves.frame_length, third_octaves.sr),
            dtype=torch.float32,
        )
        draws = (
            torch.tensor(draw, dtype=torch.float32)
            for draw in noise_spectra(third_octaves, front_end, noise_seed)
        )
        mel, group = noise_by_group(torch.ones(1, len(filters)), groups, filters)[0].T.nonzero(as_tuple=True)
        textures = [noise_by_group(draw, groups, filters)[:, group, mel] for draw in draws]
        self.register_buffer("inverse", torch.tensor(inverse[group].T * scale).float(), persistent=False)
        self.register_buffer("textures", torch.stack(textures), persistent=False)
        self.register_buffer("mel_of_pair", torch.eye(front_end.n_mels)[mel], persistent=False)
        self.blocks = pairs_of_mels(mel, front_end.n_mels)

    def forward(self, levels_db: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return log Mels [B, chunk_frames, n_mels] of third-octave levels in dB [B, n, 29], one second each.

        positions: [B] integers, the number of each second in its recording; all 0 by default.
        """
        # as in `Pinv`: short numbers do not reach over ten decades
        with torch.autocast(levels_db.device.type, enabled=False):
            spectrum = self.third_octaves.level_to_power(levels_db.float()) @ self.inverse
            spectrum = stretch(spectrum, self.front_end.chunk_frames)
            if self.front_end.power == 1:
                spectrum = spectrum.sqrt()
            textured = spectrum * self.textures[self.draws(levels_db, positions)]
            mels = [textured[..., pairs] @ self.mel_of_pair[pairs, mel] for pairs, mel in self.blocks]
            return self.front_end.to_log(torch.cat(mels, dim=-1))

    def draws(self, levels_db: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return which second of noise each second of levels gets: [B] indices."""
        if self.training:
            return torch.randint(len(self.textures), (len(levels_db),), device=levels_db.device)
        if positions is None:
            return torch.zeros_like(levels_db[:, 0, 0], dtype=torch.long)
        return positions.to(levels_db.device) % len(self.textures)


def pairs_of_mels(mel_of_pair: torch.Tensor, n_mels: int) -> list[tuple[slice, slice]]:
    """Return which pairs, [P] in the order of their filters, belong to each of `MEL_BLOCKS` blocks of filters."""
    edges = torch.linspace(0, n_mels, MEL_BLOCKS + 1).round().long()
    pairs = torch.searchsorted(mel_of_pair, edges).tolist()
    blocks = [slice(*edge) for edge in pairwise(edges.tolist())]
    return list(zip((slice(*own) for own in pairwise(pairs)), blocks, strict=True))


def noise_by_group(noise: torch.Tensor, groups: np.ndarray, filters: torch.Tensor) -> torch.Tensor:
    """Return noise (T, n_bins) in the Mel filters (n_bins, n_mels), by group of bins: (T, n_groups, n_mels)."""
    n_groups = int(groups.max()) + 1
    return torch.stack([noise[:, groups == group] @ filters[groups == group] for group in range(n_groups)], 1)


def noise_spectra(third_octaves: ThirdOctaves, front_end: MelFrontEnd, seed: int) -> Iterator[np.ndarray]:
    """Give |X|^power of each of N_DRAWS seconds of white noise, with a mean of 1: (chunk_frames, n_bins).

    The window and the hop last as long as the front end's, at the third octaves' rate and resolution.
    """
    ratio = third_octaves.sr / front_end.sr
    window_length, hop_length = round(front_end.window_length * ratio), round(front_end.hop_length * ratio)
    n_samples = (front_end.chunk_frames - 1) * hop_length + window_length
    window = np.hanning(window_length + 1)[:-1]
    # one by one, since frames of a second have 16,001 bins
    for noise in np.random.default_rng(seed).standard_normal((N_DRAWS, n_samples)):
        frames = np.lib.stride_tricks.sliding_window_view(noise, window_length)[::hop_length]
        magnitude = np.abs(np.fft.rfft(frames * window, third_octaves.frame_length)) / np.linalg.norm(window)
        # of noise of unit power, magnitudes follow Rayleigh's law: their mean is the root of π/4
        yield magnitude**2 if front_end.power == 2 else magnitude / np.sqrt(np.pi / 4)

"""PINV: third octaves to Mels by the pseudo-inverse of the band matrix (docs/method.md, section 3).

    S [B, n, 29] ──B⁺──▶ spectrum [B, n, 2049] ──stretch──▶ [B, T, 2049] ──Mel filters──▶ [B, T, 64] ──log──▶

Up to the log everything is linear when Mels are of power: one 29 → 64 matrix. Mels of magnitude need a
root between B⁺ and the filters; two bins that belong to the same bands get the same value from B⁺, so
the root is taken of a few groups of bins (54 for the published bands), never of 2049 bins.
"""

import numpy as np
import torch
from torch import nn

from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

WAYS = ("power", "magnitude")


class Pinv(nn.Module):
    """The PINV transcoder: levels in dB to log Mels, nothing to learn.

    Parameters
    ----------
    third_octaves : ThirdOctaves
        The analysis that the levels come from.
    front_end : MelFrontEnd
        The front end whose Mels are made.
    way : str, optional
        "power": Mel filters on the power spectrum, the published way for PANN and YamNet; "magnitude": on
        its square root, as YamNet's Mels are defined (docs/method.md, section 9, defect 6). The
        front end's own by default.

    Raises
    ------
    UsageError
        Unknown way, or magnitude for a front end of power.
    """

    def __init__(self, third_octaves: ThirdOctaves, front_end: MelFrontEnd, way: str | None = None) -> None:
        super().__init__()
        way = way or ("magnitude" if front_end.power == 1 else "power")
        if way not in WAYS or (way == "magnitude" and front_end.power != 1):
            raise UsageError(
                f"PINV way {way!r} for {front_end.name} Mels: expected power, or magnitude for YamNet"
            )
        self.third_octaves, self.front_end, self.way = third_octaves, front_end, way

        filters = front_end.filters_before_emphasis(third_octaves.frame_length, third_octaves.sr)
        if way == "power":
            inverse, grouped = published_inverse(third_octaves).T @ filters, None
        else:
            inverse, groups = inverse_by_group(third_octaves)
            inverse = inverse.T
            grouped = torch.zeros(inverse.shape[1], front_end.n_mels, dtype=torch.float64)
            grouped = grouped.index_add(0, torch.tensor(groups), torch.tensor(filters)).float()
        scale = magnitude_scale(third_octaves, front_end)
        self.inverse: torch.Tensor
        self.filters: torch.Tensor | None
        self.register_buffer("inverse", torch.tensor(inverse * scale**2).float(), persistent=False)
        self.register_buffer("filters", grouped, persistent=False)

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return log Mels [B, chunk_frames, n_mels] of third-octave levels in dB [B, n, 29], one second each.

        n is 8 by default; other sensors have other numbers of frames in a second. Frames that are as many
        as the Mel's own are not stretched.
        """
        # the powers of a street span ten decades: too many for the short numbers of mixed precision
        with torch.autocast(levels_db.device.type, enabled=False):
            spectrum = self.third_octaves.level_to_power(levels_db.float()) @ self.inverse
            spectrum = stretch(spectrum, self.front_end.chunk_frames)
            mel = spectrum if self.filters is None else spectrum.sqrt() @ self.filters
            return self.front_end.to_log(mel)


class MelStretch(nn.Module):
    """What is left of PINV where the input is Mels already, averaged to the third octaves' frames: the stretching.

    For the variant `urban_mel_freq` (docs/method.md, section 5), which asks how hard time alone is to recover.
    """

    def __init__(self, front_end: MelFrontEnd) -> None:
        super().__init__()
        self.front_end = front_end

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return log Mels [B, chunk_frames, n_mels] of averaged log Mels [B, n, n_mels]."""
        return stretch(mels, self.front_end.chunk_frames)


def stretch(frames: torch.Tensor, n_frames: int) -> torch.Tensor:
    """Interpolate [B, n, F] linearly in time to [B, n_frames, F]; frames stand for equal parts of the second."""
    if frames.shape[1] == n_frames:
        return frames
    return nn.functional.interpolate(
        frames.transpose(1, 2), size=n_frames, mode="linear", align_corners=False
    ).transpose(1, 2)


def published_inverse(third_octaves: ThirdOctaves) -> np.ndarray:
    """Return B⁺ as published: (n_bins, n_bands), torch's float32 pseudo-inverse, negatives set to 0.

    Its rounding noise, some 1e-7, leaks loud low bands into the weakest Mels (0.02 dB at most on street
    recordings); the published weights were trained with it, so it stays.
    """
    matrix = torch.tensor(third_octaves.band_matrix, dtype=torch.float32, device="cpu")
    return torch.linalg.pinv(matrix, rcond=1e-15).clamp(min=0).double().numpy()


def magnitude_scale(third_octaves: ThirdOctaves, front_end: MelFrontEnd) -> float:
    """Return what a magnitude of the third octaves' transform is in the front end's.

    Magnitudes of two transforms compare as half their number of bins: 0.5·(1 + n/2)/(1 + 4096/2).
    """
    return 0.5 * (1 + front_end.n_fft // 2) / third_octaves.n_bins


def inverse_by_group(third_octaves: ThirdOctaves) -> tuple[np.ndarray, np.ndarray]:
    """Return B⁺ without rounding noise, bins of equal rows taken together.

    Returns
    -------
    inverse : np.ndarray
        (n_groups, n_bands) rows of the pseudo-inverse of the band matrix, negatives set to 0.
    groups : np.ndarray
        (n_bins,) the group of each bin.
    """
    matrix = third_octaves.band_matrix
    inverse = np.linalg.pinv(matrix, rcond=1e-15).clip(min=0)
    # B⁺ = Bᵀ(BBᵀ)⁺: bins with equal columns in B have equal rows in B⁺
    _, bins, groups = np.unique(matrix, axis=1, return_index=True, return_inverse=True)
    return inverse[bins], groups

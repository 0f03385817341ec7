"""Third-octave levels: what urban sensors store (docs/method.md, section 1).

    signal [..., L] ──frames──▶ [..., n, 4096] ──Tukey, rfft──▶ |X|² [..., n, 2049]
           ──bands──▶ power [..., n, 29] ──log──▶ level in dB [..., n, 29]

A `ThirdOctaves` record says which bands, at which rate, in frames of what length and hop; another
sensor is another record.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from spectral_transcoder.signal.framing import Array, as_given, as_real_tensor, split_seconds
from spectral_transcoder.utils.errors import UsageError

DCASE2023_OFFSET_DB = 26.0  # a constant of the published microphone
LARGEST_OFFSET_DB = 300.0  # far beyond any microphone's
SILENT_AMPLITUDE = 1e-9  # what an amplitude of zero becomes, so that its level is finite
TUKEY_ALPHA = 0.2
EDGES = ("dcase2023", "sensor")
FRAMES_PER_BLOCK = 256  # long signals are analysed piece by piece: memory stays bounded and in cache


@dataclass(frozen=True)
class ThirdOctaves:
    """A third-octave analysis: bands, rate, framing, level.

    Attributes
    ----------
    sr : int
        Sample rate in Hz.
    frame_length, hop_length : int
        Samples per frame, and from one frame to the next.
    lowest_band, n_bands : int
        Bands b = lowest_band … are centred on 1000·10^(b/10) Hz: -17 is 20 Hz, 11 is 12.5 kHz.
    edges : str
        "dcase2023": neighbours share their edge bin, as published; "sensor": each bin belongs to one
        band, as the CENSE sensors compute them (docs/method.md, section 9, defect 4).
    offset_db : float
        Added to the level in dB re full scale; external data need their own (docs/method.md, section
        9, defect 3).

    Raises
    ------
    UsageError
        Unknown `edges`, an offset that is no number or beyond 300 dB, bands below a bin of the Fourier transform
        or beyond half the sample rate.
    """

    sr: int = 32000
    frame_length: int = 4096
    hop_length: int = 4000
    lowest_band: int = -17
    n_bands: int = 29
    edges: str = "dcase2023"
    offset_db: float = DCASE2023_OFFSET_DB

    def __post_init__(self) -> None:
        if self.edges not in EDGES:
            raise UsageError(f"third-octave edges {self.edges!r}: expected one of {', '.join(EDGES)}")
        if min(self.sr, self.frame_length, self.hop_length, self.n_bands) < 1:
            raise UsageError(f"{self}: rate, frame, hop and number of bands have to be positive")
        if not abs(self.offset_db) <= LARGEST_OFFSET_DB:  # of what is no number, all comparisons are false
            raise UsageError(
                f"third-octave offset_db {self.offset_db}: expected {-LARGEST_OFFSET_DB:g} to {LARGEST_OFFSET_DB:g} dB"
            )
        # in bands, before any array is made of them: their centres may be too large for a number
        lowest, highest = (10 * math.log10(hz / 1000) for hz in (self.bin_hz, self.sr / 2))
        if self.lowest_band < lowest or self.lowest_band + self.n_bands - 1 > highest:
            raise UsageError(
                f"third octaves with lowest_band {self.lowest_band} and n_bands {self.n_bands}: expected bands of "
                f"{math.ceil(lowest)} … {math.floor(highest)}, centred between {self.bin_hz:g} Hz, which frames of "
                f"{self.frame_length} samples can resolve, and half the sample rate of {self.sr} Hz"
            )
        if self.band_bins[-1][1] > self.frame_length // 2:
            raise UsageError(
                f"the band at {self.centres_hz[-1]:.0f} Hz reaches beyond half the sample rate of {self.sr} Hz"
            )

    @property
    def bin_hz(self) -> float:
        """Width of a bin of the Fourier transform in Hz: 7.8125 by default."""
        return self.sr / self.frame_length

    @property
    def n_bins(self) -> int:
        """Bins of the Fourier transform: 2049 by default."""
        return self.frame_length // 2 + 1

    @property
    def frames_per_second(self) -> int:
        """Frames of one second analysed alone: 8 by default."""
        return self.n_frames(self.sr)

    @property
    def period_s(self) -> float:
        """Seconds from one frame to the next: 0.125 by default."""
        return self.hop_length / self.sr

    @property
    def centres_hz(self) -> np.ndarray:
        """Exact centre of each band in Hz: (n_bands,)."""
        return 1000 * 10 ** (np.arange(self.lowest_band, self.lowest_band + self.n_bands) / 10)

    @property
    def band_bins(self) -> list[tuple[int, int]]:
        """First and last bin of each band, both included: list of n_bands pairs."""
        first = np.ceil(self.centres_hz * 10 ** (-1 / 20) / self.bin_hz).astype(int)
        above = self.centres_hz * 10 ** (1 / 20) / self.bin_hz
        last = (np.ceil(above) if self.edges == "dcase2023" else np.floor(above)).astype(int)
        # a band narrower than a bin may hold none: its ends are swapped, so that it takes the two around it
        return [(min(pair), max(pair)) for pair in zip(first.tolist(), last.tolist(), strict=True)]

    @property
    def band_matrix(self) -> np.ndarray:
        """The matrix B of PINV (docs/method.md, section 3): (n_bands, n_bins), one where the band sums the bin."""
        matrix = np.zeros((self.n_bands, self.n_bins))
        for band, (first, last) in enumerate(self.band_bins):
            matrix[band, first : last + 1] = 1
        return matrix

    @property
    def window(self) -> np.ndarray:
        """The frame window: Tukey, alpha 0.2, (frame_length,) float64."""
        window = np.ones(self.frame_length)
        taper = int(TUKEY_ALPHA / 2 * self.frame_length)
        n = np.arange(self.frame_length) / self.frame_length
        turn = 2 * math.pi / TUKEY_ALPHA
        if taper:
            window[:taper] = 0.5 * (1 + np.cos(turn * (n[:taper] - TUKEY_ALPHA / 2)))
            window[-taper:] = 0.5 * (1 + np.cos(turn * (n[-taper:] - 1 + TUKEY_ALPHA / 2)))
        return window

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal of `n_samples`: at least one, the last zero-padded."""
        return max(1, math.ceil((n_samples - self.frame_length) / self.hop_length) + 1)

    def level_to_power(self, level_db: Array) -> Array:
        """Return the power S that a level in dB stands for, numpy or torch as given; inverse of `power_to_level`.

        S = (10^((dB - offset)/20)·frame·sqrt(2)/2)²: sum over the band's bins of |rfft(frame·window)|²,
        divided by the mean of window².
        """
        full_scale = self.frame_length**2 / 2
        return full_scale * 10 ** ((level_db - self.offset_db) / 10)

    def power_to_level(self, power: Any) -> Any:
        """Return the level in dB of a band power, numpy or torch as given; silence reads -180 dB + offset."""
        amplitude = (2 * torch.as_tensor(power)).sqrt() / self.frame_length
        amplitude = torch.where(amplitude > 0, amplitude, SILENT_AMPLITUDE)
        level_db = 20 * torch.log10(amplitude) + self.offset_db
        return level_db.numpy() if isinstance(power, np.ndarray) else level_db

    def levels(self, signal: Array, framing: str = "continuous") -> Array:
        """Return third-octave levels in dB of one or many signals of any length.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (..., n_samples) real, at least one sample, at `self.sr` Hz, full scale 1. Computed in its own
            precision (float64 for float64) on its own device.
        framing : str
            "continuous": as a sensor does, frames over the whole signal. "per_second": each second is
            analysed alone and the last one zero-padded, as experiment 1 does.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            (..., n_frames, n_bands) if continuous, (..., n_seconds, frames_per_second, n_bands) if per second.

        Raises
        ------
        UsageError
            No sample, or an unknown framing.
        """
        tensor = as_real_tensor(signal)
        if framing == "per_second":
            tensor = split_seconds(tensor, self.sr)
        elif framing != "continuous":
            raise UsageError(f"framing {framing!r}: expected continuous or per_second")
        power = self._band_power(tensor)
        return as_given(self.power_to_level(power), signal)

    def _band_power(self, signal: torch.Tensor) -> torch.Tensor:
        """Sum |X|² over each band, corrected for the window's energy: [..., L] -> [..., n_frames, n_bands]."""
        n_frames = self.n_frames(signal.shape[-1])
        padding = (n_frames - 1) * self.hop_length + self.frame_length - signal.shape[-1]
        frames = torch.nn.functional.pad(signal, (0, padding)).unfold(-1, self.frame_length, self.hop_length)
        window, bands = analysis_constants(self, signal.dtype, signal.device)
        power = signal.new_empty(*frames.shape[:-1], self.n_bands).flatten(0, -2)
        # one signal or many, the frames are one list: a view is split where it can be
        frames = frames.reshape(-1, self.frame_length) if frames.dim() > 2 else frames
        for start in range(0, len(power), FRAMES_PER_BLOCK):
            block = slice(start, start + FRAMES_PER_BLOCK)
            spectrum = torch.fft.rfft(frames[block] * window)
            torch.matmul(spectrum.real.square() + spectrum.imag.square(), bands, out=power[block])
        return power.view(*signal.shape[:-1], n_frames, self.n_bands)


THIRD_OCTAVES = ThirdOctaves()  # the published ones, every 125 ms
SECOND_OCTAVES = ThirdOctaves(frame_length=32000, hop_length=32000)  # of sensors that store a row each second


@lru_cache(maxsize=32)
def analysis_constants(
    third_octaves: ThirdOctaves, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the window (frame,) and the band matrix (n_bins, n_bands) over the mean of window²."""
    window = third_octaves.window
    bands = third_octaves.band_matrix.T / np.mean(window**2)
    return (
        torch.as_tensor(window, dtype=dtype, device=device),
        torch.as_tensor(bands, dtype=dtype, device=device),
    )

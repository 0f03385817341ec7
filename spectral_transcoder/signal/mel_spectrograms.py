"""Mel spectrograms: what pretrained classifiers want (docs/method.md, sections 2 and 12).

    signal [..., L] ──pre-emphasis──▶ ──frames, window, rfft──▶ |X|^p [..., T, n_fft // 2 + 1]
           ──Mel filters──▶ [..., T, n_mels] ──log, normalisation──▶ log Mels [..., T, n_mels]

One class, and a record of parameters for each front end: `PANN_MELS`, `YAMNET_MELS`, `EFFICIENTAT_MELS`.
"""

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from spectral_transcoder.signal.framing import Array, as_given, as_real_tensor, split_seconds
from spectral_transcoder.utils.errors import UsageError

FRAMES_PER_BLOCK = 4096  # long signals are analysed piece by piece: memory stays bounded
DB_FLOOR = 1e-10
SLANEY_HZ = 200 / 3  # of one Mel, up to 1 kHz
SLANEY_LOG_HZ = 1000.0
SLANEY_STEP = 15 * math.log(6.4) / 27  # per 15 Mels, of the logarithm of the frequency


@dataclass(frozen=True)
class MelFrontEnd:
    """The Mel spectrogram that a family of classifiers takes.

    Attributes
    ----------
    name : str
        "PANN", "YamNet" or "EfficientAT", as in file names.
    sr, window_length, hop_length, n_fft : int
        Rate in Hz and the short-time Fourier transform, in samples; Hann window, centred frames.
    n_mels, fmin, fmax : int, float, float
        Mel bands, and their limits in Hz.
    htk, norm : bool, str or None
        Scale and normalisation of the filters, as librosa names them.
    power : int
        The filters weigh |X|^power: 2 for power, 1 for magnitude.
    log : str
        "db": 10·log10(max(x, 1e-10)); "ln": ln(x + log_offset).
    chunk_frames : int
        Frames of a one-second chunk that are used.
    patches : bool
        Whether the classifier takes patches of `chunk_frames`, one each second, or the whole spectrogram.
    log_offset : float
        What "ln" adds to the Mel spectrum.
    log_mean, log_std : float
        The log Mels are normalised: (log - log_mean) / log_std.
    pre_emphasis : float
        y[n] = x[n + 1] - pre_emphasis·x[n] comes before the frames, one sample shorter; 0 leaves it out.
    symmetric_window : bool
        Whether the Hann window is symmetric, both its ends 0, or periodic.
    triangles_in_mel : bool
        Whether the filters are triangles over Mels, as Kaldi's are, or over Hz, as librosa's are.
    """

    name: str
    sr: int
    window_length: int
    hop_length: int
    n_fft: int
    n_mels: int
    fmin: float
    fmax: float
    htk: bool
    norm: str | None
    power: int
    log: str
    chunk_frames: int
    patches: bool
    log_offset: float = 0.001
    log_mean: float = 0.0
    log_std: float = 1.0
    pre_emphasis: float = 0.0
    symmetric_window: bool = False
    triangles_in_mel: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What its Mels depend on, for manifests; a field that has a default is left out while it has it."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    @property
    def frames_per_second(self) -> int:
        """Frames from one second to the next: 100."""
        return self.sr // self.hop_length

    @property
    def window(self) -> torch.Tensor:
        """The Hann window: (window_length,) float64."""
        return torch.hann_window(
            self.window_length, periodic=not self.symmetric_window, dtype=torch.float64, device="cpu"
        )

    @property
    def silence(self) -> float:
        """The log Mel of silence."""
        return float(self.to_log(torch.zeros(())))

    @property
    def patch_s(self) -> float:
        """Duration in seconds that the frames of one chunk stand for: 0.96 for YamNet."""
        return self.chunk_frames / self.frames_per_second

    @property
    def edges_mel(self) -> np.ndarray:
        """Where the filters begin, peak and end: filter i at i, i + 1 and i + 2, (n_mels + 2,) in Mels."""
        lowest, highest = hz_to_mel(np.array([self.fmin, self.fmax]), self.htk)
        return np.linspace(lowest, highest, self.n_mels + 2)

    @property
    def edges_hz(self) -> np.ndarray:
        """The same in Hz: (n_mels + 2,)."""
        return mel_to_hz(self.edges_mel, self.htk)

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal of `n_samples` at `self.sr`: they are centred, so one more than hops fit."""
        analysed = n_samples - 1 if self.pre_emphasis else n_samples
        return 1 + analysed // self.hop_length

    def filters(self, n_fft: int | None = None, sr: int | None = None) -> np.ndarray:
        """Return the Mel filters for a Fourier transform of `n_fft` at `sr`: (n_fft // 2 + 1, n_mels) float64."""
        return mel_filters(self, n_fft or self.n_fft, sr or self.sr)

    def filters_before_emphasis(self, n_fft: int | None = None, sr: int | None = None) -> np.ndarray:
        """Return the Mel filters for the |X|^power of a signal without pre-emphasis, which they then include.

        (n_fft // 2 + 1, n_mels) float64. They serve where a spectrum is estimated, not analysed: PINV, sound.
        """
        turn = 2 * np.pi * np.fft.rfftfreq(n_fft or self.n_fft, 1 / (sr or self.sr)) / self.sr
        gain = np.sqrt(
            1 + self.pre_emphasis**2 - 2 * self.pre_emphasis * np.cos(turn)
        )  # |e^jω - pre_emphasis|
        return self.filters(n_fft, sr) * gain[:, None] ** self.power

    def to_log(self, mel: torch.Tensor) -> torch.Tensor:
        """Return the normalised log Mel of a Mel spectrum of |X|^power, any shape."""
        if self.log == "db":
            return (10 * torch.log10(mel.clamp(min=DB_FLOOR)) - self.log_mean) / self.log_std
        return (torch.log(mel + self.log_offset) - self.log_mean) / self.log_std

    def from_log(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Return the Mel spectrum of |X|^power, never negative, that a normalised log Mel stands for."""
        log_mel = log_mel * self.log_std + self.log_mean
        if self.log == "db":
            return 10 ** (log_mel / 10)
        return (torch.exp(log_mel) - self.log_offset).clamp(min=0)

    def to_power_db(self, log_mel: Array) -> Array:
        """Return log Mels, numpy or torch, as decibels of power, for pictures that compare front ends."""
        log_mel = log_mel * self.log_std + self.log_mean
        return log_mel if self.log == "db" else log_mel * (20 / self.power / math.log(10))

    def mels(self, signal: Array) -> Array:
        """Return the log Mel spectrogram of one or many signals of any length.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (..., n_samples) real, at least one sample, at `self.sr` Hz, peak-normalised. Computed in its own
            precision on its own device.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            (..., n_frames, n_mels), in dB (PANN), natural log (YamNet) or normalised natural log (EfficientAT).
        """
        tensor = as_real_tensor(signal)
        window, filters = analysis_constants(self, tensor.dtype, tensor.device)
        if self.pre_emphasis:
            tensor = emphasise(tensor, self.pre_emphasis)
        padded = reflect(tensor, self.n_fft // 2)
        frames = padded.unfold(-1, self.n_fft, self.hop_length)
        mels = tensor.new_empty(*frames.shape[:-1], self.n_mels)
        for start in range(0, frames.shape[-2], FRAMES_PER_BLOCK):
            block = slice(start, start + FRAMES_PER_BLOCK)
            spectrum = torch.fft.rfft(frames[..., block, :] * window)
            energy = spectrum.abs() if self.power == 1 else spectrum.real.square() + spectrum.imag.square()
            mels[..., block, :] = self.to_log(energy @ filters)
        return as_given(mels, signal)

    def chunks(self, signal: Array) -> Array:
        """Return the log Mels of each second analysed alone, the last one zero-padded (docs/method.md, section 1).

        (..., n_samples) -> (..., n_seconds, chunk_frames, n_mels), numpy or torch as given.
        """
        seconds = split_seconds(as_real_tensor(signal), self.sr)
        return as_given(self.mels(seconds)[..., : self.chunk_frames, :], signal)

    def n_patches(self, n_samples: int, shortest_tail_s: float | None = None) -> int:
        """Patches of a signal of `n_samples` at `self.sr`: its seconds, and a tail of `shortest_tail_s` or more.

        A tail has to fill a whole patch by default (0.96 s); there is always one patch, however short the sound.
        """
        shortest_tail_s = self.patch_s if shortest_tail_s is None else shortest_tail_s
        seconds, tail = divmod(n_samples, self.sr)
        return max(1, seconds + (tail >= shortest_tail_s * self.sr))

    def classifier_input(self, signal: Array, shortest_tail_s: float | None = None) -> Array:
        """Return what the classifier takes of a whole recording.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (n_samples,) at `self.sr` Hz, peak-normalised.
        shortest_tail_s : float, optional
            How much of a last second has to be there for a patch of its own; 0.96 s by default, as published
            for true Mels. Transcoders keep 0.5 s (docs/method.md, section 1): pass theirs to compare the two.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            PANN and EfficientAT: (1, n_frames, n_mels), the whole spectrogram. YamNet: (n_patches, 96, n_mels),
            from the whole recording's transform, one patch each second; what a patch lacks is analysed as
            silence.
        """
        if not self.patches:
            return self.mels(signal)[None]
        tensor = as_real_tensor(signal)
        n_patches = self.n_patches(tensor.shape[-1], shortest_tail_s)
        needed = (n_patches - 1) * self.sr + math.ceil(self.patch_s * self.sr)
        tensor = torch.nn.functional.pad(tensor, (0, max(0, needed - tensor.shape[-1])))
        patches = self.mels(tensor).unfold(-2, self.chunk_frames, self.frames_per_second)[:n_patches].mT
        return as_given(patches, signal)


PANN_MELS = MelFrontEnd(
    name="PANN",
    sr=32000,
    window_length=1024,
    hop_length=320,
    n_fft=1024,
    n_mels=64,
    fmin=50,
    fmax=14000,
    htk=False,
    norm="slaney",
    power=2,
    log="db",
    chunk_frames=101,
    patches=False,
)
YAMNET_MELS = MelFrontEnd(
    name="YamNet",
    sr=16000,
    window_length=400,
    hop_length=160,
    n_fft=512,
    n_mels=64,
    fmin=125,
    fmax=7500,
    htk=True,
    norm=None,
    power=1,
    log="ln",
    chunk_frames=96,
    patches=True,
)
# EfficientAT's filters are Kaldi's, whose Mels, 1127·ln(1 + f/700), are HTK's but for the unit.
EFFICIENTAT_MELS = MelFrontEnd(
    name="EfficientAT",
    sr=32000,
    window_length=800,
    hop_length=320,
    n_fft=1024,
    n_mels=128,
    fmin=0,
    fmax=15000,
    htk=True,
    norm=None,
    power=2,
    log="ln",
    chunk_frames=100,
    patches=False,
    log_offset=1e-5,
    log_mean=-4.5,
    log_std=5.0,
    pre_emphasis=0.97,
    symmetric_window=True,
    triangles_in_mel=True,
)
FRONT_ENDS = {front_end.name: front_end for front_end in (PANN_MELS, YAMNET_MELS, EFFICIENTAT_MELS)}
PUBLISHED_FRONT_ENDS = (PANN_MELS.name, YAMNET_MELS.name)


def front_end_named(name: str) -> MelFrontEnd:
    """Return the front end of that name; raise UsageError naming the choices."""
    if name not in FRONT_ENDS:
        raise UsageError(f"Mel front end {name!r}: expected one of {', '.join(FRONT_ENDS)}")
    return FRONT_ENDS[name]


def emphasise(signal: torch.Tensor, coefficient: float) -> torch.Tensor:
    """Return x[n + 1] - coefficient·x[n] of a signal (..., n), (..., n - 1); a single sample is followed by silence."""
    if signal.shape[-1] == 1:
        signal = torch.nn.functional.pad(signal, (0, 1))
    return signal[..., 1:] - coefficient * signal[..., :-1]


def reflect(signal: torch.Tensor, padding: int) -> torch.Tensor:
    """Pad (..., n) with its mirror image at both ends, however short it is: mirrors of mirrors, as numpy does."""
    n_samples = signal.shape[-1]
    if n_samples > padding:
        flat = torch.nn.functional.pad(signal.reshape(1, -1, n_samples), (padding, padding), mode="reflect")
        return flat.view(*signal.shape[:-1], -1)
    period = max(1, 2 * (n_samples - 1))
    index = torch.arange(-padding, n_samples + padding, device=signal.device) % period
    return signal[..., torch.where(index < n_samples, index, period - index)]


@lru_cache(maxsize=32)
def mel_filters(front_end: MelFrontEnd, n_fft: int, sr: int) -> np.ndarray:
    """Return (n_fft // 2 + 1, n_mels) float64 triangular filters, read-only; librosa's own, without its 200 MB."""
    edges = front_end.edges_hz
    frequencies = np.fft.rfftfreq(n_fft, 1 / sr)[:, None]
    if front_end.triangles_in_mel:
        edges, frequencies = front_end.edges_mel, hz_to_mel(frequencies, front_end.htk)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters = np.minimum(rising, falling).clip(min=0)
    if front_end.norm == "slaney":  # equal area
        filters *= 2 / (edges[2:] - edges[:-2])
    filters.flags.writeable = False
    return filters


def hz_to_mel(hz: np.ndarray, htk: bool) -> np.ndarray:
    """Return Mels of frequencies in Hz: HTK's formula, or Slaney's, linear up to 1 kHz and logarithmic above."""
    if htk:
        return 2595 * np.log10(1 + hz / 700)
    return (
        np.where(hz < SLANEY_LOG_HZ, hz, SLANEY_LOG_HZ * (1 + np.log(hz / SLANEY_LOG_HZ) / SLANEY_STEP))
        / SLANEY_HZ
    )


def mel_to_hz(mel: np.ndarray, htk: bool) -> np.ndarray:
    """Return frequencies in Hz of Mels, the inverse of `hz_to_mel`."""
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    hz = mel * SLANEY_HZ
    return np.where(hz < SLANEY_LOG_HZ, hz, SLANEY_LOG_HZ * np.exp((hz / SLANEY_LOG_HZ - 1) * SLANEY_STEP))


@lru_cache(maxsize=32)
def analysis_constants(
    front_end: MelFrontEnd, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the window, centred in (n_fft,), and the filters (n_bins, n_mels)."""
    missing = front_end.n_fft - front_end.window_length
    window = torch.nn.functional.pad(front_end.window, (missing // 2, missing - missing // 2))
    return window.to(device, dtype), torch.tensor(front_end.filters()).to(device, dtype)

"""Mel spectrograms: what pretrained classifiers want (SPEC section 2).

One class, a record of parameters for each classifier's front end: `PANN_MELS` and `YAMNET_MELS`.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from spectral_transcoder.signal.framing import as_real_tensor, split_seconds
from spectral_transcoder.utils.errors import UsageError

FRAMES_PER_BLOCK = 4096  # long signals are analysed piece by piece: memory stays bounded
DB_FLOOR = 1e-10
LN_OFFSET = 0.001
SLANEY_HZ = 200 / 3  # of one Mel, up to 1 kHz
SLANEY_LOG_HZ = 1000.0
SLANEY_STEP = 15 * math.log(6.4) / 27  # per 15 Mels, of the logarithm of the frequency


@dataclass(frozen=True)
class MelFrontEnd:
    """The Mel spectrogram of one classifier.

    Attributes
    ----------
    name : str
        "PANN" or "YamNet", as in factor values and file names.
    sr, window_length, hop_length, n_fft : int
        Rate in Hz and the short-time Fourier transform, in samples; Hann window, centred frames.
    n_mels, fmin, fmax : int, float, float
        Mel bands, and their limits in Hz.
    htk, norm : bool, str or None
        Scale and normalisation of the filters, as librosa names them.
    power : int
        The filters weigh |X|^power: 2 for power, 1 for magnitude.
    log : str
        "db": 10·log10(max(x, 1e-10)); "ln": ln(x + 0.001).
    chunk_frames : int
        Frames of a one-second chunk that are used.
    patches : bool
        Whether the classifier takes patches of `chunk_frames`, one each second, or the whole spectrogram.
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

    @property
    def frames_per_second(self):
        """Frames from one second to the next: 100."""
        return self.sr // self.hop_length

    @property
    def patch_s(self):
        """Duration in seconds that the frames of one chunk stand for: 0.96 for YamNet."""
        return self.chunk_frames / self.frames_per_second

    @property
    def edges_hz(self):
        """Where the filters begin, peak and end: filter i at i, i + 1 and i + 2, (n_mels + 2,) in Hz."""
        lowest, highest = hz_to_mel(np.array([self.fmin, self.fmax]), self.htk)
        return mel_to_hz(np.linspace(lowest, highest, self.n_mels + 2), self.htk)

    def n_frames(self, n_samples):
        """Frames of a signal of `n_samples` at `self.sr`: they are centred, so one more than hops fit."""
        return 1 + n_samples // self.hop_length

    def filters(self, n_fft=None, sr=None):
        """Return the Mel filters for a Fourier transform of `n_fft` at `sr`: (n_fft // 2 + 1, n_mels) float64."""
        return mel_filters(self, n_fft or self.n_fft, sr or self.sr)

    def to_log(self, mel):
        """Return the log Mel of a Mel spectrum of |X|^power, any shape, a tensor."""
        if self.log == "db":
            return 10 * torch.log10(mel.clamp(min=DB_FLOOR))
        return torch.log(mel + LN_OFFSET)

    def from_log(self, log_mel):
        """Return the Mel spectrum of |X|^power, never negative, that a log Mel stands for."""
        if self.log == "db":
            return 10 ** (log_mel / 10)
        return (torch.exp(log_mel) - LN_OFFSET).clamp(min=0)

    def to_power_db(self, log_mel):
        """Return log Mels, numpy or torch, as decibels of power, for pictures that compare front ends."""
        return log_mel if self.log == "db" else log_mel * (20 / self.power / math.log(10))

    def mels(self, signal):
        """Return the log Mel spectrogram of one or many signals of any length.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (..., n_samples) real, at least one sample, at `self.sr` Hz, peak-normalised. Computed in its own
            precision on its own device.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            (..., n_frames, n_mels), in dB (PANN) or natural log (YamNet).
        """
        tensor = as_real_tensor(signal)
        window, filters = analysis_constants(self, tensor.dtype, tensor.device)
        padded = reflect(tensor, self.n_fft // 2)
        frames = padded.unfold(-1, self.n_fft, self.hop_length)
        mels = tensor.new_empty(*frames.shape[:-1], self.n_mels)
        for start in range(0, frames.shape[-2], FRAMES_PER_BLOCK):
            block = slice(start, start + FRAMES_PER_BLOCK)
            spectrum = torch.fft.rfft(frames[..., block, :] * window)
            energy = spectrum.abs() if self.power == 1 else spectrum.real.square() + spectrum.imag.square()
            mels[..., block, :] = self.to_log(energy @ filters)
        return mels.numpy() if isinstance(signal, np.ndarray) else mels

    def chunks(self, signal):
        """Return the log Mels of each second analysed alone, the last one zero-padded (SPEC, framing).

        (..., n_samples) -> (..., n_seconds, chunk_frames, n_mels), numpy or torch as given.
        """
        seconds = split_seconds(as_real_tensor(signal), self.sr)
        mels = self.mels(seconds)[..., : self.chunk_frames, :]
        return mels.numpy() if isinstance(signal, np.ndarray) else mels

    def n_patches(self, n_samples, shortest_tail_s=None):
        """Patches of a signal of `n_samples` at `self.sr`: its seconds, and a tail of `shortest_tail_s` or more.

        A tail has to fill a whole patch by default (0.96 s); there is always one patch, however short the sound.
        """
        shortest_tail_s = self.patch_s if shortest_tail_s is None else shortest_tail_s
        seconds, tail = divmod(n_samples, self.sr)
        return max(1, seconds + (tail >= shortest_tail_s * self.sr))

    def classifier_input(self, signal, shortest_tail_s=None):
        """Return what the classifier takes of a whole recording.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (n_samples,) at `self.sr` Hz, peak-normalised.
        shortest_tail_s : float, optional
            How much of a last second has to be there for a patch of its own; 0.96 s by default, as published
            for true Mels. Transcoders keep 0.5 s (SPEC, framing): pass theirs to compare the two.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            PANN: (1, n_frames, n_mels), the whole spectrogram. YamNet: (n_patches, 96, n_mels), from the whole
            recording's transform, one patch each second; what a patch lacks is analysed as silence.
        """
        if not self.patches:
            return self.mels(signal)[None]
        tensor = as_real_tensor(signal)
        n_patches = self.n_patches(tensor.shape[-1], shortest_tail_s)
        needed = (n_patches - 1) * self.sr + math.ceil(self.patch_s * self.sr)
        tensor = torch.nn.functional.pad(tensor, (0, max(0, needed - tensor.shape[-1])))
        patches = self.mels(tensor).unfold(-2, self.chunk_frames, self.frames_per_second)[:n_patches].mT
        return patches.numpy() if isinstance(signal, np.ndarray) else patches


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
FRONT_ENDS = {front_end.name: front_end for front_end in (PANN_MELS, YAMNET_MELS)}


def front_end_named(name):
    """Return the front end of that name; raise UsageError naming the choices."""
    if name not in FRONT_ENDS:
        raise UsageError(f"Mel front end {name!r}: expected one of {', '.join(FRONT_ENDS)}")
    return FRONT_ENDS[name]


def reflect(signal, padding):
    """Pad (..., n) with its mirror image at both ends, however short it is: mirrors of mirrors, as numpy does."""
    n_samples = signal.shape[-1]
    if n_samples > padding:
        flat = torch.nn.functional.pad(signal.reshape(1, -1, n_samples), (padding, padding), mode="reflect")
        return flat.view(*signal.shape[:-1], -1)
    period = max(1, 2 * (n_samples - 1))
    index = torch.arange(-padding, n_samples + padding, device=signal.device) % period
    return signal[..., torch.where(index < n_samples, index, period - index)]


@lru_cache(maxsize=32)
def mel_filters(front_end, n_fft, sr):
    """Return (n_fft // 2 + 1, n_mels) float64 triangular filters, read-only; librosa's own, without its 200 MB."""
    edges = front_end.edges_hz
    frequencies = np.fft.rfftfreq(n_fft, 1 / sr)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters = np.minimum(rising, falling).clip(min=0)
    if front_end.norm == "slaney":  # equal area
        filters *= 2 / (edges[2:] - edges[:-2])
    filters.flags.writeable = False
    return filters


def hz_to_mel(hz, htk):
    """Return Mels of frequencies in Hz: HTK's formula, or Slaney's, linear up to 1 kHz and logarithmic above."""
    if htk:
        return 2595 * np.log10(1 + hz / 700)
    return (
        np.where(hz < SLANEY_LOG_HZ, hz, SLANEY_LOG_HZ * (1 + np.log(hz / SLANEY_LOG_HZ) / SLANEY_STEP))
        / SLANEY_HZ
    )


def mel_to_hz(mel, htk):
    """Return frequencies in Hz of Mels, the inverse of `hz_to_mel`."""
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    hz = mel * SLANEY_HZ
    return np.where(hz < SLANEY_LOG_HZ, hz, SLANEY_LOG_HZ * np.exp((hz / SLANEY_LOG_HZ - 1) * SLANEY_STEP))


@lru_cache(maxsize=32)
def analysis_constants(front_end, dtype, device):
    """Return the Hann window, centred in (n_fft,), and the filters (n_bins, n_mels)."""
    window = torch.hann_window(front_end.window_length, periodic=True, dtype=torch.float64)
    missing = front_end.n_fft - front_end.window_length
    window = torch.nn.functional.pad(window, (missing // 2, missing - missing // 2))
    filters = torch.tensor(front_end.filters())
    return window.to(device, dtype), filters.to(device, dtype)

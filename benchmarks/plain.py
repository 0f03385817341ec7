"""Third octaves and Mels as one writes them first: what the benchmarks compare with."""

from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import librosa
import numpy as np

from spectral_transcoder.datasets.chunks import THIRD_OCTAVES, mels_array
from spectral_transcoder.signal.audio import peak_normalise
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS, MelFrontEnd
from spectral_transcoder.signal.third_octaves import ThirdOctaves


def plain_arrays(file: Path, third_octaves: ThirdOctaves) -> dict[str, np.ndarray]:
    """Return array name -> (n_seconds, frames, bands), as one writes it first."""
    signal = peak_normalise(librosa.load(file, sr=third_octaves.sr)[0])
    seconds = [signal[start : start + third_octaves.sr] for start in whole_seconds(signal, third_octaves.sr)]
    arrays = {THIRD_OCTAVES: np.stack([plain_levels(second, third_octaves) for second in seconds])}
    for record in (PANN_MELS, YAMNET_MELS):
        if record.sr != third_octaves.sr:
            signal = peak_normalise(librosa.load(file, sr=record.sr)[0])
        seconds = [signal[start : start + record.sr] for start in whole_seconds(signal, record.sr)]
        arrays[mels_array(record)] = np.stack(
            [plain_mels(second, record)[: record.chunk_frames] for second in seconds]
        )
    return arrays


def whole_seconds(signal: np.ndarray, sr: int) -> range:
    """Return the first sample of each whole second."""
    return range(0, len(signal) - sr + 1, sr)


def plain_levels(second: np.ndarray, record: ThirdOctaves) -> np.ndarray:
    """Return the third octaves of one second, frame by frame and band by band: (frames, bands)."""
    levels = np.empty((record.frames_per_second, record.n_bands))
    window = record.window
    gain = 1 / np.sqrt(np.mean(window**2))
    for index in range(len(levels)):
        frame = second[index * record.hop_length :][: record.frame_length]
        power = np.abs(np.fft.rfft(frame * window[: len(frame)], record.frame_length)) ** 2
        for band, (first, last) in enumerate(record.band_bins):
            amplitude = gain * np.sqrt(power[first : last + 1].sum() / 2) / (record.frame_length / 2)
            levels[index, band] = 20 * np.log10(max(amplitude, 1e-9)) + record.offset_db
    return levels


def plain_mels(signal: np.ndarray, record: MelFrontEnd) -> np.ndarray:
    """Return the log Mels of a signal as librosa computes them: (n_frames, n_mels)."""
    mels = librosa.feature.melspectrogram(
        y=signal,
        sr=record.sr,
        n_fft=record.n_fft,
        hop_length=record.hop_length,
        win_length=record.window_length,
        pad_mode="reflect",
        power=record.power,
        n_mels=record.n_mels,
        fmin=record.fmin,
        fmax=record.fmax,
        htk=record.htk,
        norm=record.norm,
    )
    logs = 10 * np.log10(np.maximum(mels, 1e-10)) if record.log == "db" else np.log(mels + 0.001)
    return logs.T

"""Sounds in and out: reading any format that soundfile knows, resampling, peak normalisation, writing."""

import contextlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from spectral_transcoder.utils.errors import AudioError, MissingFileError, UsageError
from spectral_transcoder.utils.files import atomic_path

AUDIO_SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
AUDIO_SUFFIXES -= {".raw"}  # headerless: it says neither rate nor format
LONGEST_SAMPLES = 2**40  # 8 months at 48 kHz: a header that says more does not know


@dataclass(frozen=True)
class Recording:
    """A mono sound at its own rate, from which every analysis takes the rate that it needs.

    Attributes
    ----------
    samples : np.ndarray
        (n_samples,) float32, at least one sample, all finite; channels averaged.
    sr : int
        Sample rate in Hz.
    name : str
        The file's name without its suffix, for titles and output files.
    """

    samples: np.ndarray
    sr: int
    name: str = "recording"
    _resampled: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def duration_s(self):
        """Duration in seconds."""
        return len(self.samples) / self.sr

    def at(self, sr):
        """Return the sound at `sr` Hz with its highest absolute sample at 1 (SPEC section 2): (n,) float32.

        It is resampled from the original rate each time, not from another resampling. Silence stays silent.
        """
        if sr not in self._resampled:
            self._resampled[sr] = peak_normalise(resample(self.samples, self.sr, sr))
        return self._resampled[sr]


def read_audio(path):
    """Read a sound file of any format, rate and channel count as a mono `Recording`.

    Raises
    ------
    MissingFileError
        There is no such file.
    AudioError
        It is no sound that soundfile reads, holds no sample, was cut off, or has samples that are not numbers.
    """
    path = Path(path)
    with open_sound(path) as sound:
        promised, sr = sound.frames, sound.samplerate
        samples = sound.read(dtype="float32", always_2d=True)
    if len(samples) < promised:
        raise AudioError(
            f"{path} is truncated: its header promises {promised} samples, {len(samples)} are there"
        )
    return Recording(check_samples(samples.mean(axis=1), path), sr, path.stem)


@contextlib.contextmanager
def open_sound(path):
    """Yield a sound file, open for reading; its header has been checked, its samples have not.

    Raises
    ------
    MissingFileError
        There is no such file.
    AudioError
        It is no sound that soundfile reads, holds no sample, does not say how many, or is a wav cut off.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no audio file at {path}")
    refuse_truncated_wav(path)
    try:
        with soundfile.SoundFile(path) as sound:
            if sound.frames == 0:
                raise AudioError(f"{path} holds no sample: expected at least one")
            if sound.frames > LONGEST_SAMPLES:  # what libsndfile says of a flac that was piped, for one
                raise AudioError(f"{path} does not say how long it is: write it again as wav")
            yield sound
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # TypeError: a headerless file
        raise AudioError(
            f"{path} cannot be read as audio ({error}): give a wav, flac, ogg or mp3 file"
        ) from error


def refuse_truncated_wav(path):
    """Raise AudioError where a wav file is shorter than its data chunk says; soundfile would not tell."""
    with Path(path).open("rb") as file:
        if file.read(4) != b"RIFF":
            return
        size = path.stat().st_size
        position = 12
        while position + 8 <= size:
            file.seek(position)
            chunk, length = struct.unpack("<4sI", file.read(8))
            if chunk == b"data":
                # streaming writers leave 0 or 0xFFFFFFFF there: no promise, nothing to check
                if length not in (0, 0xFFFFFFFF) and position + 8 + length > size:
                    present = size - position - 8
                    raise AudioError(
                        f"{path} is truncated: its header promises {length} bytes of samples, {present} are there"
                    )
                return
            position += 8 + length + length % 2


def check_samples(samples, origin="the signal"):
    """Return `samples` if all are finite, else raise AudioError naming the first that is not."""
    wrong = np.flatnonzero(~np.isfinite(samples))
    if wrong.size:
        raise AudioError(
            f"{origin}: {wrong.size} samples are not finite numbers, the first at index {wrong[0]}"
        )
    return samples


def resample(samples, sr_from, sr_to):
    """Resample (n,) to ceil(n · sr_to / sr_from) samples with soxr's high quality, as librosa does by default."""
    if sr_from == sr_to:
        return samples
    n_samples = -(-len(samples) * sr_to // sr_from)
    resampled = soxr.resample(samples, sr_from, sr_to, quality="HQ")[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def peak_normalise(samples):
    """Scale so that the highest absolute sample is 1; silence stays silent."""
    peak = np.abs(samples).max()
    return samples / peak if peak > 0 else samples


def find_audio(names, folder):
    """Return the sound files that `names` mean: files, folders of files, or bare names inside `folder`.

    Parameters
    ----------
    names : list of str
        Paths, or names inside `folder`. A path that exists wins over a bare name.
    folder : Path
        Where bare names are looked for.

    Raises
    ------
    MissingFileError
        A name is neither, or a folder holds no sound.
    """
    found = []
    for name in names:
        path = next((p for p in (Path(name), folder / name) if p.exists()), None)
        if path is None:
            raise MissingFileError(f"no audio file {name}: expected a path, or a name inside {folder}")
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in AUDIO_SUFFIXES)
            if not inside:
                raise MissingFileError(f"the folder {path} holds no audio file")
            found += inside
        else:
            found.append(path)
    return found


def write_wav(path, samples, sr):
    """Write (n,) samples as a 16-bit wav, atomically; louder than full scale is scaled down to it."""
    if sr <= 0:
        raise UsageError(f"a sample rate of {sr} Hz: expected a positive one")
    if Path(path).suffix.lower() != ".wav":
        raise UsageError(f"{path}: expected a name that ends in .wav")
    peak = np.abs(check_samples(samples, path)).max(initial=0)
    with atomic_path(path) as temporary:
        soundfile.write(temporary, samples / max(peak, 1.0), sr, subtype="PCM_16")


def write_ogg(path, samples, sr):
    """Write (n,) samples as Ogg Vorbis, a tenth of a wav's size, atomically; louder than full scale as above."""
    peak = np.abs(check_samples(samples, path)).max(initial=0)
    scaled = samples / max(peak, 1.0)
    with (
        atomic_path(path) as temporary,
        soundfile.SoundFile(temporary, "w", sr, 1, "VORBIS", format="OGG") as file,
    ):
        for second in np.split(scaled, range(sr, len(scaled), sr)):  # libvorbis overflows on long blocks
            file.write(second)

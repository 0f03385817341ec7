"""Sounds in and out: reading any format that soundfile or ffmpeg knows, resampling, peak normalisation, writing."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from spectral_transcoder.signal.ffmpeg import FFMPEG_SUFFIXES, decoded, ffmpeg_installed
from spectral_transcoder.signal.patched_files import PatchedFile
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.signal.sound_lengths.formats import sound_length
from spectral_transcoder.signal.sound_lengths.length import SoundLength
from spectral_transcoder.utils.errors import AudioError, MissingFileError, UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.words import counted

AUDIO_SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
AUDIO_SUFFIXES -= {".raw"}  # headerless: it says neither rate nor format
LONGEST_SAMPLES = 2**40  # 8 months at 48 kHz: a header that says more does not know
FRAMES_PER_BLOCK = 1 << 10  # of what may end anywhere: what comes before the end is not lost
MOST_LOSS_DB = 20  # that averaging may take from the channels
SILENT_POWER = 1e-10  # of full scale
FORMATS_BY_LOG = ("VOC", "WVE", "MAT4")
ACCEPT = "; what is there can be used with --accept_truncated"


def readable_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of sounds that can be read here: more where ffmpeg is installed."""
    return frozenset(AUDIO_SUFFIXES) | (FFMPEG_SUFFIXES if ffmpeg_installed() else frozenset())


@dataclass(frozen=True)
class Recording:
    """A mono sound at its own rate, from which every analysis takes the rate that it needs.

    Attributes
    ----------
    samples : np.ndarray
        (n_samples,) float32, at least one sample, all finite; channels averaged, or one of them.
    sr : int
        Sample rate in Hz.
    name : str
        The file's name without its suffix, for titles and output files.
    remarks : tuple of str
        What a user should know of the file: that it was cut off, or that its channels cancel.
    peak : float
        The highest absolute sample at every rate; 1, but for a sound that was turned down.
    """

    samples: np.ndarray
    sr: int
    name: str = "recording"
    remarks: tuple[str, ...] = ()
    peak: float = 1.0
    _resampled: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sr

    def at(self, sr: int) -> np.ndarray:
        """Return the sound at `sr` Hz with its highest absolute sample at `peak`: (n,) float32.

        That is 1 for every sound that was read (docs/method.md, section 2).

        It is resampled from the original rate each time, not from another resampling. Silence stays silent.
        """
        if sr not in self._resampled:
            normalised = peak_normalise(resample(self.samples, self.sr, sr))
            self._resampled[sr] = normalised if self.peak == 1 else normalised * np.float32(self.peak)
        return self._resampled[sr]


def read_audio(path: str | Path, reading: Reading = AS_USUAL) -> Recording:
    """Read a sound file of any format, rate and channel count as a mono `Recording`.

    Raises
    ------
    MissingFileError
        There is no such file.
    AudioError
        It is no sound that soundfile or ffmpeg reads, holds no sample, was cut off, has samples that are not
        numbers, or has no such channel.
    """
    path = Path(path)
    with open_sound(path, reading.accept_truncated, reading.decoded_in) as sound:
        channels = sound.read()
    if not len(channels):
        raise AudioError(f"{path} holds no sample that can be read: expected at least one")
    remarks: tuple[str, ...] = ()
    if sound.fault is not None:
        remarks = (f"{path} is truncated, and was read all the same: {sound.fault}",)
    if reading.channel is not None:
        if reading.channel > channels.shape[1]:
            raise AudioError(
                f"{path} has {counted(channels.shape[1], 'channel')}: there is no channel {reading.channel}"
            )
        samples = channels[:, reading.channel - 1]
    else:
        with np.errstate(invalid="ignore", over="ignore"):  # samples that are no numbers are refused below
            samples = channels.mean(axis=1)
        remarks += remarks_on_cancelling(channels, samples, path)
    return Recording(check_samples(samples, path), sound.samplerate, path.stem, remarks)


def remarks_on_cancelling(channels: np.ndarray, mean: np.ndarray, path: Path) -> tuple[str, ...]:
    """Return a remark where channels (n, n_channels) lose more than 20 dB in their mean (n,), as opposite ones do."""
    if channels.shape[1] == 1:
        return ()
    with np.errstate(invalid="ignore", over="ignore"):  # samples that are no numbers are refused elsewhere
        power = np.mean([power_of(channel) for channel in channels.T])
        kept = power_of(mean)
    if power < SILENT_POWER or not kept <= power * 10 ** (-MOST_LOSS_DB / 10):
        return ()
    return (
        f"{path}: its channels cancel when averaged, by more than {MOST_LOSS_DB} dB: choose one with --channel",
    )


def power_of(samples: np.ndarray) -> float:
    """Return the mean power of samples (n,) about their mean: constant offsets, as of a microphone, do not sound."""
    sounding = samples - np.float32(samples.mean(dtype=np.float64))
    return float(np.vdot(sounding, sounding)) / len(samples)


class ForwardSoundFile(soundfile.SoundFile):
    """A sound file that is read from its beginning to its end: decoders cannot seek where the length is unknown."""

    def seekable(self) -> bool:
        """Return False, so that soundfile does not seek after each block."""
        return False


class Sound:
    """A sound file that is open for reading.

    Attributes
    ----------
    samplerate : int
        Sample rate in Hz.
    fault : str or None
        What is wrong with its length, where it is read all the same.
    """

    def __init__(self, file: soundfile.SoundFile, length: SoundLength, accept_truncated: bool) -> None:
        self._file, self._length = file, length
        self._accept_truncated = accept_truncated
        self.fault = length.fault or _fault_in_log(file)
        self.samplerate: int = file.samplerate

    @property
    def frames(self) -> int:
        """How many frames there are; where neither header nor size says it, they are counted by decoding them."""
        return sum(len(block) for block in self._blocks()) if self._is_open_ended else self._promised

    def read(self) -> np.ndarray:
        """Return all frames: (n, n_channels) float32.

        Raises
        ------
        AudioError
            The file was cut off, and that is not accepted.
        """
        if self._is_open_ended:
            blocks = list(self._blocks())
            return np.concatenate(blocks) if blocks else np.zeros((0, self._file.channels), np.float32)
        try:
            samples = self._file.read(self._promised, dtype="float32", always_2d=True)
        except MemoryError:  # of headers that are damaged, and say more than anybody records
            raise AudioError(
                f"its header promises {self._promised} samples, more than memory holds"
            ) from None
        except soundfile.SoundFileError as error:
            raise AudioError(f"it cannot be decoded to its end ({error}){ACCEPT}") from error
        if len(samples) < self._promised:
            raise AudioError(f"{self._too_few(len(samples))}{ACCEPT}")
        return samples

    @property
    def _is_open_ended(self) -> bool:
        """Whether it is read until its end, wherever that is."""
        unknown = self._length.estimated or self._file.frames > LONGEST_SAMPLES
        return self._accept_truncated or self.fault is not None or unknown

    @property
    def _promised(self) -> int:
        """Frames without those that fill the last block of a compressed wav."""
        return self._length.exact_frames(self._file.frames)

    def _blocks(self) -> Iterator[np.ndarray]:
        """Yield blocks until the end, or until the decoder fails on what was cut off; that is the fault then."""
        n_read, promised = 0, self._promised
        while n_read < promised:
            try:
                n_wanted = min(FRAMES_PER_BLOCK, promised - n_read)
                block = self._file.read(n_wanted, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                if not self._accept_truncated:
                    raise
                self.fault = self.fault or f"it cannot be decoded to its end ({error})"
                return
            if not len(block):
                break
            n_read += len(block)
            yield block
        if n_read < promised <= LONGEST_SAMPLES and not self._length.estimated:
            self.fault = self.fault or self._too_few(n_read)

    def _too_few(self, n_read: int) -> str:
        return f"its header promises {self._promised} samples, {n_read} are there"


def _fault_in_log(file: soundfile.SoundFile) -> str | None:
    """Return what libsndfile's log says of a file that was cut off, of the formats whose headers are not read here."""
    line = re.search(r".*(truncated|Data length \d+ should be).*", file.extra_info)
    return None if line is None or file.format not in FORMATS_BY_LOG else line[0].strip(" *")


@contextlib.contextmanager
def open_sound(
    path: str | Path, accept_truncated: bool = False, decoded_in: Path | None = None
) -> Iterator[Sound]:
    """Yield a sound file, open for reading; its header has been checked, its samples have not.

    What soundfile does not read is decoded by ffmpeg first, where that is installed and the suffix is one of
    `FFMPEG_SUFFIXES`. The parameters are those of `Reading`.

    Raises
    ------
    MissingFileError
        There is no such file.
    AudioError
        It is no sound that soundfile or ffmpeg reads, holds no sample, or was cut off.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no audio file at {path}")
    if path.stat().st_size == 0:
        raise AudioError(f"{path} is empty: expected a sound")
    if not _needs_ffmpeg(path):
        with _open_checked(path, path, accept_truncated) as sound:
            yield sound
        return
    with (
        decoded(path, accept_truncated, decoded_in) as (wav, fault),
        _open_checked(wav, path, accept_truncated) as sound,
    ):
        sound.fault = sound.fault or fault
        yield sound


def _needs_ffmpeg(path: Path) -> bool:
    """Return whether ffmpeg has to decode a file and can: soundfile reads some whose suffixes say otherwise."""
    if path.suffix.lower() not in FFMPEG_SUFFIXES or not ffmpeg_installed():
        return False
    try:
        soundfile.info(os.fsencode(path))
    except soundfile.SoundFileError:
        return True
    return False


@contextlib.contextmanager
def _open_checked(file_path: Path, path: Path, accept_truncated: bool) -> Iterator[Sound]:
    """Yield the sound of a file that soundfile reads; errors name `path`, from which it may have been decoded."""
    length = sound_length(file_path)
    try:
        with _sound_file(file_path, length) as file:
            sound = Sound(file, length, accept_truncated)
            if sound.fault is not None and not (accept_truncated and length.usable):
                raise AudioError(f"{sound.fault}{ACCEPT if length.usable else ''}")
            if file.frames == 0 and sound.fault is None:
                raise AudioError("it holds no sample: expected at least one")
            yield sound
    except AudioError as error:
        raise AudioError(f"{path} is no whole sound: {error}") from error
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # TypeError: a headerless file
        why = length.fault or f"{error}".replace(f"{os.fsencode(file_path)!r}: ", "")
        raise AudioError(
            f"{path} cannot be read as audio ({why}): give a wav, flac, ogg or mp3 file"
        ) from error


@contextlib.contextmanager
def _sound_file(path: Path, length: SoundLength) -> Iterator[soundfile.SoundFile]:
    """Open a file as it is, or with the length that its header should have."""
    if not length.patch:
        with ForwardSoundFile(os.fsencode(path)) as file:  # soundfile encodes text names strictly
            yield file
        return
    with io.BufferedReader(PatchedFile(path, length.patch)) as patched, ForwardSoundFile(patched) as file:
        yield file


def check_samples(samples: np.ndarray, origin: str | Path = "the signal") -> np.ndarray:
    """Return `samples` if all are finite, else raise AudioError naming the first that is not."""
    wrong = np.flatnonzero(~np.isfinite(samples))
    if wrong.size:
        samples_are = counted(wrong.size, "sample is no finite number", "samples are not finite numbers")
        raise AudioError(f"{origin}: {samples_are}, the first at index {wrong[0]}")
    return samples


def resample(samples: np.ndarray, sr_from: int, sr_to: int) -> np.ndarray:
    """Resample (n,) to ceil(n · sr_to / sr_from) samples with soxr's high quality, as librosa does by default."""
    if sr_from == sr_to:
        return samples
    n_samples = -(-len(samples) * sr_to // sr_from)
    resampled = soxr.resample(samples, sr_from, sr_to, quality="HQ")[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def peak_normalise(samples: np.ndarray) -> np.ndarray:
    """Scale so that the highest absolute sample is 1; silence stays silent."""
    peak = np.abs(samples).max()
    return samples / peak if peak > 0 else samples


@contextlib.contextmanager
def writing_reported(path: str | Path) -> Iterator[None]:
    """Turn what libsndfile says of a disk without space into an error that names the file to be written."""
    try:
        yield
    except soundfile.SoundFileError as error:
        raise AudioError(
            f"{path} cannot be written ({error}): there may be no space left, free some or choose another folder"
        ) from error


def write_wav(path: str | Path, samples: np.ndarray, sr: int) -> None:
    """Write (n,) samples as a 16-bit wav, atomically; louder than full scale is scaled down to it."""
    if sr <= 0:
        raise UsageError(f"a sample rate of {sr} Hz: expected a positive one")
    if Path(path).suffix.lower() != ".wav":
        raise UsageError(f"{path}: expected a name that ends in .wav")
    peak = np.abs(check_samples(samples, path)).max(initial=0)
    with atomic_path(path) as temporary, writing_reported(path):
        soundfile.write(os.fsencode(temporary), samples / max(peak, 1.0), sr, "PCM_16", format="WAV")


def write_ogg(path: str | Path, samples: np.ndarray, sr: int) -> None:
    """Write (n,) samples as Ogg Vorbis, a tenth of a wav's size, atomically; louder than full scale as above."""
    peak = np.abs(check_samples(samples, path)).max(initial=0)
    scaled = samples / max(peak, 1.0)
    with (
        atomic_path(path) as temporary,
        writing_reported(path),
        soundfile.SoundFile(os.fsencode(temporary), "w", sr, 1, "VORBIS", format="OGG") as file,
    ):
        for second in np.split(scaled, range(sr, len(scaled), sr)):  # libvorbis overflows on long blocks
            file.write(second)

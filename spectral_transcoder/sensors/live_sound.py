"""A WAV that is still being written: the levels of its frames as soon as their last samples are there."""

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import FRAME_S, THIRD_OCTAVES, LevelBlock
from spectral_transcoder.sensors.live_source import in_words, named_sensor
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.standard_input import PAUSE_S, STDIN, StandardInput
from spectral_transcoder.utils.errors import AudioError
from spectral_transcoder.utils.names import readable

MOST_HEADER_BYTES = 1 << 16
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SAMPLE_TYPES = {
    (PCM, 8): "u1",
    (PCM, 16): "<i2",
    (PCM, 24): "<i4",
    (PCM, 32): "<i4",
    (FLOAT, 32): "<f4",
    (FLOAT, 64): "<f8",
}
WAV_STARTS, RIFF_BYTES = (b"RIFF", b"RF64"), 12
CHUNK_HEAD = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHIIHH")  # code, channels, rate, bytes a second, bytes of all channels, bits
SUBFORMAT_AT = 24  # in the chunk fmt of an extensible WAV
UNKNOWN_BYTES = 0x7FFF0000  # and more: what writers to a pipe say


@dataclass
class LiveSound:
    """A WAV that is still being written, as blocks of levels in dB re full scale.

    Attributes
    ----------
    source : str or Path
        A file, or - for standard input.
    options : ReadOptions
        The sensor's name, and when the sound begins: where it is not said, so that its end arrives when it is heard.
    findings : Findings
        Where what was understood is reported.
    period_s : float
        Seconds of a frame.
    standard_input : StandardInput or None
        Which knows when the sound began to arrive.
    """

    source: str | Path
    options: ReadOptions
    findings: Findings
    period_s: float = FRAME_S
    standard_input: StandardInput | None = None

    def open(self, chunks: Iterator[bytes]) -> bool:
        """Read the header; return False where the source ends before.

        Raises
        ------
        AudioError
            No WAV of plain or floating numbers.
        """
        self._chunks, self._rest = chunks, b""
        for chunk in chunks:
            self._rest += chunk
            if self._take_header():
                self._begin(self.options.start_s or self._start_s())
                return True
            begins = any(start.startswith(self._rest[:4]) for start in WAV_STARTS)
            if len(self._rest) > MOST_HEADER_BYTES or not begins:
                break
        if self._rest:
            raise AudioError(
                f"{in_words(self.source)}: no header of a WAV: expected a sound such as `arecord -t wav` or "
                "`ffmpeg -i SOUND -f wav -` writes"
            )
        return False

    def _take_header(self) -> bool:
        """Take the chunks up to that of the samples; return False where not all of them are here."""
        position, sample_format = RIFF_BYTES, b""
        while len(self._rest) >= position + CHUNK_HEAD.size:
            name, n_bytes = CHUNK_HEAD.unpack_from(self._rest, position)
            position += CHUNK_HEAD.size
            if name == b"data":
                self._read_format(sample_format)
                self._rest, self._header_bytes = self._rest[position:], position
                # who writes to a pipe does not know how much follows; a file that grows says what it was once
                known = 0 < n_bytes < UNKNOWN_BYTES and str(self.source) == STDIN
                self._left = n_bytes if known else None
                return True
            if name == b"fmt ":
                sample_format = self._rest[position : position + n_bytes]
            position += n_bytes + n_bytes % 2
        return False

    def _read_format(self, sample_format: bytes) -> None:
        """Take channels, rate and type of the samples from the chunk fmt."""
        if len(sample_format) < FORMAT.size:
            raise AudioError(f"{in_words(self.source)}: a WAV without the chunk fmt")
        code, self._channels, rate, _, _, bits = FORMAT.unpack_from(sample_format)
        if code == EXTENSIBLE and len(sample_format) >= SUBFORMAT_AT + 2:
            code = struct.unpack_from("<H", sample_format, SUBFORMAT_AT)[0]
        if (code, bits) not in SAMPLE_TYPES or not self._channels or not 1000 <= rate <= 400_000:
            raise AudioError(
                f"{in_words(self.source)}: {bits} bits of code {code} at {rate} Hz: expected PCM or floating numbers"
            )
        self._type, self._bits, self._rate = SAMPLE_TYPES[code, bits], bits, rate
        self.findings.note(
            f"{in_words(self.source)}: sound of {rate} Hz, {self._channels} channels, {bits} bits"
        )

    def _start_s(self) -> float:
        """Return when the sound began: what there was of it first lasted until it arrived, or until it was written."""
        if str(self.source) != STDIN:
            status = Path(self.source).stat()
            at_s, n_bytes = status.st_mtime, status.st_size
        elif self.standard_input:
            at_s, n_bytes = self.standard_input.first
        else:
            at_s, n_bytes = time.time(), 0
        bytes_per_second = self._rate * self._channels * (self._bits // 8)
        return at_s - max(0, n_bytes - self._header_bytes) / bytes_per_second

    def _begin(self, start_s: float) -> None:
        """Let what comes now begin at a time, without what came before."""
        self._next_s, self._waiting = start_s, np.zeros(0, np.float32)
        self._resample = soxr.ResampleStream(self._rate, THIRD_OCTAVES.sr, 1, dtype="float32")

    def blocks(self) -> Iterator[LevelBlock]:
        """Give frames as they are complete."""
        name = named_sensor(self.source, self.options, readable(Path(self.source).stem))
        file = readable(in_words(self.source))
        for samples in self._samples():
            self._waiting = np.concatenate([self._waiting, self._resample.resample_chunk(samples)])
            n_new = (len(self._waiting) - THIRD_OCTAVES.frame_length) // THIRD_OCTAVES.hop_length + 1
            if n_new < 1:
                continue
            whole = self._waiting[: (n_new - 1) * THIRD_OCTAVES.hop_length + THIRD_OCTAVES.frame_length]
            levels = THIRD_OCTAVES.levels(whole) - np.float32(THIRD_OCTAVES.offset_db)
            times = self._next_s + FRAME_S * np.arange(n_new)
            self._waiting = self._waiting[n_new * THIRD_OCTAVES.hop_length :]
            self._next_s += FRAME_S * n_new
            yield LevelBlock(name, file, times, levels, np.ones(levels.shape[1], bool))

    def _samples(self) -> Iterator[NDArray[np.float32]]:
        """Give the mean of the channels at the sound's own rate."""
        size = self._bits // 8 * self._channels
        paused = False
        while True:
            n_bytes = len(self._rest) if self._left is None else min(self._left, len(self._rest))
            whole, self._rest = self._rest[: n_bytes // size * size], self._rest[n_bytes // size * size :]
            if whole:
                if paused:
                    self._look_for_a_gap(len(whole) // size / self._rate)
                    paused = False
                yield to_floats(whole, self._type, self._bits).reshape(-1, self._channels).mean(axis=1)
            if self._left is not None:
                self._left -= len(whole)
                if self._left < size:  # what follows is no sound
                    return
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            paused = paused or not chunk
            self._rest += chunk

    def _look_for_a_gap(self, arrived_s: float) -> None:
        """Begin anew with what has arrived after a pause where some of the sound is missing before it.

        Parameters
        ----------
        arrived_s : float
            How long that lasts, in seconds.
        """
        start_s = time.time() - arrived_s
        waiting_s = len(self._waiting) / THIRD_OCTAVES.sr
        if start_s - (self._next_s + waiting_s) > PAUSE_S:
            self._begin(start_s)

    def finish(self) -> None:
        """Nothing is left to report."""


def to_floats(samples: bytes, kind: str, bits: int) -> NDArray[np.float32]:
    """Return the samples of a WAV as numbers in −1 … 1: (n,).

    Parameters
    ----------
    samples : bytes
        Whole samples.
    kind : str
        Type of numpy: u1 is unsigned, i4 of 24 bits has three bytes.
    bits : int
        Of a sample.
    """
    if bits == 24:  # as the upper bytes of 32 bits
        upper = np.frombuffer(samples, np.uint8).reshape(-1, 3)
        samples, bits = np.pad(upper, ((0, 0), (1, 0))).tobytes(), 32
    values = np.frombuffer(samples, kind).astype(np.float32)
    if kind == "u1":
        return (values - np.float32(128)) * np.float32(2.0**-7)
    return values if kind.startswith("<f") else values * np.float32(2.0 ** (1 - bits))

"""Levels, or a sound, that are still being written: rows as soon as their windows end.

    standard input, or a file that grows ──whole lines──▶ rows ──Timeline──▶ windows ──classify──▶ a row each

Memory does not grow: rows wait until their window is whole, and no longer.
"""

import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from spectral_transcoder.sensors.clock import ClockSurvey, read_clock
from spectral_transcoder.sensors.frame_checks import SET_BACK, Findings
from spectral_transcoder.sensors.levels import FRAME_S, THIRD_OCTAVES, LevelBlock
from spectral_transcoder.sensors.readers.description import END
from spectral_transcoder.sensors.readers.formats import SOUND_STARTS, open_table
from spectral_transcoder.sensors.readers.options import TOLERANCE, ReadOptions
from spectral_transcoder.sensors.readers.table import BadRows, TableFile
from spectral_transcoder.sensors.readers.text import (
    BLOCK_BYTES,
    FIRST_BYTES,
    GZIP_START,
    HEADER_LINES,
    ZIP_START,
    TextFile,
    encoding_of,
)
from spectral_transcoder.sensors.readers.times import TimeReader
from spectral_transcoder.sensors.standard_input import PAUSE_S, POLL_S, STDIN, StandardInput
from spectral_transcoder.sensors.weighting import weighting_db
from spectral_transcoder.utils.errors import AudioError, LevelsError, MissingFileError

ROWS_FOR_A_PERIOD = 9
LONG_ROWS_FOR_A_PERIOD = 3  # of half a second and more
NEW_CLOCK_ROWS = 8  # behind the last one, from which the clock was set back and is not wrong once
MOST_HEADER_BYTES = 1 << 16
LOOKED_AT_BYTES = 200  # which tell text from other files
SAME_SIGNAL_S = (
    0.5  # from one signal to the next: `timeout` and shells send one to the process and to its group
)
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


class Stop:
    """Whether Ctrl-C or SIGTERM came; within `with`, the first one asks to end, one that comes later ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self._asked_s = 0.0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._asked_s = True, time.monotonic()
        elif time.monotonic() - self._asked_s > SAME_SIGNAL_S:
            raise KeyboardInterrupt


def growing_file(path: Path, stop: Stop, whole_life: bool) -> Iterator[bytes]:
    """Give what is added to a file until `stop` is asked.

    Parameters
    ----------
    path : Path
        The file.
    stop : Stop
        Whether to end.
    whole_life : bool
        Go on with a file that takes its place, or with the file itself where it was emptied: nothing, b"", is given
        before its first bytes. While there is no file, one is waited for.

    Raises
    ------
    MissingFileError
        No such file.
    AudioError
        Another file took its place, and only this one was to be followed.
    """
    if not path.is_file():
        raise MissingFileError(f"no file at {path}: expected one that grows, or - for standard input")
    file = path.open("rb")
    try:
        while not stop.asked:
            read = file.read(FIRST_BYTES)
            if read:
                yield read
            elif not is_replaced(path, file):
                time.sleep(POLL_S)
            elif not whole_life:
                raise AudioError(
                    f"{path} was cut or replaced while it was followed: expected a file that grows"
                )
            else:
                if rest := file.read():  # written after the last look, before it was moved
                    yield rest
                file.close()
                file = path.open("rb")
                yield b""
    finally:
        file.close()


def is_replaced(path: Path, file: IO[bytes]) -> bool:
    """Whether a path has another file than the one that is open, or one that was cut below what was read."""
    try:
        there = path.stat()
    except OSError:  # moved away: what takes its place is waited for
        return False
    return not os.path.samestat(there, os.fstat(file.fileno())) or there.st_size < file.tell()


def follow_bytes(
    source: str | Path, stop: Stop, sound: bool = False, standard_input: StandardInput | None = None
) -> Iterator[bytes]:
    """Give what arrives on standard input until it ends, or what is added to a file until `stop` is asked.

    Parameters
    ----------
    source : str or Path
        A file, or - for standard input.
    stop : Stop
        Whether to end.
    sound : bool
        Of levels, nothing, b"", is given before another file that takes the place of the first, and a last line
        always ends.
    standard_input : StandardInput, optional
        Where it is read already.

    Raises
    ------
    MissingFileError
        No such file, or no standard input.
    AudioError
        A sound was cut or replaced.
    """
    if str(source) != STDIN:
        yield from growing_file(Path(source), stop, whole_life=not sound)
        return
    yield from (standard_input or StandardInput(sound)).chunks(lambda: stop.asked)
    if not (sound or stop.asked):
        yield b"\n"  # the last line may lack it


def in_words(source: str | Path) -> str:
    """Return what messages call a source."""
    return "standard input" if str(source) == STDIN else str(source)


def refuse_other_than_text(path: Path, start: bytes) -> None:
    """Raise LevelsError where the first bytes are those of a sound, of a compressed file, or of text in UTF-16."""
    if start.startswith(SOUND_STARTS):
        raise LevelsError(f"{path} is a sound, not levels: use --from-audio")
    if start.startswith((GZIP_START, ZIP_START)):
        raise LevelsError(f"{path} is compressed: unpack it before, by zcat say")
    if start and (encoding := encoding_of(start) or "").startswith("utf-16"):
        raise LevelsError(f"{path} is text in {encoding.upper()}: expected UTF-8")


def named_sensor(source: str | Path, options: ReadOptions, otherwise: str = "") -> str:
    """Return the sensor's name as the user says it, of a file else `otherwise`, of standard input else ""."""
    return options.sensor if str(source) == STDIN else options.sensor_of(Path(source)) or otherwise


@dataclass
class LiveLevels:
    """The rows of a table that is still being written, as blocks of levels.

    Attributes
    ----------
    source : str or Path
        A file, or - for standard input.
    options : ReadOptions
        What the user says of it.
    findings : Findings
        Where what was understood and what is wrong is reported.
    period_s : float
        Seconds between its rows, once `open` has returned.
    """

    source: str | Path
    options: ReadOptions
    findings: Findings
    period_s: float = FRAME_S
    _waiting: list[LevelBlock] = field(default_factory=list)
    _last_s: dict[str, float] = field(default_factory=dict)
    _behind: dict[str, int] = field(default_factory=dict)
    _series: dict[str, int] = field(default_factory=dict)
    _ended: bool = False  # whether the table's end mark has come

    def open(self, chunks: Iterator[bytes]) -> bool:
        """Read the first rows, until the period is known; return False where the source ends before.

        Raises
        ------
        LevelsError
            No table of levels, or a clock that cannot be used.
        """
        self._chunks = chunks
        return self._open_table()

    def _open_table(self) -> bool:
        """Read the first rows of a table; return False where the source ends before they show the period."""
        self._text = b""
        path = Path(in_words(self.source))
        refused: LevelsError | None = None  # as long as what has come may be part of a header
        for chunk in self._chunks:
            self._text = self._text + chunk if chunk else b""
            refuse_other_than_text(path, self._text[:LOOKED_AT_BYTES])
            lines = self._text[: self._text.rfind(b"\n") + 1]
            if lines.count(b"\n") < 2:
                if len(self._text) > BLOCK_BYTES:
                    raise LevelsError(f"{path}: no end of a line within {len(self._text)} bytes")
                continue
            try:
                table = open_table(TextFile(path, lines[:FIRST_BYTES], "utf-8", len(lines)), self.options)
            except LevelsError as error:
                if lines.count(b"\n") > HEADER_LINES:
                    raise
                refused = error
                continue
            refused = None
            rows = self._begin(table, lines)
            if rows is not None:
                return True
            if len(self._text) > BLOCK_BYTES:
                raise LevelsError(f"{path}: no period could be found in its first rows: give one by --period")
        if refused:
            raise refused
        return False

    def _begin(self, table: TableFile, lines: bytes) -> bool | None:
        """Take the first rows if they show the period; None where more are needed."""
        if table.layout.times is None:
            raise LevelsError(f"{table.path}: rows without times cannot be followed")
        self._table, self._bad_rows = table, BadRows(table.path, table.head.names)
        self._reader, self._ended = TimeReader(table.layout.times), False
        body = lines.split(b"\n", table.head.skipped_lines)[-1]
        blocks = list(self._blocks(body))
        surveys: dict[str, ClockSurvey] = {}
        for block in blocks:
            surveys.setdefault(block.sensor, ClockSurvey()).add(block.epoch_s, block.levels_db)
        stated = self.options.period_s or table.description.period_s
        if not surveys:
            return None
        longest = max(surveys.values(), key=lambda survey: survey.n_rows)
        measured = longest.period_s() or 0.0
        enough = LONG_ROWS_FOR_A_PERIOD if measured >= 0.5 else ROWS_FOR_A_PERIOD
        if longest.n_rows < (2 if stated else enough):
            return None
        self.period_s = read_clock(longest, stated, self.options.period_s, str(table.path)).period_s
        self._head = {line.strip() for line in lines.split(b"\n")[: table.head.skipped_lines]} - {b""}
        self._waiting = blocks
        self._text = self._text[len(lines) :]
        every = f"every {1000 * self.period_s:g} ms"
        self.findings.note(f"{table.path}: {table.description}, {every}")
        return True

    def blocks(self) -> Iterator[LevelBlock]:
        """Give rows as they arrive.

        Raises
        ------
        LevelsError
            Most rows cannot be read, or another file takes the place of the first whose rows have another period.
        """
        yield from self._first_blocks()
        for chunk in self._chunks:
            if not chunk:
                yield from self._another_file()
                continue
            self._text += chunk
            end = self._text.rfind(b"\n") + 1
            lines, self._text = self._text[:end], self._text[end:]
            if len(self._text) > BLOCK_BYTES:
                raise LevelsError(f"{self._table.path}: no end of a line within {len(self._text)} bytes")
            n_bad = self._bad_rows.count
            for block in self._blocks(self._without_heads(lines)):
                yield self._with_series(self._from_its_beginning(block))
            if self._bad_rows.count and not n_bad:
                self.findings.note(
                    f"{self._table.path}: a row is no levels, and left out: {self._bad_rows.first}"
                )
            self._bad_rows.refuse_too_many()

    def _first_blocks(self) -> Iterator[LevelBlock]:
        """Give the rows that showed the period."""
        for block in self._waiting:
            yield self._with_series(self._from_its_beginning(block))
        self._waiting = []

    def _another_file(self) -> Iterator[LevelBlock]:
        """Give the first rows of a file that took the place of the one before."""
        self.finish()
        period_s = self.period_s
        self.findings.note(
            f"{self._table.path}: cut or replaced by another file, which is read from its beginning"
        )
        if self._open_table():
            if abs(self.period_s - period_s) > TOLERANCE * period_s:
                now, before = (f"every {1000 * one:g} ms" for one in (self.period_s, period_s))
                raise LevelsError(f"{self._table.path}: rows {now} follow rows {before}")
            yield from self._first_blocks()

    def _without_heads(self, lines: bytes) -> bytes:
        """Return lines less those of the table's head, which come again where a sensor begins anew."""
        if not any(line in lines for line in self._head):
            return lines
        return b"\n".join(line for line in lines.split(b"\n") if line.strip() not in self._head)

    def finish(self) -> None:
        """Report rows that could not be read."""
        if self._bad_rows.count:
            self.findings.note(f"{self._table.path}: {self._bad_rows}, left out")

    def _blocks(self, lines: bytes) -> Iterator[LevelBlock]:
        """Give the rows of some whole lines, times as they are written; none behind the table's end mark."""
        lines = self._before_end(lines)
        if not lines.strip():
            return
        description = self._table.description
        for sensor, times, levels in self._table.parse(lines, self._bad_rows, self._reader):
            if times is None or not len(times):
                continue
            plain = (levels - weighting_db(description.weighting)).astype(np.float32)
            name = sensor or named_sensor(self.source, self.options)
            path = str(self._table.path)
            yield LevelBlock(name, path, times, plain, description.present, self.period_s)

    def _before_end(self, lines: bytes) -> bytes:
        """Return those of some whole lines that come before the mark of the table's end, if it has one."""
        mark = self._table.layout.end_mark
        end = 0 if self._ended else (b"\n" + lines).find(b"\n" + mark) if mark else -1
        self._ended = end >= 0
        return lines[:end] if self._ended else lines

    def _from_its_beginning(self, block: LevelBlock) -> LevelBlock:
        """Return a block with the times of its rows' beginnings, now that their period is known."""
        shift_s = self.period_s if self._table.description.clock == END else 0.0
        return replace(block, period_s=self.period_s).later(-shift_s)

    def _with_series(self, block: LevelBlock) -> LevelBlock:
        """Return a block with a new series where its clock was set back for good."""
        name = block.sensor
        last_s = self._last_s.get(name, -np.inf)
        if block.epoch_s[-1] <= last_s:
            self._behind[name] = self._behind.get(name, 0) + len(block)
            if self._behind[name] >= NEW_CLOCK_ROWS:
                self._series[name] = self._series.get(name, 0) + 1
                self.findings.add(SET_BACK, block.file, float(block.epoch_s[0]), float(block.epoch_s[0]), 0)
                last_s, self._behind[name] = -np.inf, 0
        else:
            self._behind[name] = 0
        self._last_s[name] = max(last_s, float(block.epoch_s[-1]))
        return replace(block, series=self._series.get(name, 0))


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
        name = named_sensor(self.source, self.options, Path(self.source).stem)
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
            yield LevelBlock(name, str(self.source), times, levels, np.ones(levels.shape[1], bool))

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

"""Levels, or a sound, that are still being written: rows as soon as their windows end.

    standard input, or a file that grows ──whole lines──▶ rows ──Timeline──▶ windows ──classify──▶ a row each

Memory does not grow: rows wait until their window is whole, and no longer.
"""

import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import numpy as np
import soxr
from numpy.typing import NDArray

from spectral_transcoder.sensors.clock import ClockSurvey, read_clock
from spectral_transcoder.sensors.frame_checks import SET_BACK, Findings
from spectral_transcoder.sensors.levels import FRAME_S, THIRD_OCTAVES, LevelBlock
from spectral_transcoder.sensors.readers.description import END
from spectral_transcoder.sensors.readers.formats import open_table
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import BadRows, TableFile
from spectral_transcoder.sensors.readers.text import BLOCK_BYTES, FIRST_BYTES, HEADER_LINES, TextFile
from spectral_transcoder.sensors.readers.times import TimeReader
from spectral_transcoder.sensors.weighting import weighting_db
from spectral_transcoder.utils.errors import AudioError, LevelsError, MissingFileError

STDIN = "-"
POLL_S = 0.1
ROWS_FOR_A_PERIOD = 9
LONG_ROWS_FOR_A_PERIOD = 3  # of half a second and more
NEW_CLOCK_ROWS = 8  # behind the last one, from which the clock was set back and is not wrong once
MOST_HEADER_BYTES = 1 << 16
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


class Stop:
    """Whether Ctrl-C or SIGTERM came; within `with`, the first one asks to end, a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
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
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def standard_input(stop: Stop) -> Iterator[bytes]:
    """Give what arrives on standard input until it ends, or until `stop` is asked."""
    handle = sys.stdin.fileno()
    while not stop.asked:
        if select.select([handle], [], [], POLL_S)[0]:
            read = os.read(handle, FIRST_BYTES)
            if not read:
                return
            yield read


def follow_bytes(source: str | Path, stop: Stop) -> Iterator[bytes]:
    """Give what arrives on standard input until it ends, or what is added to a file until `stop` is asked.

    Raises
    ------
    MissingFileError
        No such file.
    """
    if str(source) == STDIN:
        yield from standard_input(stop)
        return
    path = Path(source)
    if not path.is_file():
        raise MissingFileError(f"no file at {path}: expected one that grows, or - for standard input")
    with path.open("rb") as file:
        while not stop.asked:
            read = file.read(FIRST_BYTES)
            if read:
                yield read
            elif path.is_file() and path.stat().st_size < file.tell():
                raise LevelsError(f"{path} was cut while it was followed: expected a file that grows")
            else:
                time.sleep(POLL_S)


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
        self._text = b""
        path = Path("standard input" if str(self.source) == STDIN else self.source)
        refused: LevelsError | None = None  # as long as what has come may be part of a header
        for chunk in chunks:
            self._text += chunk
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
        self._waiting = blocks
        self._text = self._text[len(lines) :]
        every = f"every {1000 * self.period_s:g} ms"
        self.findings.note(f"{table.path}: {table.description}, {every}")
        return True

    def blocks(self) -> Iterator[LevelBlock]:
        """Give rows as they arrive."""
        for block in self._waiting:
            yield self._with_series(self._from_its_beginning(block))
        self._waiting = []
        for chunk in self._chunks:
            self._text += chunk
            end = self._text.rfind(b"\n") + 1
            lines, self._text = self._text[:end], self._text[end:]
            if len(self._text) > BLOCK_BYTES:
                raise LevelsError(f"{self._table.path}: no end of a line within {len(self._text)} bytes")
            for block in self._blocks(lines):
                yield self._with_series(self._from_its_beginning(block))
            self._bad_rows.refuse_too_many()

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
            name = sensor or self.options.sensor
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
        The sensor's name, and when the sound begins: now, where it is not said.
    findings : Findings
        Where what was understood is reported.
    """

    source: str | Path
    options: ReadOptions
    findings: Findings
    period_s: float = FRAME_S

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
            start = self._rest.find(b"data")
            if start >= 0 and len(self._rest) >= start + 8:
                self._read_header(self._rest[:start])
                self._rest = self._rest[start + 8 :]
                self._start_s = self.options.start_s or time.time()
                return True
            if len(self._rest) > MOST_HEADER_BYTES or not b"RIFF".startswith(self._rest[:4]):
                break
        if self._rest:
            raise AudioError(
                f"{self.source}: no header of a WAV: expected a sound such as `arecord -t wav` writes"
            )
        return False

    def _read_header(self, header: bytes) -> None:
        """Take channels, rate and type of the samples."""
        start = header.find(b"fmt ")
        if start < 0 or len(header) < start + 24:
            raise AudioError(f"{self.source}: a WAV without the chunk fmt")
        code, self._channels, rate = struct.unpack_from("<HHI", header, start + 8)
        bits = struct.unpack_from("<H", header, start + 22)[0]
        if code == EXTENSIBLE and len(header) >= start + 34:
            code = struct.unpack_from("<H", header, start + 32)[0]
        types = {(PCM, 16): "<i2", (PCM, 32): "<i4", (FLOAT, 32): "<f4", (FLOAT, 64): "<f8"}
        if (code, bits) not in types or not self._channels or not 1000 <= rate <= 400_000:
            raise AudioError(
                f"{self.source}: {bits} bits of code {code} at {rate} Hz: expected PCM or floating numbers"
            )
        self._type, self._scale = np.dtype(types[code, bits]), 2.0 ** (bits - 1) if code == PCM else 1.0
        self._resample = soxr.ResampleStream(rate, THIRD_OCTAVES.sr, 1, dtype="float32")
        self.findings.note(f"{self.source}: sound of {rate} Hz, {self._channels} channels, {bits} bits")

    def blocks(self) -> Iterator[LevelBlock]:
        """Give frames as they are complete."""
        signal_rest, n_frames = np.zeros(0, np.float32), 0
        name = self.options.sensor or (Path(self.source).stem if str(self.source) != STDIN else "")
        for samples in self._samples():
            signal_rest = np.concatenate([signal_rest, samples])
            n_new = (len(signal_rest) - THIRD_OCTAVES.frame_length) // THIRD_OCTAVES.hop_length + 1
            if n_new < 1:
                continue
            whole = signal_rest[: (n_new - 1) * THIRD_OCTAVES.hop_length + THIRD_OCTAVES.frame_length]
            levels = THIRD_OCTAVES.levels(whole) - np.float32(THIRD_OCTAVES.offset_db)
            times = self._start_s + FRAME_S * np.arange(n_frames, n_frames + n_new)
            signal_rest, n_frames = signal_rest[n_new * THIRD_OCTAVES.hop_length :], n_frames + n_new
            yield LevelBlock(name, str(self.source), times, levels, np.ones(levels.shape[1], bool))

    def _samples(self) -> Iterator[NDArray[np.float32]]:
        """Give the mean of the channels at the rate of the analysis."""
        size = self._type.itemsize * self._channels
        while True:
            whole = len(self._rest) // size * size
            if whole:
                samples = np.frombuffer(self._rest[:whole], self._type).reshape(-1, self._channels)
                self._rest = self._rest[whole:]
                yield self._resample.resample_chunk((samples.mean(axis=1) / self._scale).astype(np.float32))
            chunk = next(self._chunks, b"")
            if not chunk:
                return
            self._rest += chunk

    def finish(self) -> None:
        """Nothing is left to report."""

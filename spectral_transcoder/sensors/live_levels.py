"""A table of levels that is still being written: its rows as soon as their lines are whole.

    standard input, or a file that grows ──whole lines──▶ rows ──Timeline──▶ windows ──classify──▶ a row each

Memory does not grow: rows wait until their window is whole, and no longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spectral_transcoder.sensors.clock import ClockSurvey, read_clock
from spectral_transcoder.sensors.frame_checks import NO_TIME, SET_BACK, Findings
from spectral_transcoder.sensors.levels import FRAME_S, LevelBlock
from spectral_transcoder.sensors.live_source import in_words, named_sensor
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
from spectral_transcoder.sensors.reading import has_date
from spectral_transcoder.sensors.weighting import weighting_db
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.names import readable

ROWS_FOR_A_PERIOD = 9
LONG_ROWS_FOR_A_PERIOD = 3  # of half a second and more
NEW_CLOCK_ROWS = 8  # behind the last one, from which the clock was set back and is not wrong once
LOOKED_AT_BYTES = 200  # which tell text from other files


def refuse_other_than_text(path: Path, start: bytes) -> None:
    """Raise LevelsError where the first bytes are those of a sound, of a compressed file, or of text in UTF-16."""
    if start.startswith(SOUND_STARTS):
        raise LevelsError(f"{path} is a sound, not levels: use --from-audio")
    if start.startswith((GZIP_START, ZIP_START)):
        raise LevelsError(f"{path} is compressed: unpack it before, by zcat say")
    if start and (encoding := encoding_of(start) or "").startswith("utf-16"):
        raise LevelsError(f"{path} is text in {encoding.upper()}: expected UTF-8")


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
    first_s : float
        When the earliest of the sensors' first rows begins, in seconds since 1970, once `open` has returned.
    """

    source: str | Path
    options: ReadOptions
    findings: Findings
    period_s: float = FRAME_S
    first_s: float = np.inf
    _waiting: list[LevelBlock] = field(default_factory=list)
    _last_s: dict[str, float] = field(default_factory=dict)
    _behind: dict[str, int] = field(default_factory=dict)
    _series: dict[str, int] = field(default_factory=dict)
    _n_before: int = 0  # files that the one that is read took the place of
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
        dated = [known for block in blocks if len(known := block.select(has_date(block.epoch_s)))]
        for block in dated:
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
        self.first_s = min(float(self._from_its_beginning(block).epoch_s[0]) for block in dated)
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
            for block in self._blocks(self._without_heads(lines)):
                yield from self._in_series(self._dated(block))
            if self._bad_rows.count:  # a note is added once
                self.findings.note(
                    f"{self._table.path}: a row is no levels, and left out: {self._bad_rows.first}"
                )
            self._bad_rows.refuse_too_many()

    def _first_blocks(self) -> Iterator[LevelBlock]:
        """Give the rows that showed the period."""
        for block in self._waiting:
            yield from self._in_series(self._dated(block))
        self._waiting = []

    def _another_file(self) -> Iterator[LevelBlock]:
        """Give the first rows of a file that took the place of the one before."""
        self.finish()
        self._n_before += 1
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
            name = readable(sensor) or named_sensor(self.source, self.options)
            path = readable(self._table.path)
            yield LevelBlock(
                name, path, times, plain, description.present, self.period_s, rotation=self._n_before
            )

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

    def _dated(self, block: LevelBlock) -> LevelBlock:
        """Return the rows whose times can be written as dates; the others are reported where the last one was."""
        known = has_date(block.epoch_s)
        if n_unknown := int((~known).sum()):
            last_s = self._last_s.get(block.sensor, 0.0)
            self.findings.add(NO_TIME, block.file, last_s, last_s, n_unknown)
        return self._from_its_beginning(block.select(known))

    def _in_series(self, block: LevelBlock) -> Iterator[LevelBlock]:
        """Give the rows of a block, cut where their time goes back: a clock may be set at any of them."""
        starts = np.flatnonzero(np.diff(block.epoch_s) < 0) + 1
        for start, end in zip([0, *starts], [*starts, len(block)], strict=True):
            if end > start:
                yield self._with_series(block.select(slice(start, end)))

    def _with_series(self, block: LevelBlock) -> LevelBlock:
        """Return rows of rising times with a new series where their clock was set back for good."""
        name = block.sensor
        last_s = self._last_s.get(name, -np.inf)
        n_behind = int((block.epoch_s <= last_s).sum())
        self._behind[name] = self._behind.get(name, 0) + n_behind
        if self._behind[name] >= NEW_CLOCK_ROWS:
            self._series[name] = self._series.get(name, 0) + 1
            self.findings.add(SET_BACK, block.file, float(block.epoch_s[0]), float(block.epoch_s[0]), 0)
            last_s, self._behind[name] = -np.inf, 0
        elif n_behind < len(block):
            self._behind[name] = 0
        self._last_s[name] = max(last_s, float(block.epoch_s[-1]))
        return replace(block, series=self._series.get(name, 0))

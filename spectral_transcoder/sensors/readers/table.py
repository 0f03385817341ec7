"""Rows of a table of text: numbers by column, bad rows counted, sensors kept apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import FEWEST_BANDS, N_BANDS
from spectral_transcoder.sensors.readers.columns import BandColumns, find_bands, parse_columns
from spectral_transcoder.sensors.readers.description import BEGIN, EPOCH_UNITS, Description, Rows
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.text import TableHead, shorten
from spectral_transcoder.sensors.readers.times import TimeLayout, TimeReader, find_layout
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.words import counted

FEWEST_ROWS = 100  # from which a file is refused for its share of bad ones
MOST_BAD_SHARE = 0.5
NULLS = (
    "",
    "NaN",
    "nan",
    "NA",
    "N/A",
    "n/a",
    "null",
    "NULL",
    "Null",
    "None",
    "none",
    "-",
    "--",
    "-.--",
    "#N/A",
)
# as C's libraries and people write them; below a meter's range, its limit is the level
SPELLINGS = {"−": "-", "∞": "inf", "1.#INF": "inf", "1.#IND": "nan", "1.#QNAN": "nan", "<": ""}
NO_LEVELS = (
    -999.0,
    -999.9,
    -999.99,
    -9999.0,
    -9999.9,
    -9999.99,
    -99999.0,
)  # codes of a level that is not there
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$|^\s*[-+]?(inf|infinity|nan)\s*$"
SHOWN_COLUMNS = 8


@dataclass(frozen=True)
class TableLayout:
    """What a reader found in the head of a table.

    Attributes
    ----------
    format : str
        The format in words.
    bands : BandColumns
        Columns of bands, and their weighting.
    times : TimeLayout or None
        Columns of times; None where there are none.
    sensor : int or None
        Column of the sensor's name.
    clock, time_zone : str
        As in `Description`.
    period_s : float or None
        Seconds between rows, where they are stated.
    end_mark : bytes
        What the first line behind the rows starts with; empty where they reach to the end.
    """

    format: str
    bands: BandColumns
    times: TimeLayout | None
    sensor: int | None = None
    clock: str = BEGIN
    time_zone: str = ""
    period_s: float | None = None
    end_mark: bytes = b""

    @property
    def needed_columns(self) -> list[int]:
        """Positions of the columns of bands, times and the sensor's name, sorted."""
        times = self.times.columns if self.times else ()
        sensor = () if self.sensor is None else (self.sensor,)
        return sorted({*self.bands.columns.values(), *times, *sensor})


def table_layout(
    head: TableHead,
    options: ReadOptions,
    name: str,
    time_columns: Sequence[int],
    zone: str = "",
    sensor: int | None = None,
    clock: str = BEGIN,
    period_s: float | None = None,
    end_mark: bytes = b"",
) -> TableLayout:
    """Return the layout of a table of a known format: what the user says comes before what the file says.

    Raises
    ------
    LevelsError
        Fewer than 15 bands, or times that cannot be read.
    """
    bands = band_columns(head, options)
    if len(bands.columns) < FEWEST_BANDS:
        raise LevelsError(
            f"{describe_columns(head, options)}: expected at least {FEWEST_BANDS} of the bands 20 … 12500 Hz"
        )
    bands = BandColumns(bands.columns, options.weighting or bands.weighting)
    times, time_zone = None, ""
    if time_columns:
        samples = [
            [cell.replace(head.decimal, ".") for cell in head.values(column)] for column in time_columns
        ]
        times = find_layout(
            samples, tuple(time_columns), options.timezone or zone, options.time_format, head.path
        )
        if times.written:
            time_zone = "" if times.has_zone else times.zone
    return TableLayout(name, bands, times, sensor, clock, time_zone, options.period_s or period_s, end_mark)


def band_columns(head: TableHead, options: ReadOptions) -> BandColumns:
    """Return the columns of bands: those that the user names, or else those whose names are of bands."""
    if options.columns:
        return BandColumns(parse_columns(options.columns, head.names, head.path))
    return find_bands(head.names, head.path)


def describe_columns(head: TableHead, options: ReadOptions) -> str:
    """Say what columns a table has, and how many of them are bands."""
    shown = ", ".join(name[:20] for name in head.names[:SHOWN_COLUMNS])
    shown += ", …" if len(head.names) > SHOWN_COLUMNS else ""
    n_bands = len(band_columns(head, options).columns)
    return f"{head.path}: its {len(head.names)} columns ({shown}) hold {n_bands} third-octave bands"


@dataclass
class TableFile:
    """An opened table of levels.

    Attributes
    ----------
    head : TableHead
        Its first lines.
    layout : TableLayout
        What was found in them.
    zone_known : bool
        Whether the file or the user gives the time zone.
    """

    head: TableHead
    layout: TableLayout
    zone_known: bool = True

    @property
    def path(self) -> Path:
        """The file."""
        return self.head.path

    @cached_property
    def description(self) -> Description:
        """What was understood of it."""
        layout = self.layout
        return Description(
            layout.format,
            np.isin(np.arange(N_BANDS), list(layout.bands.columns)),
            timed=layout.times is not None,
            clock=layout.clock,
            time_zone=layout.time_zone,
            assumed_zone=bool(layout.time_zone) and not self.zone_known,
            weighting=layout.bands.weighting,
            period_s=layout.period_s,
        )

    @property
    def n_rows(self) -> int:
        """How many rows it has, estimated by the length of the first ones."""
        text = self.head.text
        n_lines = max(1, text.start.count(b"\n"))
        return max(1, text.n_bytes * n_lines // max(1, len(text.start)))

    def rows(self, findings: Findings) -> Iterator[Rows]:
        """Give its rows in blocks; what cannot be read is left out and reported.

        Raises
        ------
        LevelsError
            Most rows cannot be read.
        """
        bad_rows, cut = BadRows(self.path, self.head.names), list[str]()
        reader = TimeReader(self.layout.times) if self.layout.times else None
        if reader and not reader.layout.written:
            findings.note(f"{self.path}: epochs are in {EPOCH_UNITS[reader.layout.unit]}")
        for block in self._blocks(cut):
            yield from self.parse(block, bad_rows, reader)
            bad_rows.refuse_too_many()
        bad_rows.refuse_too_many()
        if bad_rows.count:
            findings.note(f"{self.path}: {bad_rows}, left out")
        for remark in [*cut, *(reader.remarks() if reader else [])]:
            findings.note(f"{self.path}: {remark}")

    def _blocks(self, cut: list[str]) -> Iterator[bytes]:
        """Give the text of the rows up to the end mark."""
        mark = self.layout.end_mark
        for block in self.head.text.blocks(self.head.skipped_lines, cut):
            end = (b"\n" + block).find(b"\n" + mark) if mark else -1
            if end < 0:
                yield block
                continue
            if block[:end].strip():
                yield block[:end]
            return

    def parse(self, block: bytes, bad_rows: "BadRows", reader: TimeReader | None) -> Iterator[Rows]:
        """Give the rows of some whole lines of text."""
        layout = self.layout
        table = self._read(block, bad_rows)
        if table.num_rows == 0:
            return
        columns = list(layout.bands.columns.values())
        texts = [table.column(str(column)) for column in columns]
        numbers, readable = bad_rows.to_numbers(texts, columns, self.head.decimal)
        levels = np.full((table.num_rows, N_BANDS), np.nan, np.float32)
        levels[:, list(layout.bands.columns)] = numbers
        times = None
        if reader is not None:
            times, has_time = self._times(table, bad_rows, reader)
            readable &= has_time
            times = times[readable]
        bad_rows.seen += table.num_rows
        names = table.column(str(layout.sensor)).fill_null("") if layout.sensor is not None else None
        yield from by_sensor(names, times, levels[readable], readable)

    def _times(
        self, table: pa.RecordBatch, bad_rows: "BadRows", reader: TimeReader
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the times of rows in seconds since 1970, and which rows have one that can be read."""
        columns = list(reader.layout.columns)
        texts = [table.column(str(column)) for column in columns]
        if not reader.layout.written:
            numbers, readable = bad_rows.to_numbers(texts, columns, self.head.decimal)
            return reader.read([numbers[:, 0]]), readable
        times = reader.read(texts)
        wrong = np.flatnonzero(np.isnan(times))
        if len(wrong):
            shown = " ".join(str(text[int(wrong[0])].as_py()) for text in texts)
            bad_rows.add(len(wrong), f"{shorten(shown)!r} is no time")
        return times, ~np.isnan(times)

    def _read(self, block: bytes, bad_rows: "BadRows") -> pa.RecordBatch:
        """Return the needed columns of some lines as text, named by their position."""
        names = [str(column) for column in self.layout.needed_columns]
        bad_rows.refused = 0
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(block),
                pa.csv.ReadOptions(
                    use_threads=False, column_names=[str(column) for column in range(len(self.head.names))]
                ),
                pa.csv.ParseOptions(delimiter=self.head.delimiter, invalid_row_handler=bad_rows.misshapen),
                pa.csv.ConvertOptions(
                    include_columns=names,
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if bad_rows.refused and "Empty" in str(error):  # not one line of this block has all columns
                return pa.record_batch([pa.array([], pa.string())] * len(names), names)
            raise LevelsError(f"{self.path} is no table of levels: {shorten(str(error), 200)}") from error
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.record_batch([pa.array([], pa.string())] * len(names), names)


@dataclass
class BadRows:
    """Counts rows that are no levels, and raises LevelsError where they are most of the rows.

    Attributes
    ----------
    path : Path
        The file.
    names : sequence of str
        Its columns.
    count, seen : int
        Bad rows, and rows of the right shape.
    first : str
        The first bad one.
    refused : int
        Rows of a wrong number of columns in the current block.
    """

    path: Path
    names: Sequence[str]
    count: int = 0
    seen: int = 0
    first: str = ""
    refused: int = field(default=0)

    def __str__(self) -> str:
        return f"{counted(self.count, 'row is', 'rows are')} no levels, the first: {self.first}"

    def add(self, count: int, first: str) -> None:
        """Count more of them."""
        self.first = self.first or first
        self.count += count

    def refuse_too_many(self) -> None:
        """Raise LevelsError where most rows are bad."""
        total = self.seen + self.refused
        if self.count > MOST_BAD_SHARE * max(total, FEWEST_ROWS):
            raise LevelsError(
                f"{self.path}: {self.count} of {total} rows are no levels, the first: {self.first}"
            )

    def misshapen(self, row: pa.csv.InvalidRow) -> str:
        """Tell pyarrow to skip a row of another number of columns."""
        self.refused += 1
        if self.first:
            self.count += 1
        else:
            text = shorten(row.text or "")
            self.add(1, f"{counted(row.actual_columns, 'column')} instead of {len(self.names)}, {text!r}")
        return "skip"

    def to_numbers(
        self, texts: Sequence[pa.Array], columns: Sequence[int], decimal: str
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return columns of text as (n, n_columns) numbers, NaN where nothing is, and which rows are numbers (n,)."""
        readable = np.ones(len(texts[0]), bool)
        numbers = np.empty((len(texts[0]), len(texts)))
        first = ""
        for index, text in enumerate(texts):
            if decimal == ",":
                text = pc.replace_substring(text, ",", ".")
            try:
                values = pc.cast(text, pa.float64())
            except pa.ArrowInvalid:
                text = pc.if_else(pc.is_in(pc.utf8_trim_whitespace(text), pa.array(NULLS)), None, text)
                for written, meant in SPELLINGS.items():
                    text = pc.replace_substring(text, written, meant)
                is_number = pc.match_substring_regex(text, NUMBER, ignore_case=True).fill_null(True)
                wrong = ~np.asarray(is_number, dtype=bool)
                if wrong.any() and not first:
                    cell = shorten(str(text[int(np.argmax(wrong))].as_py()))
                    first = f"{cell!r} in column {self.names[columns[index]]!r} is no number"
                readable &= ~wrong
                values = pc.cast(pc.if_else(is_number, pc.utf8_trim_whitespace(text), None), pa.float64())
            numbers[:, index] = values.to_numpy(zero_copy_only=False)
        if (numbers <= NO_LEVELS[0]).any():
            numbers[np.isin(numbers, NO_LEVELS)] = np.nan
        if not readable.all():
            self.add(int((~readable).sum()), first)
        return numbers, readable


def by_sensor(
    names: pa.Array | None,
    times: NDArray[np.float64] | None,
    levels: NDArray[np.float32],
    readable: NDArray[np.bool_],
) -> Iterator[Rows]:
    """Give the rows of each sensor in a block of several."""
    if names is None:
        yield Rows("", times, levels)
        return
    kept = names.to_numpy(zero_copy_only=False)[readable].astype(str)
    for name in np.unique(kept):
        own = kept == name
        yield Rows(str(name), None if times is None else times[own], levels[own])

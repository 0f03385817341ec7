"""Levels stored as csv: CENSE's own, its Elastic export, fast-to-wav (SPEC section 11)."""

import csv
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spectral_transcoder.sensors.levels import N_BANDS, Columns, find_columns
from spectral_transcoder.utils.errors import LevelsError

BLOCK_BYTES = 1 << 20
DELIMITERS = ",;\t"
MOST_BAD_ROWS = 100  # a few are cut by a power failure; more are another kind of file
NULLS = ["", "NaN", "nan", "NA", "null", "None"]
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$|^\s*[-+]?(inf|nan)\s*$"
SHOWN_TEXT = 60


@dataclass(frozen=True)
class CsvFile:
    """An opened csv file; see `formats.open_levels`."""

    path: Path
    delimiter: str
    names: list
    columns: Columns
    n_rows: int
    timed: bool = True

    @property
    def kind(self):
        """The format in words."""
        return "csv of levels" if self.columns.sensor is None else "csv of levels with sensors"

    @property
    def present(self):
        """The bands that are there: (29,) bool."""
        return self.columns.present

    def rows(self, findings):
        """Give blocks of (sensor, epochs, levels); rows that are no numbers are left out and told.

        Raises
        ------
        LevelsError
            More than MOST_BAD_ROWS of them.
        """
        bad_rows = BadRows(self.path, len(self.names))
        sensor, epoch = self.columns.sensor, self.columns.epoch
        for batch in self._batches(bad_rows):
            wanted = [epoch, *self.columns.bands.values()]
            numbers, readable = bad_rows.to_numbers([batch.column(str(column)) for column in wanted])
            levels = np.full((batch.num_rows, N_BANDS), np.nan, np.float32)
            levels[:, list(self.columns.bands)] = numbers[:, 1:]
            epochs, levels = numbers[readable, 0], levels[readable]
            if sensor is None:
                yield "", epochs, levels
            else:
                names = batch.column(str(sensor)).fill_null("").to_numpy(zero_copy_only=False)[readable]
                yield from by_sensor(names, epochs, levels)
        if bad_rows.count:
            findings.note(f"{self.path}: {bad_rows}, left out")

    def _batches(self, bad_rows):
        """Give record batches of the needed columns as text, named by their position."""
        wanted = [self.columns.epoch, *self.columns.bands.values()]
        wanted += [] if self.columns.sensor is None else [self.columns.sensor]
        names = [str(column) for column in range(len(self.names))]
        try:
            for block in self._blocks():
                table = pa.csv.read_csv(
                    pa.BufferReader(block),
                    pa.csv.ReadOptions(use_threads=False, column_names=names),
                    pa.csv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=bad_rows.misshapen),
                    pa.csv.ConvertOptions(
                        include_columns=[str(column) for column in wanted],
                        column_types={str(column): pa.string() for column in wanted},
                        null_values=NULLS,
                        strings_can_be_null=True,
                    ),
                )
                yield from table.combine_chunks().to_batches()
        except pa.ArrowInvalid as error:
            bad_rows.refuse_too_many()
            raise LevelsError(f"{self.path} is no csv of levels: {shorten(str(error), 200)}") from error

    def _blocks(self):
        """Give the file's bytes after the line of names, in blocks of whole lines.

        pyarrow's own stream reads ahead in a thread that calls `BadRows.misshapen`, and a process that ends
        meanwhile is aborted.
        """
        with self.path.open("rb") as file:
            file.readline()
            rest = b""
            while read := file.read(BLOCK_BYTES):
                text = rest + read
                is_last = len(read) < BLOCK_BYTES  # its last line may have no end
                end = len(text) if is_last else text.rfind(b"\n") + 1
                lines, rest = text[:end], text[end:]
                if lines.strip():
                    yield lines
                if len(rest) > BLOCK_BYTES:
                    raise LevelsError(
                        f"{self.path} is no csv of levels: a line of more than {len(rest)} bytes"
                    )
            if rest.strip():
                yield rest


def open_csv(path, start):
    """Recognise a csv of levels by the first line of `start`, its first bytes.

    Raises
    ------
    LevelsError
        It is binary, has no line, or columns that are no third octaves.
    """
    line, end, rest = start.partition(b"\n")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise LevelsError(f"{path} is binary (it starts with {start[:8]!r}): expected csv, HDF5 or npy")
    if not end:
        raise LevelsError(
            f"{path} has no row of levels: its first {len(start)} bytes are one line, {shorten(text)!r}"
        )
    delimiter = max(DELIMITERS, key=text.count)
    names = next(csv.reader([text.strip("\r")], delimiter=delimiter), [])
    columns = find_columns(names, path)
    lines = rest.split(b"\n")
    n_rows = path.stat().st_size * max(1, len(lines) - 1) // max(1, len(rest))
    return CsvFile(path, delimiter, names, columns, n_rows)


class BadRows:
    """Counts rows that are no levels, and raises LevelsError when there are too many of them."""

    def __init__(self, path, n_columns):
        self.path, self.n_columns = path, n_columns
        self.count, self.first = 0, ""

    def __str__(self):
        return f"{self.count} rows are no levels, the first: {self.first}"

    def add(self, count, first):
        """Count more of them."""
        self.first = self.first or first
        self.count += count

    def refuse_too_many(self):
        """Raise LevelsError where there are too many."""
        if self.count > MOST_BAD_ROWS:
            raise LevelsError(
                f"{self.path}: more than {MOST_BAD_ROWS} rows are no levels, the first: {self.first}"
            )

    def misshapen(self, row):
        """Tell pyarrow to skip a row of another number of columns, or to stop."""
        text = shorten(row.text or "")
        self.add(1, f"{row.actual_columns} columns instead of {self.n_columns}, {text!r}")
        return "error" if self.count > MOST_BAD_ROWS else "skip"

    def to_numbers(self, columns):
        """Return columns of text as (n, n_columns) float64, NaN where nothing is, and which rows are numbers (n,)."""
        readable = np.ones(len(columns[0]), bool)
        numbers = []
        for column in columns:
            try:
                values = pc.cast(column, pa.float64())
            except pa.ArrowInvalid:
                is_number = pc.match_substring_regex(column, NUMBER, ignore_case=True).fill_null(True)
                readable &= is_number.to_numpy(zero_copy_only=False)
                values = pc.cast(pc.if_else(is_number, pc.utf8_trim_whitespace(column), None), pa.float64())
            numbers.append(values.to_numpy(zero_copy_only=False))
        if not readable.all():
            row = int(np.argmin(readable))
            shown = itertools.islice((column[row].as_py() for column in columns), 4)
            self.add(int((~readable).sum()), shorten(repr(", ".join(map(str, shown)))))
            self.refuse_too_many()
        return np.stack(numbers, axis=1), readable


def by_sensor(names, epochs, levels):
    """Give (sensor, epochs, levels) of each sensor in a block of several."""
    for name in np.unique(names.astype(str)):
        rows = names == name
        yield str(name), epochs[rows], levels[rows]


def shorten(text, length=SHOWN_TEXT):
    """Return text cut to a length that a line can show."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "…"

"""The rows of a csv of windows that a file takes the place of which is followed again, from its beginning.

They stay until its own rows, which are added behind them, have come as far: whatever ends a run before, no row is lost.
"""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from spectral_transcoder.utils.errors import UsageError

CLOCK_SET_S = 30 * 86400.0  # from one row to the next: no sensor that is followed is silent for so long
NAMES, NUMBERS = ("sensor", "file"), ("epoch_s", *LEVEL_COLUMNS)  # by which a row is known again
PIECE_BYTES = 1 << 16
LEAST_DIFFERENCE = 0.01  # an offset that was added and taken off again changes levels by less


@dataclass(frozen=True)
class ReplacedRows:
    """Rows that others, which are added behind them, take the place of.

    Attributes
    ----------
    begin, end : int
        Where they lie in the csv, in bytes.
    last_s : float
        When the last of their windows begins, in seconds since 1970.
    """

    begin: int
    end: int
    last_s: float

    def are_reached_by(self, table: pa.Table) -> bool:
        """Whether new windows have come as far as these."""
        return bool(pc.max(pc.add(table["epoch_s"], table["duration_s"])).as_py() > self.last_s)

    def cut_out(self, file: IO[bytes]) -> None:
        """Let the rows behind them follow those before them."""
        moved = 0
        while True:
            file.seek(self.end + moved)
            piece = file.read(PIECE_BYTES)
            if not piece:
                break
            file.seek(self.begin + moved)
            moved += file.write(piece)
        file.flush()
        os.fsync(file.fileno())  # a power failure may not keep the cut alone
        file.seek(self.begin + moved)
        file.truncate()

    def keep(self, file: IO[bytes]) -> None:
        """Cut off the rows behind them."""
        if file.seek(0, os.SEEK_END) > self.end:
            file.seek(self.end)
            file.truncate()


def find_replaced(file: IO[bytes], table: pa.Table, begin_s: float) -> ReplacedRows | None:
    """Return the rows that those of a followed file take the place of; None where there are none.

    They are those of the time of its first row and later. Where a clock was set among them, times do not tell rows of
    this file from those of files before it: then they begin at the last row that is the very same as its first one,
    with its levels, and there are none without such a row.

    Parameters
    ----------
    file : binary file
        The csv.
    table : pa.Table
        The first windows of the followed file.
    begin_s : float
        When its first row begins, in seconds since 1970, where that is before these windows.

    Raises
    ------
    UsageError
        Rows of another file would be lost.
    """
    names = table.column_names
    time, source = names.index("epoch_s"), names.index("file")
    first = first_cells(table)
    first_s = before_s = min(float(first[time]), begin_s)
    by_time = same = None
    clock_set = False
    for position, cells in rows_in(file, time):
        at_s = float(cells[time])
        if by_time is None and at_s >= first_s:
            by_time = position
        if by_time is not None:
            clock_set |= abs(at_s - before_s) > CLOCK_SET_S
            before_s = at_s
        if at_s == float(first[time]) and is_same(cells, first, names):
            same = position
    begin = same if clock_set else by_time
    if begin is None:
        return None
    last_s = first_s
    for _, cells in rows_in(file, time, begin):
        last_s = max(last_s, float(cells[time]))
        if cells[source] != first[source]:
            raise UsageError(
                f"the output holds rows of {cells[source]}, which those of {first[source]} of the same time would "
                "replace: give the source by the same path, or choose another output"
            )
    return ReplacedRows(begin, file.seek(0, os.SEEK_END), last_s)


def first_cells(table: pa.Table) -> list[str]:
    """Return the cells of the row of the earliest time, as a csv has them."""
    text = io.BytesIO()
    earliest = pc.index(table["epoch_s"], pc.min(table["epoch_s"])).as_py()
    pyarrow.csv.write_csv(table.slice(earliest, 1), text)
    return list(csv.reader(text.getvalue().decode().splitlines()))[1]


def rows_in(file: IO[bytes], time: int, begin: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Give where each row of a csv begins, and its cells; lines without a number in the column `time` are no rows.

    Parameters
    ----------
    file : binary file
        The csv.
    time : int
        The column of times, by its position.
    begin : int
        Where the first of these rows begins, in bytes; 0 for the header.
    """
    position = file.seek(begin)
    for line in file:
        cells = next(csv.reader([line.decode("utf-8", "replace")]), [])
        if len(cells) > time and is_number(cells[time]):
            yield position, cells
        position += len(line)


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_same(cells: Sequence[str], others: Sequence[str], names: Sequence[str]) -> bool:
    """Whether two rows are of the same sensor, file, time and levels."""
    differing = [pair for pair in zip(names, cells, others, strict=False) if pair[1] != pair[2]]
    return not any(name in NAMES for name, *_ in differing) and all(
        is_number(cell) and is_number(other) and abs(float(cell) - float(other)) <= LEAST_DIFFERENCE
        for name, cell, other in differing
        if name in NUMBERS
    )

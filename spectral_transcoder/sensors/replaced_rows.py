"""Which rows of a csv of windows a file takes the place of that is followed again, from its beginning."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from spectral_transcoder.utils.errors import UsageError

CLOCK_SET_S = 30 * 86400.0  # from one row to the next: no sensor that is followed is silent for so long
NAMES, NUMBERS = ("sensor", "file"), ("epoch_s", *LEVEL_COLUMNS)  # by which a row is known again
LEAST_DIFFERENCE = 0.01  # an offset that was added and taken off again changes levels by less


def replaced_from(file: IO[bytes], table: pa.Table) -> int:
    """Return where the rows begin that those of a followed file take the place of, which is the end where none are.

    They are those of the time of its first row and later. Where a clock was set among them, times do not tell rows of
    this file from those of files before it: then they begin at the last row that is the very same as its first one,
    with its levels, and there are none without such a row.

    Parameters
    ----------
    file : binary file
        The csv.
    table : pa.Table
        The first windows of the followed file.

    Raises
    ------
    UsageError
        Rows of another file would be lost.
    """
    names = table.column_names
    time, source = names.index("epoch_s"), names.index("file")
    first = first_cells(table)
    first_s = last_s = float(first[time])
    by_time = same = None
    clock_set = False
    for position, cells in rows_in(file, time):
        if by_time is None and float(cells[time]) >= first_s:
            by_time = position
        if by_time is not None:
            clock_set |= abs(float(cells[time]) - last_s) > CLOCK_SET_S
            last_s = float(cells[time])
        if is_same(cells, first, names):
            same = position
    begin = same if clock_set else by_time
    if begin is None:
        return file.seek(0, os.SEEK_END)
    for position, cells in rows_in(file, time):
        if position >= begin and cells[source] != first[source]:
            raise UsageError(
                f"the output holds rows of {cells[source]}, which those of {first[source]} of the same time would "
                "replace: give the source by the same path, or choose another output"
            )
    return begin


def first_cells(table: pa.Table) -> list[str]:
    """Return the cells of the row of the earliest time, as a csv has them."""
    text = io.BytesIO()
    earliest = pc.index(table["epoch_s"], pc.min(table["epoch_s"])).as_py()
    pyarrow.csv.write_csv(table.slice(earliest, 1), text)
    return list(csv.reader(text.getvalue().decode().splitlines()))[1]


def rows_in(file: IO[bytes], time: int) -> Iterator[tuple[int, list[str]]]:
    """Give where each row of a csv begins, and its cells; lines without a number in the column `time` are no rows."""
    file.seek(0)
    position = len(file.readline())
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

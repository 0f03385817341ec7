"""The csv of what is still being written: rows are added to those that are there, or take their place."""

import contextlib
import csv
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spectral_transcoder.sensors.records import check_output, record_path, write_json
from spectral_transcoder.sensors.standard_input import STDIN
from spectral_transcoder.utils.errors import UsageError

PIECE_BYTES = 1 << 16


@dataclass
class RowsFile:
    """Rows of csv that are added one by one, under one header.

    Attributes
    ----------
    file : binary file
        Where they go; it is flushed after each.
    header : bytes
        The header of the rows that are there already; empty where there are none.
    replaces : bool
        Whether the first row that is written replaces those that begin at its time or later.
    """

    file: IO[bytes]
    header: bytes = b""
    replaces: bool = False

    def write(self, table: pa.Table) -> None:
        """Add rows.

        Raises
        ------
        UsageError
            They have other columns than those that are there already, or would replace those of another file.
        """
        text = io.BytesIO()
        pyarrow.csv.write_csv(table, text)
        header, end, rows = text.getvalue().partition(b"\n")
        if not self.header:
            rows, self.header = header + end + rows, header
        if header != self.header:
            raise UsageError("the output holds rows of other columns: choose another output")
        if self.replaces:
            self.replaces = False
            cut_from(self.file, pc.min(table["epoch_s"]).as_py(), table["file"][0].as_py())
        self.file.write(rows)
        self.file.flush()


@contextlib.contextmanager
def open_rows(output: Path | None, source: str) -> Iterator[RowsFile]:
    """Open the csv that gets the rows, or standard output.

    Rows are added to those that are there already. What a file holds is classified from its beginning, so its rows
    replace its own of the same time and later.

    Raises
    ------
    UsageError
        Another format than csv, the source itself, or a file that is not ours.
    """
    if output is None:
        yield RowsFile(sys.stdout.buffer)
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"output {output}: expected a .csv with --follow, since it grows row by row")
    check_output(output, [Path(source)])
    write_json(record_path(output), {"made_from": {"followed": source}})
    output.touch()
    with output.open("r+b") as file:
        header = file.readline()
        cut_to_whole_lines(file)
        there = header.endswith(b"\n")
        yield RowsFile(file, header.rstrip(b"\n") if there else b"", there and source != STDIN)


def cut_from(file: IO[bytes], epoch_s: float, source: str) -> None:
    """Cut a csv of windows before the first one that begins at a time or later, and go there.

    Raises
    ------
    UsageError
        Rows of another source than this would be lost.
    """
    file.seek(0)
    names = next(csv.reader([file.readline().decode()]))
    time_column, source_column = names.index("epoch_s"), names.index("file")
    position, end = file.tell(), None
    for line in file:
        cells = next(csv.reader([line.decode("utf-8", "replace")]), [])
        if end is None and len(cells) > time_column and float(cells[time_column]) >= epoch_s:
            end = position
        if end is not None and len(cells) > source_column and cells[source_column] != source:
            raise UsageError(
                f"the output holds rows of {cells[source_column]}, which those of {source} of the same time would "
                "replace: give the source by the same path, or choose another output"
            )
        position += len(line)
    file.seek(position if end is None else end)
    file.truncate()


def cut_to_whole_lines(file: IO[bytes]) -> None:
    """Cut a file of text behind its last whole line, as a power failure may have left half of one, and go there."""
    end = position = file.seek(0, os.SEEK_END)
    while position:
        start = max(0, position - PIECE_BYTES)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        position = start
        if found >= 0:
            position = start + found + 1
            break
    if position < end:
        file.truncate(position)
    file.seek(position)

"""The csv of what is still being written: rows are added to those that are there, or take their place."""

import contextlib
import io
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv

from spectral_transcoder.sensors.records import check_output, record_path, write_json
from spectral_transcoder.sensors.replaced_rows import ReplacedRows, find_replaced
from spectral_transcoder.sensors.standard_input import STDIN
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.locks import Lock, take_lock

PIECE_BYTES = 1 << 16


@dataclass
class RowsFile:
    """Rows of csv that are added one by one, under one header.

    Attributes
    ----------
    file : binary file
        Where they go; it is flushed after each.
    path : Path or None
        Where that lies; None for standard output.
    source : str
        What is followed: the first rows of a file replace those that they take the place of.
    header : bytes
        The header of the rows that are there already; empty where there are none.
    first_s : float
        When the source begins, in seconds since 1970: windows of one sensor may come before earlier ones of others.
    """

    file: IO[bytes]
    path: Path | None = None
    source: str = STDIN
    header: bytes = b""
    first_s: float = math.inf
    _begun: bool = False
    _replaced: ReplacedRows | None = None  # rows that stay until the new ones have come as far

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
        if self.path is not None:
            self._go_to_end(self.path)
        if self.header and header != self.header:
            raise UsageError("the output holds rows of other columns: choose another output")
        if self.path is not None and not self._begun:
            if self.header and self.source != STDIN:
                self._replaced = find_replaced(self.file, table, self.first_s)
                self.file.seek(0, os.SEEK_END)
            write_record(self.path, self.source)
        self._begun = True
        if not self.header:
            rows, self.header = header + end + rows, header
        self.file.write(rows)
        if self._replaced and self._replaced.are_reached_by(table):
            replaced, self._replaced = self._replaced, None
            replaced.cut_out(self.file)
        self.file.flush()

    def close(self) -> None:
        """End with the rows that were there, where the new ones have not come as far."""
        if self._replaced:
            self._replaced.keep(self.file)
        self.file.close()

    def _go_to_end(self, path: Path) -> None:
        """Go to the end of what lies at the path by now: others may have moved, saved anew or emptied it."""
        try:
            is_there = os.path.samestat(path.stat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            self._replaced = None
            self.file.close()
            self.file, self.header = open_whole_lines(path, self.source)
        elif self.file.seek(0, os.SEEK_END) == 0:
            self.header, self._replaced = b"", None


@contextlib.contextmanager
def open_rows(output: Path | None, source: str) -> Iterator[RowsFile]:
    """Open the csv that gets the rows, or standard output.

    Rows are added to those that are there already. What a file holds is classified from its beginning, so its rows
    replace its own of the same time and later.

    Raises
    ------
    UsageError
        Another format than csv, the source itself, a file that is not ours, or one that another run adds rows to.
    """
    if output is None:
        yield RowsFile(sys.stdout.buffer)
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"output {output}: expected a .csv with --follow, since it grows row by row")
    check_output(output, [Path(source)])
    file, header = open_whole_lines(output, source)
    rows = RowsFile(file, output, source, header)
    try:
        yield rows
    finally:
        rows.close()


def write_record(output: Path, source: str) -> None:
    """Write what the rows of an output are made from, by which it is known to be ours."""
    write_json(record_path(output), {"made_from": {"followed": source}})


def open_whole_lines(output: Path, source: str) -> tuple[IO[bytes], bytes]:
    """Open a csv, which is made where none is, at the end of its last whole line; return it and its header.

    Raises
    ------
    UsageError
        Another run adds rows to it.
    """
    if not output.exists():  # what is there keeps its record until a row is added
        write_record(output, source)
        output.touch()
    file = output.open("r+b")
    if take_lock(file, by_process=False) is Lock.THEIRS:
        file.close()
        raise UsageError(f"another run adds rows to {output}: end that one, or choose another output")
    header = file.readline()
    cut_to_whole_lines(file)
    return file, header.rstrip(b"\n") if header.endswith(b"\n") else b""


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

"""Classifying what is still being written: a row of text for each window, at once."""

import contextlib
import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spectral_transcoder.sensors import results
from spectral_transcoder.sensors.calibration import refuse_wrong_offset
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.live_levels import LiveLevels
from spectral_transcoder.sensors.live_sound import LiveSound
from spectral_transcoder.sensors.records import check_output, record_path, write_json
from spectral_transcoder.sensors.standard_input import STDIN
from spectral_transcoder.sensors.windows import Timeline, WindowBatch, Windowing
from spectral_transcoder.utils.errors import UsageError

FRAMES_BEFORE_CHECK = 80  # of the offset: ten seconds
PIECE_BYTES = 1 << 16


def write_rows(
    live: LiveLevels | LiveSound,
    model: SensorClassifier,
    windowing: Windowing,
    output: "RowsFile",
    keep_scores: bool,
    report: Callable[[str], None],
) -> int:
    """Write a row of csv for each window as soon as its last level is there.

    Parameters
    ----------
    live : LiveLevels or LiveSound
        An opened source.
    model : SensorClassifier
        What scores the windows.
    windowing : Windowing
        How long windows are, and the offset.
    output : RowsFile
        Gets the rows.
    keep_scores : bool
        Whether rows hold the scores of all labels.
    report : callable
        Gets lines about gaps and other findings as they come.

    Returns
    -------
    int
        How many windows were written.
    """
    n_windows, reported = 0, Reported(live.findings, report)
    for batch in live_windows(live.blocks(), windowing, live.findings):
        table = results.to_table(model.score(batch), windowing.offset_db, keep_scores)
        output.write(table)
        n_windows += len(batch)
        reported.update()
        if live.findings.n_frames >= FRAMES_BEFORE_CHECK and isinstance(live, LiveLevels):
            refuse_wrong_offset(live.findings, windowing.offset_db)
    live.finish()
    reported.update()
    return n_windows


def live_windows(
    blocks: Iterator[LevelBlock], windowing: Windowing, findings: Findings
) -> Iterator[WindowBatch]:
    """Give windows as soon as they are whole, and what is left of the last ones at the end."""
    timelines: dict[str, Timeline] = {}
    for block in blocks:
        if block.sensor not in timelines:
            timelines[block.sensor] = Timeline(windowing, findings)
        yield from timelines[block.sensor].push(block)
    for timeline in timelines.values():
        yield from timeline.finish()


class Reported:
    """Reports what is new among findings.

    Parameters
    ----------
    findings : Findings
        To which more is added.
    report : callable
        Gets a line for each new note, and for each kind of which more ranges were found.
    """

    def __init__(self, findings: Findings, report: Callable[[str], None]) -> None:
        self.findings, self.report = findings, report
        self.n_notes = 0
        self.n_ranges: dict[str, int] = {}

    def update(self) -> None:
        """Report what is new."""
        for note in self.findings.notes[self.n_notes :]:
            self.report(note)
        self.n_notes = len(self.findings.notes)
        for kind, finding in self.findings.kinds.items():
            if finding.n_ranges > self.n_ranges.get(kind, 0):
                self.report(self.findings.last_line(kind))
            self.n_ranges[kind] = finding.n_ranges


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
            They have other columns than those that are there already.
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
            cut_from(self.file, pc.min(table["epoch_s"]).as_py())
        self.file.write(rows)
        self.file.flush()


@contextlib.contextmanager
def open_rows(output: Path | None, source: str) -> Iterator[RowsFile]:
    """Open the csv that gets the rows, or standard output.

    Rows are added to those that are there already. What a file holds is classified from its beginning, so its rows
    replace those of the same time and later.

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


def cut_from(file: IO[bytes], epoch_s: float) -> None:
    """Cut a csv of windows before the first one that begins at a time or later, and go there."""
    file.seek(0)
    column = next(csv.reader([file.readline().decode()])).index("epoch_s")
    position = file.tell()
    for line in file:
        cells = next(csv.reader([line.decode("utf-8", "replace")]), [])
        if len(cells) > column and float(cells[column]) >= epoch_s:
            break
        position += len(line)
    file.seek(position)
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

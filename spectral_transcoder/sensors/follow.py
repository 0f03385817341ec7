"""Classifying what is still being written: a row of text for each window, at once."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyarrow.csv

from spectral_transcoder.sensors import results
from spectral_transcoder.sensors.calibration import refuse_wrong_offset
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.live import LiveLevels, LiveSound
from spectral_transcoder.sensors.records import check_output, record_path, write_json
from spectral_transcoder.sensors.windows import Timeline, WindowBatch, Windowing
from spectral_transcoder.utils.errors import UsageError

FRAMES_BEFORE_CHECK = 80  # of the offset: ten seconds


def write_rows(
    live: LiveLevels | LiveSound,
    model: SensorClassifier,
    windowing: Windowing,
    output: IO[bytes],
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
    output : binary file
        Gets the header and the rows, and is flushed after each.
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
        text = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=n_windows == 0)
        pyarrow.csv.write_csv(table, text, options)
        output.write(text.getvalue())
        output.flush()
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


@contextlib.contextmanager
def open_rows(output: Path | None, source: str) -> Iterator[IO[bytes]]:
    """Open the csv that gets the rows, or standard output.

    Raises
    ------
    UsageError
        Another format than csv, the source itself, or a file that is not ours.
    """
    if output is None:
        yield sys.stdout.buffer
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"output {output}: expected a .csv with --follow, since it grows row by row")
    check_output(output, [Path(source)])
    write_json(record_path(output), {"made_from": {"followed": source}})
    with output.open("wb") as file:
        yield file

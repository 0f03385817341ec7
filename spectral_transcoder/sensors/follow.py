"""Classifying what is still being written: a row of text for each window, at once."""

from collections.abc import Callable, Iterator

from spectral_transcoder.sensors import results
from spectral_transcoder.sensors.calibration import refuse_wrong_offset
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.live_levels import LiveLevels
from spectral_transcoder.sensors.live_sound import LiveSound
from spectral_transcoder.sensors.rows_file import RowsFile
from spectral_transcoder.sensors.windows import Timeline, WindowBatch, Windowing

FRAMES_BEFORE_CHECK = 80  # of the offset: ten seconds


def write_rows(
    live: LiveLevels | LiveSound,
    model: SensorClassifier,
    windowing: Windowing,
    output: RowsFile,
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
    if isinstance(live, LiveLevels):
        output.first_s = live.first_s
    for batch in live_windows(live.blocks(), windowing, live.findings):
        if live.findings.n_frames >= FRAMES_BEFORE_CHECK and isinstance(live, LiveLevels):
            refuse_wrong_offset(live.findings, windowing.offset_db)  # before rows take the place of others
        table = results.to_table(model.score(batch), windowing.offset_db, keep_scores)
        output.write(table)
        n_windows += len(batch)
        reported.update()
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

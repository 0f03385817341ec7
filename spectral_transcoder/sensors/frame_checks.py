"""What is wrong with a sensor's rows: reported by time, and kept away from the classifier."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.levels import FRAME_S, LevelBlock
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.words import counted

LOUDEST_DB = 200
CONSTANT_FRAMES = 8  # a second without the slightest change: a stuck sensor, or digital silence
KEPT_RANGES = 200  # of each kind are reported by time; all are counted
SHOWN_RANGES = 5
FEWEST_ROWS = 100  # from which a block is checked as a whole

NO_LEVEL = "rows without any level, left out"
NOT_A_NUMBER = "levels that are no numbers, left out"
TOO_LOUD = f"levels above {LOUDEST_DB} dB, left out"
NOT_LATER = "rows not later than the row before, left out"
NO_TIME = "rows without a time, left out"
OUT_OF_LINE = "rows more than a day from all others, left out"
REPEATED = "rows with the times of other rows, left out"
SET_BACK = "clock set back"
CONSTANT = f"levels constant for {CONSTANT_FRAMES} rows or more, kept"
GAP = "gaps"
CLIPPED = "frames louder than full scale, kept"


@dataclass
class Finding:
    """How often something was found, and when at first."""

    n_rows: int = 0
    n_ranges: int = 0
    ranges: list[tuple[str, float, float]] = field(default_factory=list)  # source, first and last epoch in s
    last: tuple[str, float, float] = ("", -np.inf, -np.inf)  # of all ranges, of which the first are kept


@dataclass
class Findings:
    """Everything worth reporting about the files that were read.

    Attributes
    ----------
    kinds : dict of str to Finding
        By what was found, with times.
    notes : list of str
        What has no time: the unit of the epochs, missing bands.
    n_frames : int
        Frames that were kept.
    """

    kinds: dict[str, Finding] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_frames: int = 0

    @property
    def clipped_share(self) -> float:
        """Share of the kept frames that are louder than full scale."""
        return self.kinds[CLIPPED].n_rows / self.n_frames if CLIPPED in self.kinds else 0.0

    def note(self, text: str) -> None:
        """Add a remark of one line, once."""
        text = readable(text)
        if text not in self.notes:
            self.notes.append(text)

    def add(
        self, kind: str, source: str, start_s: float, end_s: float, n_rows: int, period_s: float = FRAME_S
    ) -> None:
        """Add a range of time; one that continues the last is joined to it."""
        finding = self.kinds.setdefault(kind, Finding())
        finding.n_rows += n_rows
        last_source, last_start, last_end = finding.last
        if last_source == source and 0 <= start_s - last_end < 1.5 * period_s:
            finding.last = (source, last_start, end_s)
            if finding.n_ranges == len(finding.ranges):
                finding.ranges[-1] = finding.last
            return
        finding.n_ranges += 1
        finding.last = (source, start_s, end_s)
        if len(finding.ranges) < KEPT_RANGES:
            finding.ranges.append(finding.last)

    def add_rows(self, kind: str, block: LevelBlock, mask: NDArray[np.bool_]) -> None:
        """Add the rows of a block that `mask` (n,) marks, consecutive ones together."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2):
            start_s, end_s = float(block.epoch_s[first]), float(block.epoch_s[end - 1])
            self.add(kind, block.file, start_s, end_s, int(end - first), block.period_s)

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        lines = list(self.notes)
        for kind, finding in self.kinds.items():
            times = [
                f"{source} {utc(start_s)}" + (f" to {utc(end_s)}" if end_s > start_s else "")
                for source, start_s, end_s in finding.ranges[:SHOWN_RANGES]
            ]
            more = finding.n_ranges - len(times)
            rows = counted(finding.n_rows, "row") if finding.n_rows else f"{finding.n_ranges} of them"
            further = f"; and {counted(more, 'more time')}" if more else ""
            lines.append(f"{kind}: {rows}: {'; '.join(times)}{further}")
        return lines

    def last_line(self, kind: str) -> str:
        """Return the last range that was found of a kind as a line of text."""
        source, start_s, end_s = self.kinds[kind].last
        until = f" to {utc(end_s)}" if end_s > start_s else ""
        return f"{kind}: {source} {utc(start_s)}{until}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        found = {
            kind: {
                "rows": finding.n_rows,
                "ranges": finding.n_ranges,
                "first_ranges": [
                    {"source": source, "from": utc(start_s), "to": utc(end_s)}
                    for source, start_s, end_s in finding.ranges
                ],
            }
            for kind, finding in self.kinds.items()
        }
        return {"notes": self.notes, "found": found}


def utc(epoch_s: float) -> str:
    """Return a time as ISO 8601 text, UTC, to the millisecond."""
    time = datetime.fromtimestamp(epoch_s, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class ConstantStretch:
    """Rows of one file without the slightest change, and their times."""

    file: str
    since_s: float
    until_s: float
    n_rows: int


class FrameFilter:
    """Keeps those rows of one sensor that can be, in order of time, and reports the others.

    Parameters
    ----------
    findings : Findings
        Where they are reported.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.last_epoch_s = -np.inf
        self.series: int | None = None
        self.last_levels: NDArray[np.float32] | None = None
        self.constant: ConstantStretch | None = None  # the stretch that the last row belongs to

    def _keep_later(self, block: LevelBlock) -> LevelBlock:
        """Return the rows that are later than all before them in their series."""
        if block.series != self.series:
            self.series, self.last_epoch_s = block.series, -np.inf
        later = block.epoch_s > np.maximum.accumulate(np.append(self.last_epoch_s, block.epoch_s[:-1]))
        refuse_disorder(block, later)
        self.findings.add_rows(NOT_LATER, block, ~later)
        block = block.select(later)
        if len(block):
            self.last_epoch_s = block.epoch_s[-1]
        return block

    def keep(self, block: LevelBlock) -> LevelBlock:
        """Return the block without rows that are out of order, no numbers, or above 200 dB.

        Minus infinity is silence, and kept.

        Raises
        ------
        LevelsError
            Most rows are not in order of time, or do not follow each other.
        """
        block = self._keep_later(block)
        levels = block.levels_db[:, block.present]
        possible: NDArray[np.bool_] = np.asarray((np.isfinite(levels) | np.isneginf(levels)).all(axis=1))
        loudest = np.where(possible[:, None], levels, 0).max(axis=1, initial=0)
        loud = np.asarray(possible & (loudest > LOUDEST_DB))
        empty = np.asarray(np.isnan(levels).all(axis=1))
        self.findings.add_rows(NO_LEVEL, block, empty)
        self.findings.add_rows(NOT_A_NUMBER, block, np.asarray(~possible & ~empty))
        self.findings.add_rows(TOO_LOUD, block, loud)
        block = block.select(possible & ~loud)
        self._watch_constant(block)
        return block

    def _watch_constant(self, block: LevelBlock) -> None:
        """Report levels that stay exactly the same, across blocks too."""
        if len(block) == 0:
            return
        levels = block.levels_db[:, block.present]
        before = np.full((1, levels.shape[1]), np.nan) if self.last_levels is None else self.last_levels
        same = (levels == np.concatenate([before, levels[:-1]])).all(axis=1)
        starts = np.flatnonzero(~same) if not same[0] else np.append(0, np.flatnonzero(~same))
        ends = np.append(starts[1:], len(block))
        n_rows, since_s, until_s = ends - starts, block.epoch_s[starts], block.epoch_s[ends - 1]
        if same[0] and self.constant is not None:
            n_rows[0] += self.constant.n_rows
            since_s[0] = self.constant.since_s
        else:
            self.finish()
        stretches = [
            ConstantStretch(block.file, since_s[index], until_s[index], int(n_rows[index]))
            for index in np.flatnonzero((n_rows >= CONSTANT_FRAMES) | (ends == len(block)))
        ]
        *ended, self.constant = stretches
        for stretch in ended:
            self._report(stretch)
        self.last_levels = levels[-1:]

    def finish(self) -> None:
        """Report constant levels that lasted until the last row."""
        if self.constant is not None:
            self._report(self.constant)
        self.constant = None

    def _report(self, stretch: ConstantStretch) -> None:
        if stretch.n_rows >= CONSTANT_FRAMES:
            self.findings.add(CONSTANT, *dataclasses.astuple(stretch))


def refuse_disorder(block: LevelBlock, later: NDArray[np.bool_]) -> None:
    """Raise LevelsError for a block of which most rows are out of order, or follow at other steps than its period."""
    if len(block) < FEWEST_ROWS:
        return
    start = f"{block.file}, rows from {utc(block.epoch_s[0])} on"
    if later.mean() < 0.5:
        raise LevelsError(f"{start}: {(~later).sum()} of {len(block)} are out of order: sort them by epoch")
    steps = np.diff(block.epoch_s[later])
    regular = abs(steps / block.period_s - 1) < 0.5
    if regular.mean() < 0.5:
        raise LevelsError(
            f"{start}: they follow each other every {np.median(steps):g} s (median): expected {block.period_s:g} s"
        )

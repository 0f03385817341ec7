"""What is wrong with a sensor's rows: told by time, and kept away from the classifier."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from spectral_transcoder.sensors.levels import FRAME_S
from spectral_transcoder.utils.errors import LevelsError

LOUDEST_DB = 200
CONSTANT_FRAMES = 8  # a second without the slightest change: a stuck sensor, or digital silence
KEPT_RANGES = 200  # of each kind are told by time; all are counted
SHOWN_RANGES = 5
FEWEST_JUDGED = 100  # rows from which a block is judged as a whole

NOT_A_NUMBER = "levels that are no numbers, left out"
TOO_LOUD = f"levels above {LOUDEST_DB} dB, left out"
NOT_LATER = "rows not later than the row before, left out"
NO_TIME = "rows without a time, left out"
CONSTANT = f"levels constant for {CONSTANT_FRAMES} rows or more, kept"
GAP = "gaps"
CLIPPED = "frames louder than full scale, kept"


@dataclass
class Finding:
    """How often something was found, and when at first."""

    n_rows: int = 0
    n_ranges: int = 0
    ranges: list = field(default_factory=list)  # (source, first epoch in s, last epoch in s)


@dataclass
class Findings:
    """Everything worth telling about the files that were read.

    Attributes
    ----------
    kinds : dict of str to Finding
        By what was found, with times.
    notes : list of str
        What has no time: the unit of the epochs, missing bands.
    n_frames : int
        Frames that were kept.
    """

    kinds: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    n_frames: int = 0

    @property
    def clipped_share(self):
        """Share of the kept frames that are louder than full scale."""
        return self.kinds[CLIPPED].n_rows / self.n_frames if CLIPPED in self.kinds else 0.0

    def note(self, text):
        """Add a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, kind, source, start_s, end_s, n_rows):
        """Add a range of time; one that continues the last is joined to it."""
        finding = self.kinds.setdefault(kind, Finding())
        finding.n_rows += n_rows
        if finding.ranges:
            last_source, last_start, last_end = finding.ranges[-1]
            if last_source == source and 0 <= start_s - last_end < 1.5 * FRAME_S:
                finding.ranges[-1] = (source, last_start, end_s)
                return
        finding.n_ranges += 1
        if len(finding.ranges) < KEPT_RANGES:
            finding.ranges.append((source, start_s, end_s))

    def add_rows(self, kind, block, mask):
        """Add the rows of a block that `mask` (n,) marks, consecutive ones together."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2):
            self.add(kind, block.file, block.epoch_s[first], block.epoch_s[end - 1], int(end - first))

    def lines(self):
        """Return the report as lines of text."""
        lines = list(self.notes)
        for kind, finding in self.kinds.items():
            times = [
                f"{source} {utc(start_s)}" + (f" to {utc(end_s)}" if end_s > start_s else "")
                for source, start_s, end_s in finding.ranges[:SHOWN_RANGES]
            ]
            more = finding.n_ranges - len(times)
            rows = f"{finding.n_rows} rows" if finding.n_rows else f"{finding.n_ranges} of them"
            lines.append(f"{kind}: {rows}: {'; '.join(times)}" + (f"; and {more} more times" if more else ""))
        return lines

    def to_dict(self):
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


def utc(epoch_s):
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
    """Keeps those rows of one sensor that can be, in order of time, and tells of the others.

    Parameters
    ----------
    findings : Findings
        Where they are told.
    """

    def __init__(self, findings):
        self.findings = findings
        self.last_epoch_s = -np.inf
        self.last_levels = None
        self.constant = None  # the stretch of constant levels that the last row belongs to

    def keep(self, block):
        """Return the block without rows that are out of order, no numbers, or above 200 dB.

        Raises
        ------
        LevelsError
            Most rows are not in order of time, or do not follow each other.
        """
        later = block.epoch_s > np.maximum.accumulate(np.append(self.last_epoch_s, block.epoch_s[:-1]))
        refuse_disorder(block, later)
        self.findings.add_rows(NOT_LATER, block, ~later)
        block = block.select(later)
        if len(block):
            self.last_epoch_s = block.epoch_s[-1]

        levels = block.levels_db[:, block.present]
        finite = np.isfinite(levels).all(axis=1)
        loud = finite & (np.where(np.isfinite(levels), levels, 0).max(axis=1, initial=0) > LOUDEST_DB)
        self.findings.add_rows(NOT_A_NUMBER, block, ~finite)
        self.findings.add_rows(TOO_LOUD, block, loud)
        block = block.select(finite & ~loud)
        self._watch_constant(block)
        return block

    def _watch_constant(self, block):
        """Tell of levels that stay exactly the same, across blocks too."""
        if len(block) == 0:
            return
        levels = block.levels_db[:, block.present]
        before = np.full((1, levels.shape[1]), np.nan) if self.last_levels is None else self.last_levels
        same = (levels == np.concatenate([before, levels[:-1]])).all(axis=1)
        starts = np.flatnonzero(~same) if not same[0] else np.append(0, np.flatnonzero(~same))
        ends = np.append(starts[1:], len(block))
        n_rows, since_s, until_s = ends - starts, block.epoch_s[starts], block.epoch_s[ends - 1]
        if same[0]:
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
            self._tell(stretch)
        self.last_levels = levels[-1:]

    def finish(self):
        """Tell of constant levels that lasted until the last row."""
        if self.constant is not None:
            self._tell(self.constant)
        self.constant = None

    def _tell(self, stretch):
        if stretch.n_rows >= CONSTANT_FRAMES:
            self.findings.add(CONSTANT, *dataclasses.astuple(stretch))


def refuse_disorder(block, later):
    """Raise LevelsError for a block of which most rows are out of order, or follow at other steps than 125 ms."""
    if len(block) < FEWEST_JUDGED:
        return
    start = f"{block.file}, rows from {utc(block.epoch_s[0])} on"
    if later.mean() < 0.5:
        raise LevelsError(f"{start}: {(~later).sum()} of {len(block)} are out of order: sort them by epoch")
    steps = np.diff(block.epoch_s[later])
    regular = abs(steps / FRAME_S - 1) < 0.5
    if regular.mean() < 0.5:
        raise LevelsError(
            f"{start}: they follow each other every {np.median(steps):g} s (median): expected {FRAME_S} s"
        )

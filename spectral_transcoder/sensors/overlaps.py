"""Times that several files of one sensor have, as a daily file and an hourly export do: they count once.

    spans of each file, by sensor ──sweep──▶ overlaps ──▶ rows of the shorter file are left out
                                                    └──▶ a remark where it is not known whether it is one measurement

The longest file keeps its rows, as the longest stretch does within a file. Only begin and end of what was measured
without a gap are held of each file, so that memory does not grow with its rows.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from spectral_transcoder.sensors.frame_checks import Findings, utc
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.reading import SurveyedFile
from spectral_transcoder.utils.words import counted

LEAST_DOUBTED_S = 2.0  # a row at midnight that two days have is not worth a remark
SHOWN_PAIRS = 5


@dataclass(frozen=True)
class Overlap:
    """A span of time of one sensor that two files have.

    Attributes
    ----------
    sensor : str
        Its name, "" where none is known.
    shorter, longer : int
        The positions of the files: which has less of the sensor, and which more.
    start_s, end_s : float
        Seconds since 1970.
    """

    sensor: str
    shorter: int
    longer: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long the span lasts."""
        return self.end_s - self.start_s


def find_overlaps(files: Sequence[SurveyedFile]) -> Iterator[Overlap]:
    """Give what two files have of the same sensor and time; files without times have none."""
    spans: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    lengths_s = [measured_s(file) for file in files]
    for index, file in enumerate(files):
        for sensor, start_s, end_s in file.spans():
            spans[sensor].append((start_s, end_s, index))
    for sensor, own in spans.items():
        going_on: list[tuple[float, int]] = []  # spans that have not ended: their ends, and whose they are
        for start_s, end_s, index in sorted(own):
            going_on = [(other_s, other) for other_s, other in going_on if other_s > start_s]
            for other_s, other in going_on:
                if other != index:
                    longer, shorter = sorted((index, other), key=lambda one: (-lengths_s[one][sensor], one))
                    yield Overlap(sensor, shorter, longer, start_s, min(end_s, other_s))
            going_on.append((end_s, index))


@dataclass
class Doubt:
    """Overlaps of which it is not known whether they are one measurement: the first two files, and how many more."""

    pair: tuple[int, int]
    duration_s: float = 0.0
    files: set[int] = field(default_factory=set)

    def add(self, overlap: Overlap) -> None:
        """Take one more in."""
        self.files |= {overlap.shorter, overlap.longer}
        if self.pair == (overlap.shorter, overlap.longer):
            self.duration_s += overlap.duration_s


class Overlaps:
    """What the files of a run have twice.

    Parameters
    ----------
    files : sequence of SurveyedFile
        All of them.

    Attributes
    ----------
    certain : dict of tuple of int and str to list of Overlap
        By the position of a file and a sensor's name: where a longer file has its times.
    remarks : list of str
        What is counted twice if it is one measurement.
    """

    def __init__(self, files: Sequence[SurveyedFile] = ()) -> None:
        self.files = files
        self.certain: dict[tuple[int, str], list[Overlap]] = defaultdict(list)
        doubts: dict[str, Doubt] = {}
        for overlap in find_overlaps(files):
            if overlap.sensor and self._same_clock(overlap):
                self.certain[overlap.shorter, overlap.sensor].append(overlap)
            elif overlap.duration_s > LEAST_DOUBTED_S:
                doubt = doubts.setdefault(overlap.sensor, Doubt((overlap.shorter, overlap.longer)))
                doubt.add(overlap)
        self.remarks = [self._remark(sensor, doubt) for sensor, doubt in doubts.items()]

    def _same_clock(self, overlap: Overlap) -> bool:
        """Whether the zone of both files is known, or assumed in both."""
        zones = {self.files[i].source.description.assumed_zone for i in (overlap.shorter, overlap.longer)}
        return len(zones) == 1

    def _remark(self, sensor: str, doubt: Doubt) -> str:
        """Say which files may have measured the same, and what the user can say to it."""
        shorter, longer = (self.files[index].path for index in doubt.pair)
        n_more = len(doubt.files - {*doubt.pair})
        more = f", and {counted(n_more, 'more file has', 'more files have')} some too" if n_more else ""
        rows = f"{shorter} and {longer} have rows of the same {doubt.duration_s:.0f} s"
        if not sensor:
            return (
                f"{rows}, and do not name their sensor{more}: all are counted, twice if it is one sensor: say "
                "--sensor NAME, or --sensor_from folder"
            )
        return (
            f"{rows} of sensor {sensor}{more}, if times are in UTC, which is assumed of one: all are counted: "
            "say --timezone"
        )

    @property
    def duration_s(self) -> float:
        """How much is left out of all files, in seconds."""
        return sum(map(covered_s, self.certain.values()))

    def contained(self) -> dict[int, int]:
        """Return the positions of files of which longer ones have every row, and of one of these for each."""
        found = {}
        for index, file in enumerate(self.files):
            own = {sensor: self.certain.get((index, sensor), []) for sensor in measured_s(file)}
            lacking_s = sum(
                length_s - covered_s(own[sensor]) for sensor, length_s in measured_s(file).items()
            )
            half_a_row_s = min(clock.period_s for clock in file.clocks.values()) / 2
            if any(own.values()) and lacking_s < half_a_row_s and not file.has_own_series:
                found[index] = next(overlaps[0].longer for overlaps in own.values() if overlaps)
        return found


def measured_s(file: SurveyedFile) -> dict[str, float]:
    """Return how long a file has measured each sensor, in seconds."""
    total_s: dict[str, float] = defaultdict(float)
    for sensor, start_s, end_s in file.spans():
        total_s[sensor] += end_s - start_s
    return total_s


def covered_s(overlaps: Sequence[Overlap]) -> float:
    """Return how much time overlaps of one file and sensor cover together, in seconds."""
    total_s, until_s = 0.0, -np.inf
    for overlap in sorted(overlaps, key=lambda overlap: overlap.start_s):
        total_s += max(0.0, overlap.end_s - max(overlap.start_s, until_s))
        until_s = max(until_s, overlap.end_s)
    return total_s


@dataclass
class Repeated:
    """Rows that were left out of one file, since another has them."""

    duration_s: float = 0.0
    start_s: float = np.inf
    end_s: float = -np.inf

    def add(self, block: LevelBlock) -> None:
        """Take in rows that are left out."""
        self.duration_s += len(block) * block.period_s
        self.start_s = min(self.start_s, float(block.epoch_s.min()))
        self.end_s = max(self.end_s, float(block.epoch_s.max()) + block.period_s)


class RowsOnce:
    """Leaves out rows of times that a longer file of their sensor has, and counts them.

    Parameters
    ----------
    overlaps : Overlaps
        What the files have twice.
    """

    def __init__(self, overlaps: Overlaps) -> None:
        self.overlaps = overlaps
        self.repeated: dict[tuple[int, int, str], Repeated] = defaultdict(Repeated)

    def keep(self, index: int, block: LevelBlock) -> LevelBlock:
        """Return the rows of a block of a file, given by its position, that no longer file has."""
        for overlap in self.overlaps.certain.get((index, block.sensor), ()):
            middle_s = block.epoch_s + block.period_s / 2  # clocks of exports differ by less than half a row
            taken = (middle_s >= overlap.start_s) & (middle_s < overlap.end_s)
            if taken.any():
                self.repeated[index, overlap.longer, block.sensor].add(block.select(taken))
                block = block.select(~taken)
        return block

    def report(self, findings: Findings) -> None:
        """Say which files had rows of which others, and how many seconds of them."""
        paths = [file.path for file in self.overlaps.files]
        pairs = list(self.repeated.items())
        for (index, longer, sensor), rows in pairs[:SHOWN_PAIRS]:
            findings.note(
                f"{paths[index]}: {rows.duration_s:.10g} s of sensor {sensor} are in {paths[longer]} too, and counted "
                f"once: {utc(rows.start_s)} to {utc(rows.end_s)}"
            )
        if more := pairs[SHOWN_PAIRS:]:
            duration_s = sum(rows.duration_s for _, rows in more)
            files = counted(len(more), "more file has", "more files have")
            findings.note(f"{files} {duration_s:.10g} s of others, which are counted once too")

"""The clock of a sensor: how often rows follow each other, and which times are out of line.

A file is read once for its times before it is read for its levels, so that what is wrong is decided by the
majority of the rows, not by the first ones. Rows are taken together to stretches in which time goes forward;
few stretches describe a long file.
"""

import itertools
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.levels import FRAME_S, N_BANDS
from spectral_transcoder.sensors.readers.options import LONGEST_S, SHORTEST_S, TOLERANCE
from spectral_transcoder.utils.errors import LevelsError

NOMINAL_PERIODS_S = (0.01, 0.02, 0.025, 0.05, 0.0625, 0.1, 0.125, 0.128, 0.2, 0.25, 0.5, 1.0)
DAY_S = 86400.0
SHORT_STRETCH = 8  # rows: a stretch of fewer, more than a day from all others, is one of wrong times
OWN_SERIES_SHARE = 0.1  # of the rows, from which a stretch that repeats times is a series of its own
LONGEST_GAP_S = 600.0  # within a stretch: rows whose times lie in a longer one repeat none
MOST_GAPS = 1000  # that are looked at so: a file of many is one of events
HOLE_S = (
    2.0  # a shorter gap within a stretch: times that another file may have; rows are a second apart at most
)
MOST_HOLES = 200  # of which are kept
UNSET_BEFORE_S, UNSET_FROM_S = 631152000.0, 4102444800.0  # 1990 and 2100: clocks beyond are not set
MOST_REPEATED_SHARE = 0.4
FEWEST_REPEATS = 3  # stretches; a clock is set back less often than sensors take turns
MOST_STRETCHES = 100_000
MOST_DISORDERED_SHARE = 0.25
MOST_UNDATED_SHARE = 0.05
LEAST_REGULAR_SHARE = 0.6
STEP_EDGES_S = 10.0 ** np.arange(-5, 6, 0.004)  # one per cent apart
LOOKED_AT_ROWS = 20_000  # for series that take turns
MOST_TURNS = 6
TURNS_RATIO = 0.75


@dataclass(frozen=True)
class Stretch:
    """Rows in which time goes forward.

    Attributes
    ----------
    first_row, end_row : int
        Positions in the file, the end excluded.
    start_s, last_s : float
        Times of its first and last row.
    """

    first_row: int
    end_row: int
    start_s: float
    last_s: float

    def __len__(self) -> int:
        return self.end_row - self.first_row

    def overlap(self, other: "Stretch") -> float:
        """Return the share of this stretch's time that another covers too."""
        shared = min(self.last_s, other.last_s) - max(self.start_s, other.start_s)
        if shared < 0:
            return 0.0
        return shared / (self.last_s - self.start_s) if self.last_s > self.start_s else 1.0

    def distance_s(self, other: "Stretch") -> float:
        """Return the seconds between two stretches, 0 where they overlap."""
        return max(self.start_s - other.last_s, other.start_s - self.last_s, 0.0)


@dataclass(frozen=True)
class KeptStretch:
    """A stretch of which the times are right.

    Attributes
    ----------
    stretch : Stretch
        Its rows.
    series : int
        The series that it belongs to.
    own_series : bool
        Whether it repeats the times of others, as a second sensor in the same file does.
    taken : tuple of tuple of float
        Spans of time that other stretches have, of which its rows are left out.
    """

    stretch: Stretch
    series: int = 0
    own_series: bool = False
    taken: tuple[tuple[float, float], ...] = ()

    @property
    def n_repeated(self) -> int:
        """About how many of its rows have times that other stretches have."""
        if self.own_series:
            return len(self.stretch)
        start_s, last_s = self.stretch.start_s, self.stretch.last_s
        shared_s = sum(max(0.0, min(last_s, last) - max(start_s, start)) for start, last in self.taken)
        return round(len(self.stretch) * min(1.0, shared_s / max(last_s - start_s, 1e-9)))


@dataclass
class ClockSurvey:
    """What the times of one sensor's rows are like, gathered block by block in constant memory.

    Attributes
    ----------
    n_rows : int
        Rows so far.
    counts, sums : np.ndarray
        Number and sum of the steps forward, by size.
    n_undated : int
        Rows left out whose time is beyond any date.
    n_back, n_same : int
        Steps backward, and of nought.
    stretches : list of Stretch
        In the order of the file.
    holes : list of tuple
        Times of more than `HOLE_S` without a level: (position of the next row that has one, times of the rows around).
    n_empty : int
        Rows without any level.
    n_levels : np.ndarray
        (29,) how many rows have a level in each band.
    n_silent : np.ndarray
        (29,) how many of these are minus infinity.
    checksums : tuple of int
        CRC-32 of all times and of all levels, by which the same measurement is known in another file.
    """

    n_rows: int = 0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(STEP_EDGES_S) - 1, np.int64))
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(STEP_EDGES_S) - 1))
    n_undated: int = 0
    n_back: int = 0
    n_same: int = 0
    stretches: list[Stretch] = field(default_factory=list)
    holes: list[tuple[int, float, float]] = field(default_factory=list)
    n_empty: int = 0
    n_levels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BANDS, np.int64))
    n_silent: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_BANDS, np.int64))
    checksums: tuple[int, int] = (0, 0)
    _looked_at: list[tuple[NDArray, NDArray]] = field(default_factory=list)
    _last_level_s: float | None = None

    def add(self, times_s: NDArray[np.floating] | None, levels_db: NDArray[np.float32]) -> None:
        """Take the next rows: times (n,) and levels (n, 29)."""
        parts = (b"" if times_s is None else times_s.tobytes(), levels_db.tobytes())
        self.checksums = zlib.crc32(parts[0], self.checksums[0]), zlib.crc32(parts[1], self.checksums[1])
        there = ~np.isnan(levels_db)
        self.n_empty += int((~there.any(axis=1)).sum())
        self.n_levels += there.sum(axis=0)
        self.n_silent += np.isneginf(levels_db).sum(axis=0)
        if times_s is not None and len(times_s):
            if self.n_rows < LOOKED_AT_ROWS:
                self._looked_at.append((times_s[:LOOKED_AT_ROWS], levels_db[:LOOKED_AT_ROWS]))
            self._add_holes(times_s, np.flatnonzero(there.any(axis=1)))
            self._add_times(times_s)
        self.n_rows += len(levels_db)

    def _add_holes(self, times_s: NDArray[np.floating], with_levels: NDArray[np.int64]) -> None:
        """Note where there is no level; the positions of rows that have some are given."""
        if not len(with_levels):
            return
        before = times_s[:1] if self._last_level_s is None else [self._last_level_s]
        times = np.concatenate([before, times_s[with_levels]])
        for index in np.flatnonzero(np.diff(times) > HOLE_S)[: MOST_HOLES - len(self.holes)]:
            row = self.n_rows + int(with_levels[index])
            self.holes.append((row, float(times[index]), float(times[index + 1])))
        self._last_level_s = float(times[-1])

    def _add_times(self, times_s: NDArray[np.floating]) -> None:
        """Count the steps and go on with the stretches."""
        last = [self.stretches[-1].last_s] if self.stretches else []
        steps = np.diff(np.concatenate([last, times_s]))
        self.n_back += int((steps < 0).sum())
        self.n_same += int((steps == 0).sum())
        forward = steps[steps > 0]
        self.counts += np.histogram(forward, STEP_EDGES_S)[0]
        self.sums += np.histogram(forward, STEP_EDGES_S, weights=forward)[0]
        if len(self.stretches) > MOST_STRETCHES:
            return
        longest_s = LONGEST_GAP_S if len(self.stretches) < MOST_GAPS else DAY_S
        breaks = np.flatnonzero((steps <= 0) | (steps > longest_s)) + (0 if last else 1)
        starts = np.unique(np.append(breaks, [] if last else [0])).astype(int)
        bounds = [*([0] if last and (not len(starts) or starts[0] > 0) else []), *starts, len(times_s)]
        for first, end in itertools.pairwise(bounds):
            if first in starts or not self.stretches:
                self.stretches.append(
                    Stretch(self.n_rows + first, self.n_rows + end, times_s[first], times_s[end - 1])
                )
            else:
                before = self.stretches[-1]
                self.stretches[-1] = Stretch(
                    before.first_row, self.n_rows + end, before.start_s, times_s[end - 1]
                )

    @property
    def is_reversed(self) -> bool:
        """Whether the newest row comes first."""
        return self.n_back > 1 and self.n_back > 2 * (int(self.counts.sum()) + self.n_same)

    def period_s(self) -> float | None:
        """Return the usual step from row to row in seconds, a nominal one where it is within 1 %; None for one row."""
        n_steps = int(self.counts.sum())
        if n_steps == 0:
            return None
        middle = STEP_EDGES_S[np.searchsorted(np.cumsum(self.counts), (n_steps + 1) // 2)]
        near = (STEP_EDGES_S[1:] > 0.5 * middle) & (STEP_EDGES_S[:-1] < 1.5 * middle)
        return nominal(float(self.sums[near].sum() / self.counts[near].sum()))

    def regular_share(self, period_s: float) -> float:
        """Return the share of the steps forward that are within half a period of it."""
        near = (STEP_EDGES_S[1:] > 0.5 * period_s) & (STEP_EDGES_S[:-1] < 1.5 * period_s)
        return float(self.counts[near].sum() / max(1, self.counts.sum()))

    def series_that_take_turns(self) -> int:
        """Return how many series take turns from row to row, as sensors in one file without their names do; 1 for one.

        Levels of one place change more over two rows than over one; where places take turns it is the other way
        round.
        """
        if not self._looked_at:
            return 1
        times, levels = (
            np.concatenate(parts)[:LOOKED_AT_ROWS] for parts in zip(*self._looked_at, strict=True)
        )
        with np.errstate(invalid="ignore"):
            levels = np.where(np.isfinite(levels), levels, np.nan)[:, np.isfinite(levels).any(axis=0)]
            if len(levels) < 4 * MOST_TURNS or levels.shape[1] == 0:
                return 1
            change = {lag: np.nanmean(abs(levels[lag:] - levels[:-lag])) for lag in range(1, MOST_TURNS + 1)}
        turns = min(range(2, MOST_TURNS + 1), key=lambda lag: change[lag])
        if change[turns] < TURNS_RATIO * change[1]:
            return turns
        return recurring_steps(np.diff(times))


def recurring_steps(steps: NDArray[np.float64]) -> int:
    """Return after how many rows short and long steps recur, as those of several clocks do; 1 where they are alike.

    Long steps that are multiples of the usual one are of rows that are missing.
    """
    typical = float(np.median(steps)) if len(steps) else 0.0
    if len(steps) < 4 * MOST_TURNS or typical <= 0:
        return 1
    relative = steps / typical
    if np.mean(abs(relative - np.round(relative)) < 0.1) > LEAST_REGULAR_SHARE:
        return 1
    from_one = float(np.median(abs(np.diff(relative))))
    for lag in range(2, MOST_TURNS + 1):
        if from_one > 0.2 and np.median(abs(relative[lag:] - relative[:-lag])) < 0.1 * from_one:
            return lag
    return 1


def nominal(period_s: float) -> float:
    """Return the nominal period within 1 % of a measured one, or the measured one."""
    nearest = min(NOMINAL_PERIODS_S, key=lambda other: abs(other / period_s - 1))
    return nearest if abs(nearest / period_s - 1) <= TOLERANCE else period_s


@dataclass(frozen=True)
class Clock:
    """How the rows of one sensor in one file are to be taken.

    Attributes
    ----------
    period_s : float
        From row to row.
    reversed : bool
        Whether the newest row comes first.
    kept : tuple of KeptStretch
        The rows whose times are right, in the order of the file; empty where rows have no times.
    spans : tuple of tuple of float
        When there are levels without a hole: the time of the first row, and that of the last with a period.
    """

    period_s: float = FRAME_S
    reversed: bool = False
    kept: tuple[KeptStretch, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()


def read_clock(survey: ClockSurvey, stated_s: float | None, asked_s: float | None, name: str) -> Clock:
    """Decide on the period and on the rows whose times are right.

    Parameters
    ----------
    survey : ClockSurvey
        The survey of all rows of the sensor.
    stated_s, asked_s : float or None
        The period that the file states, and that which the user gives.
    name : str
        File and sensor, named in errors.

    Raises
    ------
    LevelsError
        Periods beyond 10 ms … 1 s, irregular steps, several series that take turns, or no order in time.
    """
    refuse_mixed_units(survey, name)
    measured = survey.period_s()
    n_steps = max(1, survey.n_rows - 1)
    if survey.n_same > MOST_DISORDERED_SHARE * n_steps:
        raise LevelsError(
            f"{name}: {survey.n_same} of {survey.n_rows} rows have the time of the row before: expected one row for "
            "each time; several sensors need a column called sensor, and times a fraction of a second"
        )
    if not survey.is_reversed and survey.n_back > MOST_DISORDERED_SHARE * n_steps:
        raise LevelsError(
            f"{name}: {survey.n_back} of {survey.n_rows} rows are out of order: sort them by time, or "
            "separate the series"
        )
    turns = 1 if asked_s else survey.series_that_take_turns()
    if turns > 1:
        raise LevelsError(
            f"{name}: its rows look like {turns} series that take turns: expected one series, or a column called "
            f"sensor; if it is one all the same, say so with --period {measured:g}"
        )
    period_s = check_period(survey, measured, stated_s, asked_s, name)
    kept = keep_stretches(survey.stretches, survey.n_rows)
    refuse_turns_of_many_rows(kept, survey.n_rows, name)
    return Clock(period_s, survey.is_reversed, kept, tuple(measured_spans(kept, survey.holes, period_s)))


def refuse_turns_of_many_rows(kept: Sequence[KeptStretch], n_rows: int, name: str) -> None:
    """Raise LevelsError where rows repeat the times of others again and again, as those of two sensors in turn do."""
    repeats = [n for part in kept if (n := part.n_repeated) >= SHORT_STRETCH]
    if len(repeats) >= FEWEST_REPEATS and sum(repeats) > MOST_REPEATED_SHARE * n_rows:
        raise LevelsError(
            f"{name}: {sum(repeats)} of {n_rows} rows repeat the times of others, in {len(repeats)} places, as "
            "several series do: expected one series, or a column called sensor"
        )


def refuse_mixed_units(survey: ClockSurvey, name: str) -> None:
    """Raise LevelsError where some times are in seconds and some in milliseconds."""
    long = [part for part in survey.stretches if len(part) >= SHORT_STRETCH]
    steps = [(part.last_s - part.start_s) / (len(part) - 1) for part in long]
    mixed = bool(steps) and max(steps) > 500 * min(steps)
    if mixed or survey.n_undated > MOST_UNDATED_SHARE * (survey.n_rows + survey.n_undated):
        raise LevelsError(
            f"{name}: its times seem to be in seconds in some rows and in milliseconds in others: expected one unit"
        )


def check_period(
    survey: ClockSurvey, measured: float | None, stated_s: float | None, asked_s: float | None, name: str
) -> float:
    """Return the period of a sensor's rows; raise LevelsError where it cannot be used."""
    said = asked_s or stated_s
    if measured is None or survey.is_reversed:
        return said or FRAME_S
    if said and abs(measured / said - 1) > TOLERANCE:
        raise LevelsError(
            f"{name}: its rows follow each other every {measured:.4g} s, but "
            f"{'--period' if asked_s else 'its header'} says {said:g} s: correct the one that is wrong"
        )
    regular = survey.regular_share(measured)
    if regular < LEAST_REGULAR_SHARE and survey.n_rows > SHORT_STRETCH:
        raise LevelsError(
            f"{name}: only {100 * regular:.0f} % of its rows follow each other about every {measured:.4g} s: expected "
            "one period throughout"
        )
    if not SHORTEST_S * (1 - TOLERANCE) <= measured <= LONGEST_S * (1 + TOLERANCE):
        raise LevelsError(
            f"{name}: its rows follow each other every {measured:.6g} s: expected every 10 ms to every second; "
            "levels of longer intervals cannot be transcoded"
        )
    return measured


def keep_stretches(stretches: list[Stretch], n_rows: int) -> tuple[KeptStretch, ...]:
    """Return the stretches whose times are right, by majority: the longest count first.

    A few rows more than a day from all others are left out, and those of a clock that is not set, before 1990 or
    from 2100 on, where most rows have other times. A stretch that lies beside the others is kept, in
    whatever order; of one that repeats their times only the rest is kept, unless it is so long that it is a
    series of its own.
    """
    kept: dict[int, KeptStretch] = {}
    accepted: list[Stretch] = []
    is_set = [stretch.start_s >= UNSET_BEFORE_S and stretch.last_s < UNSET_FROM_S for stretch in stretches]
    n_set = sum(len(stretch) for stretch, known in zip(stretches, is_set, strict=True) if known)
    for index in sorted(range(len(stretches)), key=lambda index: (-len(stretches[index]), index)):
        stretch = stretches[index]
        if not is_set[index] and n_set > n_rows / 2:
            continue
        short = len(stretch) < SHORT_STRETCH
        if accepted and short and min(map(stretch.distance_s, accepted)) > DAY_S:
            continue
        overlapping = [other for other in accepted if stretch.distance_s(other) <= 0]
        repeated = sum(stretch.overlap(other) for other in overlapping)
        if repeated > 0.5 and not short and len(stretch) >= OWN_SERIES_SHARE * n_rows:
            kept[index] = KeptStretch(stretch, own_series=True)
            continue
        kept[index] = KeptStretch(
            stretch, taken=tuple((other.start_s, other.last_s) for other in overlapping)
        )
        accepted.append(stretch)
    return number_series([kept[index] for index in sorted(kept)])


def measured_spans(
    kept: Sequence[KeptStretch], holes: Sequence[tuple[int, float, float]], period_s: float
) -> Iterator[tuple[float, float]]:
    """Give begin and end of what stretches have between their holes; a series of its own has nothing."""
    rows = [row for row, _, _ in holes]
    for part in kept:
        if part.own_series:
            continue
        own = holes[bisect_right(rows, part.stretch.first_row) : bisect_left(rows, part.stretch.end_row)]
        starts = [part.stretch.start_s, *(after_s for _, _, after_s in own)]
        lasts = [*(before_s for _, before_s, _ in own), part.stretch.last_s]
        for start_s, last_s in zip(starts, lasts, strict=True):
            if last_s >= start_s:  # a hole may have begun before its stretch
                yield start_s, last_s + period_s


def number_series(parts: Iterable[KeptStretch]) -> tuple[KeptStretch, ...]:
    """Return stretches in their order in the file, each with its series: one begins where the time goes back."""
    numbered, series, last_s = [], 0, -np.inf
    for part in parts:
        if part.stretch.start_s < last_s or part.own_series:
            series += 1
        last_s = part.stretch.last_s
        numbered.append(KeptStretch(part.stretch, series, part.own_series, part.taken))
    return tuple(numbered)

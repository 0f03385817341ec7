"""Rows of files of levels as blocks of one sensor each: with right times, without weighting, missing bands marked."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.clock import Clock, ClockSurvey, KeptStretch, read_clock
from spectral_transcoder.sensors.frame_checks import NO_TIME, OUT_OF_LINE, REPEATED, SET_BACK, Findings
from spectral_transcoder.sensors.levels import MISSING_BAND_DBFS, N_BANDS, NOMINAL_HZ, LevelBlock
from spectral_transcoder.sensors.readers.description import END, LevelsFile, Rows
from spectral_transcoder.sensors.readers.formats import find_files, open_levels
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.resampling import frame_period
from spectral_transcoder.sensors.weighting import weighting_db
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.words import counted

LAST_EPOCH_S = 2.5e11  # the year 9892; later ones cannot be written as dates
DIGEST_LETTERS = 32
LEAST_SHARE = 0.5  # of the rows in which a band has to have a level
MOST_REVERSED_ROWS = 20_000_000  # a month of 125 ms; rows to be turned round are held in memory


@dataclass(frozen=True)
class SurveyedFile:
    """A file of levels that was read once: its period is known, and which rows have right times.

    Attributes
    ----------
    source : LevelsFile
        The opened file.
    options : ReadOptions
        What the user says of it.
    clocks : dict of str to Clock
        The clock of each sensor in the file, by the sensor's name.
    present : np.ndarray
        (29,) bool: bands that have levels.
    n_rows : int
        Rows that were read.
    duration_s : float
        What was measured, all sensors together.
    notes : tuple of str
        What was understood of it.
    content : frozenset
        What its rows are known by in another file: (sensor, rows, checksums) of each sensor.
    """

    source: LevelsFile
    options: ReadOptions
    clocks: dict[str, Clock]
    present: NDArray[np.bool_]
    n_rows: int
    duration_s: float
    notes: tuple[str, ...]
    content: frozenset[tuple[str, int, tuple[int, int]]] = frozenset()

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def frame_s(self) -> float:
        """Seconds of the frames that its rows become: 0.125 or 1."""
        return max(frame_period(clock.period_s) for clock in self.clocks.values())

    @property
    def digest(self) -> str:
        """What its rows are known by in another file, as a word."""
        return hashlib.sha256(repr(sorted(self.content)).encode()).hexdigest()[:DIGEST_LETTERS]

    def sensors(self) -> set[str]:
        """Return the names of its sensors, "" where neither the file nor the user says one."""
        return {self._name(sensor) for sensor in self.clocks}

    @property
    def has_own_series(self) -> bool:
        """Whether it holds a second series of times, which has no span."""
        return any(part.own_series for clock in self.clocks.values() for part in clock.kept)

    def spans(self) -> Iterator[tuple[str, float, float]]:
        """Give the name of each sensor, and begin and end of what it has without a hole; nothing without times."""
        for sensor, clock in self.clocks.items():
            for start_s, end_s in clock.spans:
                yield self._name(sensor), start_s - self._shift_s(clock), end_s - self._shift_s(clock)

    def _shift_s(self, clock: Clock) -> float:
        """Return how much later than the row's begin its time is."""
        return clock.period_s if self.source.description.clock == END else 0.0

    def _name(self, sensor: str) -> str:
        """Return the name of a sensor of the file: as it says, as the user says, or else its own."""
        # without a time of its own, a file is a recording of its own
        own = "" if self.source.description.timed else readable(self.path.stem)
        return readable(sensor) or self.options.sensor_of(self.path) or own

    def blocks(self, findings: Findings) -> Iterator[LevelBlock]:
        """Give its rows in the sensor's own dB; rows with wrong times are left out and reported."""
        for note in self.notes:
            findings.note(note)
        positions = dict.fromkeys(self.clocks, 0)
        for rows in in_order(self.source, self.clocks, findings):
            position, clock = positions[rows.sensor], self.clocks[rows.sensor]
            times = rows.times
            if times is None:
                index = np.arange(position, position + len(rows.levels_db))
                times = self.options.start_s + clock.period_s * index.astype(float)
            known = has_date(times)
            if not known.all():
                findings.add(NO_TIME, readable(self.path), *span(times[known]), int((~known).sum()))
            yield from self._right_rows(self._block(rows, times).select(known), clock, position, findings)
            positions[rows.sensor] += int(known.sum())

    def _block(self, rows: Rows, times: NDArray[np.float64]) -> LevelBlock:
        """Return rows as a block without weighting, times as they are written."""
        description = self.source.description
        levels = rows.levels_db
        if description.weighting != "Z":
            levels = (levels - weighting_db(description.weighting)).astype(np.float32)
        period_s = self.clocks[rows.sensor].period_s
        return LevelBlock(self._name(rows.sensor), readable(self.path), times, levels, self.present, period_s)

    def _right_rows(
        self, block: LevelBlock, clock: Clock, position: int, findings: Findings
    ) -> Iterator[LevelBlock]:
        """Give those rows of a block whose times are right, series by series, with the times of their beginnings."""
        shift_s = self._shift_s(clock)
        if not clock.kept:
            yield block.later(-shift_s)
            return
        in_a_stretch = np.zeros(len(block), bool)
        for before, part in zip((None, *clock.kept), clock.kept, strict=False):
            first, end = part.stretch.first_row - position, part.stretch.end_row - position
            if end <= 0 or first >= len(block):
                continue
            rows = slice(max(first, 0), min(end, len(block)))
            in_a_stretch[rows] = True
            if first >= 0 and before is not None and part.series != before.series:
                report_jump(part, block, rows.start, part.stretch.first_row, findings)
            for own in own_rows(block, rows, part, findings):
                yield own.later(-shift_s)
        findings.add_rows(OUT_OF_LINE, block, ~in_a_stretch)


def has_date(times_s: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether times can be written as dates: (n,) bool."""
    return np.isfinite(times_s) & (times_s >= 0) & (times_s < LAST_EPOCH_S)


def own_rows(block: LevelBlock, rows: slice, part: KeptStretch, findings: Findings) -> Iterator[LevelBlock]:
    """Give the rows of a stretch that no longer stretch has too."""
    own = np.zeros(len(block), bool)
    own[rows] = True
    taken = np.zeros(len(block), bool)
    for start_s, last_s in part.taken:
        taken |= own & (block.epoch_s >= start_s) & (block.epoch_s <= last_s)
    findings.add_rows(REPEATED, block, taken)
    kept = block.select(own & ~taken)
    if not len(kept):
        return
    name = f"{block.sensor} ({part.series + 1})".strip() if part.own_series else block.sensor
    yield replace(kept, sensor=name, series=part.series)


def report_jump(part: KeptStretch, block: LevelBlock, row: int, row_of_file: int, findings: Findings) -> None:
    """Report that time went back, or begins again, at a row of a block; counted from 0 in the file."""
    if part.own_series:
        findings.note(
            f"{block.file}: from row {row_of_file + 1} on times are repeated: taken for another series"
        )
    else:
        findings.add(SET_BACK, block.file, block.epoch_s[row], block.epoch_s[row], 0)


def in_order(source: LevelsFile, clocks: dict[str, Clock], findings: Findings) -> Iterator[Rows]:
    """Give the rows of a file, turned round where the newest comes first."""
    if not any(clock.reversed for clock in clocks.values()):
        yield from source.rows(findings)
        return
    held: dict[str, list[Rows]] = {}
    for rows in source.rows(findings):
        held.setdefault(rows.sensor, []).append(rows)
        if sum(len(part.levels_db) for parts in held.values() for part in parts) > MOST_REVERSED_ROWS:
            raise LevelsError(
                f"{source.path}: the newest row comes first, in a file too long to turn: sort it"
            )
    for sensor, parts in held.items():
        turned = parts[::-1] if clocks.get(sensor, Clock()).reversed else parts
        step = -1 if clocks.get(sensor, Clock()).reversed else 1
        for rows in turned:
            times = None if rows.times is None else rows.times[::step]
            yield Rows(sensor, times, rows.levels_db[::step])


def survey_file(path: str | Path, options: ReadOptions) -> SurveyedFile:
    """Read a file of levels once: its period, the bands that have levels, the rows whose times are right.

    Raises
    ------
    MissingFileError, LevelsError
        As `open_levels` does, and for a clock that cannot be used.
    """
    source = open_levels(path, options)
    surveys = survey_rows(source.rows(Findings()))
    reversed_sensors = {sensor: Clock(reversed=survey.is_reversed) for sensor, survey in surveys.items()}
    turned = any(clock.reversed for clock in reversed_sensors.values())
    if turned:
        surveys = survey_rows(in_order(source, reversed_sensors, Findings()))
    if not surveys:
        raise LevelsError(f"{path}: {source.description.format} without a row of levels")
    clocks = {
        sensor: file_clock(
            source, survey, reversed_sensors[sensor], options, f"{path}, {sensor}" if sensor else str(path)
        )
        for sensor, survey in surveys.items()
    }
    n_rows = sum(survey.n_rows for survey in surveys.values())
    present, remarks = bands_with_levels(source, surveys, n_rows)
    periods = sorted({clock.period_s for clock in clocks.values()})
    every = ", ".join(f"every {1000 * period_s:g} ms" for period_s in periods)
    if not source.description.timed and source.description.period_s is None:
        every += " (assumed: see --period)"
    notes = [f"{path}: {source.description}, {every}, {counted(n_rows, 'row')}", *remarks]
    if turned:
        notes.append(f"{path}: the newest row comes first: turned round")
    duration_s = sum(survey.n_rows * clocks[sensor].period_s for sensor, survey in surveys.items())
    content = frozenset((sensor, survey.n_rows, survey.checksums) for sensor, survey in surveys.items())
    return SurveyedFile(source, options, clocks, present, n_rows, duration_s, tuple(notes), content)


def file_clock(
    source: LevelsFile, survey: ClockSurvey, turned: Clock, options: ReadOptions, name: str
) -> Clock:
    """Return the clock of a sensor in a file: as the file states it, or as its times show it."""
    stated_s = source.description.period_s
    if not source.description.timed:
        return Clock(stated_s or Clock().period_s)
    clock = read_clock(survey, stated_s, options.period_s, name)
    return replace(clock, reversed=turned.reversed)


def survey_rows(rows: Iterable[Rows]) -> dict[str, ClockSurvey]:
    """Return what the clock of each sensor is like."""
    surveys: dict[str, ClockSurvey] = {}
    for sensor, times, levels in rows:
        survey = surveys.setdefault(sensor, ClockSurvey())
        if times is not None:
            known = has_date(times)
            survey.n_undated += int((times > LAST_EPOCH_S).sum())
            times, levels = times[known], levels[known]
        survey.add(times, levels)
    return {sensor: survey for sensor, survey in surveys.items() if survey.n_rows}


def bands_with_levels(
    source: LevelsFile, surveys: dict[str, ClockSurvey], n_rows: int
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which bands have levels in most rows (29,), and remarks on the others.

    Raises
    ------
    LevelsError
        No band has.
    """
    declared = source.description.present
    n_filled = max(1, n_rows - sum(survey.n_empty for survey in surveys.values()))
    share = np.sum([survey.n_levels for survey in surveys.values()], axis=0) / n_filled
    silent = np.sum([survey.n_silent for survey in surveys.values()], axis=0) / n_filled
    present = declared & (share >= LEAST_SHARE)
    if not present.any():
        raise LevelsError(
            f"{source.path}: none of its {declared.sum()} bands has a level in most of its {n_rows} rows"
        )
    remarks = []
    empty = declared & ~present
    if empty.any():
        remarks.append(
            f"{source.path}: without levels in most rows, and taken as missing, at {MISSING_BAND_DBFS:g} dBFS: "
            f"{shares_in_words(1 - share, empty)}"
        )
    partly = present & (share < 1)
    if partly.any():
        remarks.append(f"{source.path}: rows without a level: {shares_in_words(1 - share, partly)}")
    if (present & (silent > 0)).any():
        remarks.append(
            f"{source.path}: minus infinity, taken as silence: {shares_in_words(silent, present & (silent > 0))}"
        )
    return present, remarks


def shares_in_words(share: NDArray[np.float64], bands: NDArray[np.bool_]) -> str:
    """Say the share of rows of some bands: "20 Hz 100 %, 25 Hz 3.1 %"."""
    return ", ".join(
        f"{NOMINAL_HZ[band]} Hz {100 * share[band]:.3g} %" for band in range(N_BANDS) if bands[band]
    )


def span(times: NDArray[np.float64]) -> tuple[float, float]:
    """Return first and last of the times of a block, 1970 where there is none."""
    return (times[0], times[-1]) if len(times) else (0.0, 0.0)


def read_levels(
    paths: str | Path | Iterable[str | Path],
    findings: Findings | None = None,
    options: ReadOptions | None = None,
) -> Iterator[LevelBlock]:
    """Read files of levels of any supported format, block by block: memory does not grow with their length.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files, folders, or patterns, read one after the other.
    findings : Findings, optional
        Where what was understood, missing bands and unusable rows are reported.
    options : ReadOptions, optional
        What the files do not say themselves.

    Yields
    ------
    LevelBlock
        Levels in the sensor's own dB, of the file's own period.

    Raises
    ------
    MissingFileError, LevelsError
        No such file, or none of levels; the message says what was found.
    """
    findings = Findings() if findings is None else findings
    names = [paths] if isinstance(paths, str | Path) else paths
    for path in find_files(names):
        yield from survey_file(path, options or ReadOptions()).blocks(findings)

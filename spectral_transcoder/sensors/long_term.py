"""Long-term statistics of sensors from the rows of their windows: presence and level by hour, weekday and day.

Levels are A-weighted and in the sensor's own dB. LAeq is the level of the mean power; L10, L50 and L90 are
exceeded during 10, 50 and 90 % of the time, by the levels of windows; Lden (directive 2002/49/EC) is the level of
a day in which evenings, 19 to 23 h, count 5 dB more and nights, 23 to 7 h, 10 dB more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from spectral_transcoder.sensors.time_of_presence import (
    UTC,
    PeriodOptions,
    period_starts,
    presence_columns,
    without_overlap,
)
from spectral_transcoder.sensors.weighting import weighting_db

DAYS, HOURS = 7, 24
LEAST_COVERAGE = 0.5  # of a day's rows: with less, a day is missing
UNNAMED = "sensor"  # what a sensor without a name is called in words and pictures
LEVEL_EDGES_DB = np.arange(-200, 201, 0.5)
EXCEEDED = {"L10": 10, "L50": 50, "L90": 90}  # percent of the time
EVENING_H, NIGHT_H = (19, 23), (23, 7)
EVENING_DB, NIGHT_DB = 5, 10


@dataclass
class SensorStatistics:
    """What was measured of one sensor, hour by hour.

    Attributes
    ----------
    sensor : str
        Its name.
    classes : tuple of str
        The K classes.
    timezone : ZoneInfo
        The time zone of its hours, weekdays and days.
    """

    sensor: str
    classes: tuple[str, ...]
    timezone: ZoneInfo = UTC
    _hours: list[pd.DataFrame] = field(default_factory=list)
    _seconds_at: np.ndarray = field(default_factory=lambda: np.zeros((DAYS, HOURS, len(LEVEL_EDGES_DB) - 1)))
    _intervals: list[float] = field(default_factory=list)
    _last_s: float = np.nan  # when the last window began

    def add(self, table: pa.Table) -> None:
        """Take some rows of this sensor, in order of time; windows that overlap are to be shortened before."""
        epoch_s, duration_s = table["epoch_s"].to_numpy(), table["duration_s"].to_numpy()
        power = a_weighted_power(table)
        start = period_starts(epoch_s, PeriodOptions("hour", self.timezone))
        rows = {"rows": 1, "measured_s": duration_s, "power_s": power * duration_s}
        columns = presence_columns(table.column_names)
        for name in self.classes:
            there = table[columns[name]].to_numpy(zero_copy_only=False).astype(float)
            rows[f"{name}_s"] = there * duration_s
        self._hours.append(pd.DataFrame(rows).groupby(start).sum())
        level = np.digitize(10 * np.log10(np.maximum(power, 1e-20)), LEVEL_EDGES_DB) - 1
        level = level.clip(0, len(LEVEL_EDGES_DB) - 2)
        np.add.at(self._seconds_at, (start.day_of_week, start.hour, level), duration_s)
        steps = np.diff(epoch_s, prepend=self._last_s)
        self._last_s = float(epoch_s[-1])
        self._intervals += [float(np.median(steps[steps > 0]))] if (steps > 0).any() else []
        if len(self._hours) > 64:
            self._hours = [self.hours]

    @property
    def hours(self) -> pd.DataFrame:
        """Sums by hour, the index its local beginning: rows, measured_s, power_s and <class>_s."""
        whole = pd.concat(self._hours)
        return whole.groupby(level=0).sum().sort_index()

    @property
    def interval_s(self) -> float:
        """From one window to the next, in seconds."""
        return float(np.median(self._intervals)) if self._intervals else 1.0

    def hourly(self) -> pd.DataFrame:
        """Return measured_s, LAeq and <class>_time of each hour."""
        return _shares(self.hours, self.classes)

    def daily(self) -> pd.DataFrame:
        """Return coverage, LAeq, Lden and <class>_time of each day from the first to the last; missing ones are NaN."""
        hours = self.hours
        day = hours.index.normalize()
        table = _shares(hours.groupby(day).sum(), self.classes)
        table["Lden"] = [lden(own) for _, own in hours.groupby(day)]
        every = pd.date_range(day[0], day[-1], freq="D")
        length_s = np.diff(pd.date_range(day[0], periods=len(every) + 1, freq="D").asi8) / _per_second(every)
        table = table.reindex(every)
        rows = hours["rows"].groupby(day).sum().reindex(every, fill_value=0).to_numpy()
        coverage = rows * self.interval_s / length_s
        table[coverage < LEAST_COVERAGE] = np.nan
        table.insert(0, "coverage", np.minimum(coverage, 1))
        return table

    def weekly(self) -> dict[str, np.ndarray]:
        """Return (7, 24) maps, Monday first: <class>_time, LAeq, L10, L50 and L90; NaN where nothing was measured."""
        hours = self.hours
        cell = hours.groupby([hours.index.day_of_week, hours.index.hour]).sum()
        shares = _shares(cell, self.classes).reindex(pd.MultiIndex.from_product([range(DAYS), range(HOURS)]))
        maps = {name: shares[name].to_numpy().reshape(DAYS, HOURS) for name in shares}
        return maps | {name: self.exceeded(percent) for name, percent in EXCEEDED.items()}

    def exceeded(self, percent: float) -> np.ndarray:
        """Return the level in dB(A) that is exceeded during a share of the time, by weekday and hour: (7, 24)."""
        return exceeded_level(self._seconds_at, percent)

    def clock(self, weekend: bool) -> pd.DataFrame:
        """Return LAeq and <class>_time of each hour of the day, on Saturdays and Sundays or on the other days."""
        hours = self.hours
        own = hours[(hours.index.day_of_week >= 5) == weekend]
        return _shares(own.groupby(own.index.hour).sum(), self.classes).reindex(range(HOURS))

    def summary(self) -> dict[str, float]:
        """Return days (measured), LAeq, L10, L50, L90, Lden (mean power of the days') and <class>_time of it all."""
        days = self.daily()
        whole = _shares(self.hours.sum().to_frame().T, self.classes).iloc[0]
        seconds_at = self._seconds_at.sum(axis=(0, 1))
        levels = {name: float(exceeded_level(seconds_at, percent)) for name, percent in EXCEEDED.items()}
        known = days["Lden"].dropna()
        mean_lden = 10 * np.log10(np.mean(10 ** (known / 10))) if len(known) else np.nan
        times = {f"{name}_time": float(whole[f"{name}_time"]) for name in self.classes}
        n_days = float((days["coverage"] >= LEAST_COVERAGE).sum())
        return {"days": n_days, "LAeq": float(whole["LAeq"])} | levels | {"Lden": float(mean_lden)} | times


def _per_second(index: pd.DatetimeIndex) -> float:
    """Return how many of an index's units a second has."""
    return pd.Timedelta(1, "s") / pd.Timedelta(1, index.unit)


def _shares(sums: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return sums of hours as measured_s, LAeq and the share of the time of each class."""
    table = pd.DataFrame({"measured_s": sums["measured_s"]})
    table["LAeq"] = 10 * np.log10(sums["power_s"] / sums["measured_s"])
    for name in classes:
        table[f"{name}_time"] = sums[f"{name}_s"] / sums["measured_s"]
    return table


def a_weighted_power(table: pa.Table) -> np.ndarray:
    """Return the A-weighted power of each row, 10^(LA/10): (n,); bands that are missing count nothing."""
    levels_db = np.stack([table[name].to_numpy() for name in LEVEL_COLUMNS], axis=1).astype(float)
    return np.nansum(10 ** ((levels_db + weighting_db("A")) / 10), axis=1)


def exceeded_level(seconds_at: np.ndarray, percent: float) -> np.ndarray:
    """Return the level that is exceeded during a share of the time, of histograms (..., n_levels): (...)."""
    total = seconds_at.sum(axis=-1, keepdims=True)
    below = np.cumsum(seconds_at, axis=-1) / np.where(total > 0, total, 1)
    position = (below < 1 - percent / 100).sum(axis=-1)
    middles = (LEVEL_EDGES_DB[:-1] + LEVEL_EDGES_DB[1:]) / 2
    return np.where(total[..., 0] > 0, middles[position.clip(0, len(middles) - 1)], np.nan)


def lden(hours: pd.DataFrame) -> float:
    """Return the day-evening-night level of the hours of one day, NaN where one of the three was not measured."""
    hour = hours.index.hour
    evening = (hour >= EVENING_H[0]) & (hour < EVENING_H[1])
    night = (hour >= NIGHT_H[0]) | (hour < NIGHT_H[1])
    power = 0.0
    parts = ((~evening & ~night, 12, 0), (evening, 4, EVENING_DB), (night, 8, NIGHT_DB))
    for own, duration_h, penalty_db in parts:
        measured_s = hours["measured_s"][own].sum()
        if measured_s == 0:
            return float("nan")
        power += duration_h / 24 * hours["power_s"][own].sum() / measured_s * 10 ** (penalty_db / 10)
    return float(10 * np.log10(power))


def gather_statistics(tables: Iterable[pa.Table], timezone: ZoneInfo = UTC) -> dict[str, SensorStatistics]:
    """Gather rows of windows by sensor, in bounded memory.

    Parameters
    ----------
    tables : iterable of pa.Table
        Rows as classify_thirdo.py writes them, those of a sensor in order of time.
    timezone : ZoneInfo
        Time zone of the sensors.

    Returns
    -------
    dict of str to SensorStatistics
        By the sensor's name as the rows have it, sorted.
    """
    found: dict[str, SensorStatistics] = {}
    for table in without_overlap(tables):
        name, classes = str(table["sensor"][0]), tuple(presence_columns(table.column_names))
        found.setdefault(name, SensorStatistics(name or UNNAMED, classes, timezone)).add(table)
    return dict(sorted(found.items()))

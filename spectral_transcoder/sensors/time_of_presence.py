"""Time of presence: the share of each minute, hour or day in which a class is there, from the rows of windows.

With probabilities it is their mean, the share that is expected; without, the share of windows in which the class
is present by the rank rule.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from spectral_transcoder.utils.files import atomic_path

PERIODS = {"minute": "min", "hour": "h", "day": "D"}
UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class PeriodOptions:
    """How rows are gathered.

    Attributes
    ----------
    period : str
        minute, hour or day.
    timezone : ZoneInfo
        The time zone of hours and days.
    """

    period: str
    timezone: ZoneInfo = UTC


def presence_columns(columns: Sequence[str]) -> dict[str, str]:
    """Return {class: the column that says whether it is there}: its probability, or its presence by rank."""
    classes = [name.removesuffix("_present") for name in columns if name.endswith("_present")]
    return {
        name: f"{name}_probability" if f"{name}_probability" in columns else f"{name}_present"
        for name in classes
    }


def time_of_presence(tables: Iterable[pa.Table], options: PeriodOptions) -> pd.DataFrame:
    """Gather the rows of windows by sensor and period, in constant memory.

    Parameters
    ----------
    tables : iterable of pa.Table
        Rows as `results.to_table` makes them, in any order.
    options : PeriodOptions
        The periods. A window counts where it begins, until the next one of its sensor begins.

    Returns
    -------
    pd.DataFrame
        sensor, start (local, with its offset), measured_s, and <class>_time in 0 … 1 for each class.
    """
    gathered: pd.DataFrame | None = None
    for table in without_overlap(tables):
        columns = presence_columns(table.column_names)
        rows = pd.DataFrame({"sensor": table["sensor"].to_numpy(zero_copy_only=False)})
        rows["start"] = period_starts(table["epoch_s"].to_numpy(), options)
        rows["measured_s"] = table["duration_s"].to_numpy()
        for name, column in columns.items():
            there = table[column].to_numpy(zero_copy_only=False).astype(float)
            rows[f"{name}_time"] = there * rows["measured_s"]
        sums = rows.groupby(["sensor", "start"], sort=True).sum()
        gathered = sums if gathered is None else gathered.add(sums, fill_value=0)
    if gathered is None:
        return pd.DataFrame(columns=["sensor", "start", "measured_s"])
    times = [name for name in gathered.columns if name.endswith("_time")]
    gathered[times] = gathered[times].div(gathered["measured_s"], axis=0)
    return gathered.reset_index()


def without_overlap(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Give rows of windows, each of one sensor, whose `duration_s` ends where the sensor's next window begins.

    Windows of 3 s every 2 s share a second with the next, which would be measured twice. The last row of a sensor is
    held until its next ones come, so memory does not grow with the tables.
    """
    held: dict[str, pa.Table] = {}
    for table in tables:
        names = table["sensor"].to_numpy(zero_copy_only=False).astype(str)
        for name in np.unique(names).tolist():
            own = table.filter(pa.array(names == name))
            starts_s = own["epoch_s"].to_numpy()
            if name in held:
                yield shortened(held[name], starts_s[:1])
            if len(own) > 1:
                yield shortened(own.slice(0, len(own) - 1), starts_s[1:])
            held[name] = own.take([len(own) - 1])  # a copy, which does not keep all the others
    yield from held.values()


def shortened(table: pa.Table, next_starts_s: np.ndarray) -> pa.Table:
    """Return rows whose `duration_s` ends where the next windows (n,) begin, if that is sooner."""
    duration_s = table["duration_s"].to_numpy().astype(float)
    steps_s = next_starts_s - table["epoch_s"].to_numpy()
    own_s = np.where(steps_s > 0, np.minimum(steps_s, duration_s), duration_s)
    return table.set_column(table.column_names.index("duration_s"), "duration_s", pa.array(own_s))


def period_starts(epoch_s: np.ndarray, options: PeriodOptions) -> pd.DatetimeIndex:
    """Return when the period of each window begins, in local time, of seconds since 1970 (n,)."""
    local = pd.to_datetime(np.round(epoch_s * 1000).astype("int64"), unit="ms", utc=True).tz_convert(
        options.timezone
    )
    if options.period == "day":
        return local.normalize()
    # an hour that is repeated when clocks go back is distinguished by its offset from UTC
    wall = local.tz_localize(None)
    offset = wall - local.tz_convert("UTC").tz_localize(None)
    return (wall.floor(PERIODS[options.period]) - offset).tz_localize("UTC").tz_convert(options.timezone)


def write_times(table: pd.DataFrame, path: Path) -> None:
    """Write times of presence as a csv, atomically."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f", date_format="%Y-%m-%dT%H:%M:%S%z")

"""Time of presence: the share of each minute, hour or day in which a class is there, from the rows of windows.

With probabilities it is their mean, the share that is expected; without, the share of windows in which the class
is present by the rank rule.
"""

from collections.abc import Iterable, Sequence
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
        The periods. A window counts where it begins.

    Returns
    -------
    pd.DataFrame
        sensor, start (local, with its offset), measured_s, and <class>_time in 0 … 1 for each class.
    """
    gathered: pd.DataFrame | None = None
    for table in tables:
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


def period_starts(epoch_s: np.ndarray, options: PeriodOptions) -> pd.DatetimeIndex:
    """Return when the period of each window begins, in local time, of seconds since 1970 (n,)."""
    local = pd.to_datetime(np.round(epoch_s * 1000).astype("int64"), unit="ms", utc=True).tz_convert(
        options.timezone
    )
    if options.period == "day":
        return local.normalize()
    # an hour that is repeated when clocks go back is told apart by its offset from UTC
    wall = local.tz_localize(None)
    offset = wall - local.tz_convert("UTC").tz_localize(None)
    return (wall.floor(PERIODS[options.period]) - offset).tz_localize("UTC").tz_convert(options.timezone)


def write_times(table: pd.DataFrame, path: Path) -> None:
    """Write times of presence as a csv, atomically."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f", date_format="%Y-%m-%dT%H:%M:%S%z")

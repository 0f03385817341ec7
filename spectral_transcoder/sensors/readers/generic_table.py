"""Any table of levels with names of bands that can be read, or columns that the user names."""

from collections.abc import Sequence

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, describe_columns, table_layout
from spectral_transcoder.sensors.readers.text import TableHead
from spectral_transcoder.utils.errors import LevelsError

TIME_NAMES = (
    "epoch",
    "timestamp",
    "datetime",
    "date_time",
    "date time",
    "date/time",
    "time_utc",
    "utc",
    "start_utc",
)
DATE_NAMES = ("date", "day")
CLOCK_NAMES = ("time", "hour", "clock", "start", "start time", "time of day")
SENSOR_NAMES = ("sensor", "sensor_id", "station", "device", "point", "location")


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of a table of levels.

    Raises
    ------
    LevelsError
        No bands, or no times and no period given.
    """
    if not head.has_names and not options.columns:
        raise LevelsError(
            f"{head.path} has no line of names above its {len(head.names)} columns: say which of them are bands, and "
            "which is the time, such as --columns 4:32=20 --time_column 1"
        )
    columns = time_columns(head, options)
    if not columns and options.period_s is None:
        raise LevelsError(
            f"{describe_columns(head, options)} and no epoch, time or date: "
            "expected a column epoch, timestamp, date or time (or --time_column NAME, "
            "or --period SECONDS where there are no times), and bands 20, 25, 31.5, … 12500"
        )
    sensor = next((column for name in SENSOR_NAMES if (column := head.column(name)) is not None), None)
    return table_layout(head, options, "table of levels", columns, sensor=sensor)


def time_columns(head: TableHead, options: ReadOptions) -> Sequence[int]:
    """Return the columns of times: that which the user names, a known name, or date and time of day.

    Raises
    ------
    LevelsError
        The column that the user names is not there.
    """
    if options.time_column:
        columns = [head.column(name.strip()) for name in options.time_column.split("+")]
        if None in columns:
            raise LevelsError(
                f"{head.path} has no column {options.time_column!r}: expected one of {', '.join(head.names[:12])}"
            )
        return [column for column in columns if column is not None]
    for name in TIME_NAMES:
        if (column := head.column(name)) is not None:
            return [column]
    found = [
        next((column for name in names if (column := head.column(name)) is not None), None)
        for names in (DATE_NAMES, CLOCK_NAMES)
    ]
    date = found[0]
    if date is not None and any(":" in value for value in head.values(date)):
        return [date]
    return [column for column in found if column is not None]

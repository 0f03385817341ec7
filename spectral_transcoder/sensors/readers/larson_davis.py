"""Larson Davis sound level meters: time histories with A-weighted thirds `1/3 LAeq 6.3` … (docs/method.md, section 14).

Times are local, of the interval's beginning; the rows `Start` and `Stop` mark a run, `Stop` without levels.
"""

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of a time history; None for another table."""
    time = head.column("Date/Time")
    if head.column("Record Type") is None or time is None:
        return None
    return table_layout(head, options, "Larson Davis time history", [time])

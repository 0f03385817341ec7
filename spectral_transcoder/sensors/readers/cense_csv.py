"""CENSE's own csv: `epoch,leq,laeq,20,25,31.5,…,12500`, epoch in seconds (docs/method.md, section 11)."""

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of a csv with a column `epoch` and bands; None for another table."""
    epoch = head.column("epoch")
    if epoch is None:
        return None
    sensor = head.column("sensor")
    name = "CENSE csv" if sensor is None else "csv of levels with sensors"
    return table_layout(head, options, name, [epoch], sensor=sensor)

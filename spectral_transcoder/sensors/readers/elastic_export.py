"""CENSE's Elastic export: `sensor,epoch,date,laeq,leq,20,…,12500`, epoch in ms (docs/method.md, section 14)."""

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of an export with sensor, epoch and date; None for another table."""
    sensor, epoch = head.column("sensor"), head.column("epoch")
    if sensor is None or epoch is None or head.column("date") is None:
        return None
    return table_layout(head, options, "CENSE Elastic export", [epoch], sensor=sensor)

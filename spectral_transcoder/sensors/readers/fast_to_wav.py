"""fast-to-wav csv: `epoch,Fast_125,…,Fast_10000`, 20 bands (docs/method.md, section 11)."""

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of a csv whose bands are called Fast_…; None for another table."""
    epoch = head.column("epoch")
    if epoch is None or not any(name.lower().startswith("fast_") for name in head.names):
        return None
    return table_layout(head, options, "fast-to-wav csv", [epoch])

"""Cirrus sound level meters: `Date`, `Time` and bands `6.3Hz` … `20kHz`, every 62.5 ms or 10 ms.

Two exports are known: dates as 8/19/2014 (month first) with decimal points, and, between semicolons, as
19-08-2014 with decimal commas. Times are cut to hundredths of a second; the first of a second has no fraction
(docs/method.md, section 14).
"""

from dataclasses import replace

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead
from spectral_transcoder.sensors.readers.times import DAY_FIRST, MONTH_FIRST

ORDERS = {"/": MONTH_FIRST, "-": DAY_FIRST}


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of a Cirrus export; None for another table."""
    if [name.lower() for name in head.names[:2]] != ["date", "time"] or not head.names[2:]:
        return None
    if not all(name.lower().endswith("hz") for name in head.names[2:] if name):
        return None
    # the first days of a month do not distinguish day from month; the separator does
    dates = head.values(0)
    order = next((order for mark, order in ORDERS.items() if dates and mark in dates[0][:4]), "")
    options = replace(options, time_format=options.time_format or order)
    return table_layout(head, options, "Cirrus export", [0, 1])

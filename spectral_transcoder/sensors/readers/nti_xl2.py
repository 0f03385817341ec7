"""NTi XL2: logs of the real-time analyser, tab-separated behind a header block (docs/method.md, section 14).

The header gives the time zone and the interval; the time of a row is the end of its interval. Behind the rows
follow one over the whole period and a checksum.
"""

import re

from spectral_transcoder.sensors.readers.description import END
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableLayout, table_layout
from spectral_transcoder.sensors.readers.text import TableHead

SIGNATURE = "XL2 RTA"
ZONE = re.compile(r"Time Zone:\s*(\S+)")
INTERVAL = re.compile(r"Log-Interval:\s*(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def recognise(head: TableHead, options: ReadOptions) -> TableLayout | None:
    """Return the layout of an XL2's log of third octaves; None for another table."""
    if not head.preamble or not head.preamble[0].startswith(SIGNATURE):
        return None
    preamble = "\n".join(head.preamble)
    zone, interval = ZONE.search(preamble), INTERVAL.search(preamble)
    period_s = None
    if interval:
        hours, minutes, seconds = interval.groups()
        period_s = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    columns = [column for column in (head.column("Date"), head.column("Time")) if column is not None]
    return table_layout(
        head,
        options,
        "NTi XL2 log",
        columns,
        zone[1] if zone else "",
        clock=END,
        period_s=period_s,
        end_mark=b"#",
    )

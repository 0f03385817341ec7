"""Names of files as text: any name can be written anywhere, within a line."""

import re
from pathlib import Path

# what ends a line, moves the cursor, or is not shown: of ASCII, of latin-1, and Unicode's own ends of lines
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def readable(name: str | Path) -> str:
    """Return a name, or a line with names, as text of one line that can be written anywhere.

    Bytes that are no text become `\\xe9`, a newline becomes `\\n`.
    """
    text = str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

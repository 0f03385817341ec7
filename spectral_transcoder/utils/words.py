"""Words of messages: counts with their nouns, and names that hold line breaks."""

import unicodedata

LINE_BREAKING = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters and separators of lines


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun, such as "1 file" or "2 files".

    Parameters
    ----------
    n : int
        The count.
    singular : str
        What there is one of.
    plural : str, optional
        What there are several of, or none; by default the singular with an s.
    """
    return f"{n} {singular if n == 1 else plural or f'{singular}s'}"


def on_one_line(text: str) -> str:
    r"""Return a text whose control characters and line breaks are written as escapes, such as `\n`."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in LINE_BREAKING else char
        for char in text
    )

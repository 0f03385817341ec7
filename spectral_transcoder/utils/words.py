"""Words of messages: counts with their nouns."""


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

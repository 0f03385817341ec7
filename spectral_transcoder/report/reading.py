"""Reading files of which some may be damaged: what cannot be read is left out of the page, and listed there."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError

Key = TypeVar("Key")
Value = TypeVar("Value")


def readable(read: Callable[[Key], Value], paths: Iterable[Key], left_out: list[str]) -> list[Value]:
    """Return the results of `read` for the paths that can be read; the reason for each other goes to `left_out`."""
    found = []
    for path in paths:
        try:
            found.append(read(path))
        except (SpectralTranscoderError, OSError) as error:
            left_out.append(str(error))
    return found


def read_record(path: Path, make: Callable[[Any], Value]) -> Value:
    """Return `make(content)` for the content of a JSON file.

    Raises
    ------
    DatasetError
        The file is damaged, or does not hold what is expected.
    """
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged or of another version ({type(error).__name__}: {error}): remove it, or make it again"
        ) from error

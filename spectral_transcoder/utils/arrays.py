"""Arrays on disk: those that may be damaged, and those that are computed once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.locks import exclusive_lock


def cached_array(path: Path, provenance: dict[str, Any], write: Callable[[Path], None]) -> np.ndarray:
    """Return an array that is computed once for what it is made from, a memory map.

    Parameters
    ----------
    path : Path
        The .npy file; its provenance and its lock lie beside it.
    provenance : dict
        What it is made from, as JSON has it: an array of another provenance is computed anew.
    write : callable
        (path): computes the array and writes it. Processes that start together compute it once.
    """
    provenance_path = path.with_suffix(".json")
    provenance = json.loads(json.dumps(provenance))
    with exclusive_lock(path.with_suffix(".lock")):
        if not (provenance_path.is_file() and json.loads(provenance_path.read_text("utf-8")) == provenance):
            # array and provenance never disagree, wherever this is stopped
            provenance_path.unlink(missing_ok=True)
            write(path)
            with atomic_path(provenance_path) as temporary:
                temporary.write_text(json.dumps(provenance), encoding="utf-8")
        return np.load(path, mmap_mode="r")


def read_array(path: Path, remedy: str) -> np.ndarray:
    """Return the array of a .npy file.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What the user can do where it cannot be read: the end of the message.

    Raises
    ------
    DatasetError
        The file is missing, cut off, or no .npy file.
    """
    try:
        return np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(
            f"{path} is damaged or missing ({error}), expected a whole .npy file: {remedy}"
        ) from error

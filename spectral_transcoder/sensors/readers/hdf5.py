"""HDF5 files: opening one, saying what is wrong with one that cannot be opened, and what it holds."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import h5py

from spectral_transcoder.utils.errors import LevelsError

LOCKED = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading; what h5py raises while it is open becomes a LevelsError that says what is wrong.

    Raises
    ------
    LevelsError
        Locked by another program, damaged or truncated.
    """
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        text = " ".join(str(error).split())
        if "unable to lock file" in text or getattr(error, "errno", None) in LOCKED:
            raise LevelsError(
                f"{path} is open for writing in another program, which has locked it: close it there, or set "
                "HDF5_USE_FILE_LOCKING=FALSE to read what is there"
            ) from error
        if "already open for write" in text:
            raise LevelsError(
                f"{path} was not closed by the program that wrote it: close it there, or clear its mark with h5clear -s"
            ) from error
        raise LevelsError(f"{path} is a damaged or truncated HDF5 file: {text}") from error


def find_datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return {name: dataset} of everything in an HDF5 file."""
    datasets: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    file.visititems(visit)
    return datasets


def describe(array: h5py.Dataset) -> str:
    """Return shape and type of an array in words."""
    return f"{tuple(array.shape)} of {array.dtype if array.dtype.names is None else 'named fields'}"

"""Files that are whole or not there: atomic writes, checksums, one writer for a folder."""

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np

from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError


@contextlib.contextmanager
def atomic_path(path, flush=True):
    """Yield a temporary path beside `path`; the finished file takes the name `path`, a failed one vanishes.

    Parameters
    ----------
    path : str or Path
        The final name; its folder is made if it is missing. The temporary file keeps its suffix,
        since soundfile and matplotlib choose the format by it.
    flush : bool
        Wait until the disk holds it, so that it outlives a power failure. Whoever writes thousands of small
        files does not, and calls `os.sync` once after them.

    Raises
    ------
    SpectralTranscoderError
        The disk is full.
    """
    path = Path(path)
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:100]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            if flush:
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def full_disk_told(path):
    """Turn the errors of a full disk, or of a spent quota, into one that names the file to be written.

    Raises
    ------
    SpectralTranscoderError
        The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpectralTranscoderError(
                f"no space left to write {path}: free some, or choose another folder"
            ) from error
        raise


def read_array(path, remedy):
    """Return the array of a .npy file.

    Raises
    ------
    DatasetError
        It is not there, cut off or no such file; the message ends with the `remedy`.
    """
    try:
        return np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(
            f"{path} is damaged or missing ({error}), expected a whole .npy file: {remedy}"
        ) from error


def sha256(path):
    """Return the sha256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def turn_taken(path):
    """Wait for the lock `path`, which is made if it is missing, and hold it; it ends with the process, however."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        # some network file systems have no locks; they are trusted
        with contextlib.suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def sole_writer(folder):
    """Hold the lock of a dataset's folder, which ends with the process, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # some network file systems have no locks; they are trusted
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatasetError(f"another process is making {folder}: wait for its end") from error
        yield
    finally:
        os.close(handle)


def _umask():
    """Return the process's umask: temporary files are private, finished ones are as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Locks between processes, on files and folders. They end with the process that holds them, however it ends.

Whoever takes a lock says what is to happen on a file system without locks, as some network folders are: most trust
that nobody else is there.
"""

import contextlib
import enum
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spectral_transcoder.utils.errors import DatasetError

# What file systems answer that have no locks: Lustre mounted without them, some network folders.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
HELD = (errno.EACCES, errno.EAGAIN)


class Lock(enum.Enum):
    """What became of an attempt to take a lock."""

    OURS = "ours"
    THEIRS = "another process holds it"
    NONE = "this file system has no locks"


def take_lock(file: IO | int, wait: bool = False, by_process: bool = True) -> Lock:
    """Take the exclusive lock of an open file.

    Parameters
    ----------
    file : file or int
        The open file, or its handle; by a process, it has to be open for writing.
    wait : bool
        Wait while another process holds it.
    by_process : bool
        True: a POSIX lock, which holds between the nodes of a cluster too (NFS, GPFS, Lustre mounted with `flock`);
        it is the process's, so that children do not inherit it, and closing any handle of the file lets go of it.
        False: a lock of this opening of the file, which keeps out other openings in the same process.
    """
    take = fcntl.lockf if by_process else fcntl.flock
    try:
        take(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return Lock.NONE
        if error.errno in HELD and not wait:
            return Lock.THEIRS
        raise
    return Lock.OURS


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[Lock]:
    """Wait for the lock file `path`, which is made if it is missing, and hold it; give what became of that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        yield take_lock(file, wait=True)


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a dataset's folder, or refuse where another process has it.

    Raises
    ------
    DatasetError
        Another process is making the dataset.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        if take_lock(handle, by_process=False) is Lock.THEIRS:
            raise DatasetError(f"another process is making {folder}: wait for its end")
        yield
    finally:
        os.close(handle)

"""The disk that downloads go to: room enough, one command at a time, files that are whole."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spectral_transcoder.downloads.progress import readable_size
from spectral_transcoder.utils.errors import DownloadError
from spectral_transcoder.utils.files import full_disk_reported
from spectral_transcoder.utils.locks import Lock, take_lock


def require_space(folder: Path, fetch_bytes: int, unpack_bytes: int) -> None:
    """Refuse to start what the disk cannot hold.

    Parameters
    ----------
    folder : Path
        Folder of the files; it need not exist yet.
    fetch_bytes, unpack_bytes : int
        Bytes that are still to be fetched, and those still to be unpacked of them.

    Raises
    ------
    DownloadError
        With the numbers.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_bytes = shutil.disk_usage(existing).free
    if fetch_bytes + unpack_bytes > free_bytes:
        raise DownloadError(
            f"{readable_size(fetch_bytes + unpack_bytes)} are needed ({readable_size(fetch_bytes)} to fetch, "
            f"{readable_size(unpack_bytes)} to unpack), {existing} has {readable_size(free_bytes)} free: "
            "make room, or choose another folder with --output"
        )


@contextlib.contextmanager
def only_one(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder for this process; wait while another one holds it.

    Parameters
    ----------
    folder : Path
        Made if it is missing. The lock is its file `.lock`, free when the process ends, however it ends.
    say : callable
        Called with each line for the user.

    Raises
    ------
    DownloadError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise DownloadError(
            f"cannot write in {folder} ({error.strerror}): choose another --output"
        ) from error
    with lock:
        answer = take_lock(lock, by_process=False)
        if answer is Lock.THEIRS:
            say(f"another download into {folder} is under way: waiting for its end")
            take_lock(lock, wait=True, by_process=False)
        elif answer is Lock.NONE:
            say(f"{folder} is on a file system without locks: do not start two downloads into it at once")
        yield


def write_alone(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file that is whole or not there; only for the process that holds the folder (`only_one`).

    On the way it has one name for all files of its folder: what a killed run left, the next one writes over.

    Parameters
    ----------
    path : Path
    blocks : iterable of bytes

    Raises
    ------
    SpectralTranscoderError
        The disk is full.
    """
    unfinished = path.with_name(".unfinished.part")
    with full_disk_reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                file.writelines(blocks)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

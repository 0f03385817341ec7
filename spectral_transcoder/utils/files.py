"""Files that are whole or not there: atomic writes, a full disk, checksums."""

import contextlib
import errno
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spectral_transcoder.utils.errors import FullDiskError, UsageError
from spectral_transcoder.utils.locks import Lock, take_lock


@contextlib.contextmanager
def atomic_path(path: str | Path, flush: bool = True) -> Iterator[Path]:
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
    FullDiskError
        The disk is full.
    """
    path = Path(path)
    with full_disk_reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = _open_temporary(path)
        try:
            yield temporary
            if flush:
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)


def _open_temporary(path: Path) -> tuple[int, Path]:
    """Open an empty temporary file for a path: that which a killed writer left, unless a living one holds it.

    The handle holds a lock by which a living writer is known, so it is closed only once the file has its name.
    """
    # long names may begin alike: the digest keeps writers of different files apart even where locks do not work
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    temporary = path.with_name(f".{path.stem[:100]}-{digest}-unfinished{path.suffix}")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(OSError):  # renamed by another writer, which may happen between the two calls
        ours = take_lock(handle, by_process=False) is Lock.OURS
        if ours and os.path.samestat(os.fstat(handle), temporary.stat()):
            os.truncate(handle, 0)
            return handle, temporary
    os.close(handle)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:100]}-", suffix=path.suffix, dir=path.parent)
    return handle, Path(name)


@contextlib.contextmanager
def full_disk_reported(path: str | Path) -> Iterator[None]:
    """Turn the errors of a full disk, or of a spent quota, into one that names the file to be written.

    Raises
    ------
    FullDiskError
        The disk is full.
    """
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise FullDiskError(
                f"no space left to write {path}: free some, or choose another folder"
            ) from error
        raise


def is_full_disk(error: OSError) -> bool:
    """Say whether an error of the system is that of a full disk, or of a spent quota.

    numpy has no number for it, only "512 requested and 0 written".
    """
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or (
        error.errno is None and str(error).endswith(" written")
    )


def refuse_overwriting(inputs: Iterable[str | Path], *outputs: str | Path) -> None:
    """Refuse outputs that are inputs, in whatever spelling: links, relative paths, other case.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files that are read.
    *outputs : str or Path
        Files that will be written.

    Raises
    ------
    UsageError
        An output is one of the inputs; the message names both.
    """
    files = [Path(path) for path in inputs]
    spelled = {str(file.resolve()).casefold(): file for file in files}
    found = {identity: file for file in files if (identity := file_identity(file)) is not None}
    for output in map(Path, outputs):
        identity = file_identity(output)
        same = spelled.get(str(output.resolve()).casefold()) or (found.get(identity) if identity else None)
        if same is not None:
            raise UsageError(
                f"the output {output} is the input {same}, which would be lost: choose another output"
            )


def refuse_foreign(outputs: Iterable[Path], is_ours: Callable[[Path], bool]) -> None:
    """Refuse outputs that are there and were not written by this project.

    Parameters
    ----------
    outputs : iterable of Path
        Files that will be written.
    is_ours : callable
        (path of a file) -> whether this project wrote it.

    Raises
    ------
    UsageError
        Something else is there: the message names it.
    """
    for output in outputs:
        if os.path.lexists(output) and not (output.is_file() and is_ours(output)):
            raise UsageError(
                f"{output} is there already and was not written by this script: choose another output, or remove it"
            )


def refuse_foreign_table(path: Path, first_column: str) -> None:
    """Refuse to replace a csv but one whose first column has the name that ours has; raise UsageError for another."""
    refuse_foreign([path], lambda there: starts_with(there, first_column))


def starts_with(path: Path, text: str) -> bool:
    """Whether a file of text begins with a text; a byte-order mark and quotes do not count."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.read(len(text) + 1).lstrip('"').startswith(text)


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return the device and number of a file, equal for all names and links of it; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def sha256(path: str | Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """Return the sha256 of a file, computed once in this process while the file stays as it is."""
    status = path.stat()
    return _sha256_of(path, status.st_size, status.st_mtime_ns)


def sha256_or_none(path: Path | None) -> str | None:
    """Return what `sha256_once` does; None where there is no file."""
    return None if path is None or not path.is_file() else sha256_once(path)


@functools.cache
def _sha256_of(path: Path, n_bytes: int, changed_ns: int) -> str:
    return sha256(path)


def _umask() -> int:
    """Return the process's umask: temporary files are private, finished ones are as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

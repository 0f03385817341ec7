"""A file on its way: `<name>.part` until its checksum is right, then, in one step, `<name>`.

Another file under that name, a user's own or a damaged one, is kept beside it as `<name>.replaced`.
"""

import itertools
import os
from pathlib import Path

from spectral_transcoder.downloads.checksums import BLOCK_BYTES
from spectral_transcoder.downloads.manifest import RemoteFile
from spectral_transcoder.utils.errors import DownloadError
from spectral_transcoder.utils.files import full_disk_reported


class WrongChecksum(DownloadError):
    """The bytes that arrived are not the published ones."""


class PartFile:
    """What has arrived of a file, hashed as it arrives; a context manager.

    Parameters
    ----------
    path : Path
        The final name; its folder is made if it is missing.
    remote : RemoteFile
        The published size and checksum.

    Attributes
    ----------
    position : int
        Bytes in hand.
    total : int or None
        Length of the whole in bytes; set from the server's answer where none is published.
    stitched : bool
        The bytes came over more than one connection: a changed file on the server would spoil them.
    """

    def __init__(self, path: Path, remote: RemoteFile) -> None:
        self.path, self.total, self._remote = path, remote.size, remote
        self._part = part_path(path)
        self._etag = path.with_name(f"{path.name}.part.etag")

    def __enter__(self) -> "PartFile":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("a+b")
        self._hash, self.position = self._remote.checksum.start(), 0
        self._file.seek(0)
        while block := self._file.read(BLOCK_BYTES):
            self._hash.update(block)
            self.position += len(block)
        self.stitched = self.position > 0
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self.position == 0:
            self._part.unlink(missing_ok=True)

    @property
    def etag(self) -> str | None:
        """The validator under which the server sent the bytes in hand, or None."""
        return self._etag.read_text(encoding="latin-1") if self.position and self._etag.is_file() else None

    @etag.setter
    def etag(self, value: str | None) -> None:
        # A weak validator ("W/...") does not promise the same bytes.
        if value and not value.startswith("W/"):
            self._etag.write_text(value, encoding="latin-1")
        else:
            self._etag.unlink(missing_ok=True)

    def append(self, block: bytes) -> None:
        """Add bytes that arrived, to the disk and to the checksum."""
        with full_disk_reported(self._part):
            self._file.write(block)
            self._file.flush()
        self._hash.update(block)
        self.position += len(block)

    def restart(self) -> None:
        """Forget what has arrived, and what the server said of it."""
        self._file.truncate(0)
        self._hash, self.position, self.stitched = self._remote.checksum.start(), 0, False
        self.total, self.etag = self._remote.size, None

    def finish(self) -> None:
        """Give the file its final name; another one of that name becomes `replaced_path`.

        Raises
        ------
        WrongChecksum
            Naming what was expected and what was found; the bytes stay until `restart`.
        """
        checksum = self._remote.checksum
        found = checksum.of_file(self._part).digest if checksum.needs_size_first else self._hash.hexdigest()
        expected = checksum.expected(self.path)
        if expected is not None and found != expected.digest:
            size = "" if self._remote.size is None else f" ({self._remote.size} bytes)"
            raise WrongChecksum(
                f"{self.path.name}: expected {expected}{size}, found {found} ({self.position} bytes)"
            )
        os.fsync(self._file.fileno())
        self._file.close()
        if os.path.lexists(self.path):
            self.path.rename(replaced_path(self.path))
        self._part.replace(self.path)
        checksum.arrived(self.path, found)
        self.etag = None


def part_path(path: Path) -> Path:
    """Return the name under which a file lies until it is whole."""
    return path.with_name(f"{path.name}.part")


def replaced_path(path: Path) -> Path:
    """Return the name under which a file that is not the published one is kept: the first that is free."""
    names = itertools.chain(
        [f"{path.name}.replaced"], (f"{path.name}.replaced-{n}" for n in itertools.count(2))
    )
    return next(kept for name in names if not os.path.lexists(kept := path.with_name(name)))

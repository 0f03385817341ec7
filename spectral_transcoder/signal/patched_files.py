"""Files read as they would be with other bytes at some positions: headers that should say something else."""

import io
from pathlib import Path


class PatchedFile(io.RawIOBase):
    """A file as it would be with other bytes at some positions.

    Parameters
    ----------
    path : Path
        The file.
    patch : dict of int to bytes
        What stands at which position instead.
    """

    def __init__(self, path: Path, patch: dict[int, bytes]) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._patch = patch

    def readable(self) -> bool:
        """Return True: this is a file for reading."""
        return True

    def seekable(self) -> bool:
        """Return True: positions are those of the file."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
        """Fill a buffer with the bytes from here on, and return how many there were."""
        start = self._file.tell()
        view = memoryview(buffer).cast("B")
        n_read = self._file.readinto(view)
        for position, content in self._patch.items():
            first, last = max(position, start), min(position + len(content), start + n_read)
            if first < last:
                view[first - start : last - start] = content[first - position : last - position]
        return n_read

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

"""Archives of tens of gigabytes that take no disk: bytes of a few clips, arranged as zip and tar.gz files are.

clip, clip, clip, … ──headers between them──▶ pieces, which any range of the archive is read from
"""

import bisect
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

STORED_BLOCK = 0xFFFF  # bytes that a block of uncompressed deflate holds at most
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
TAR_BLOCK = 512

Members = Iterable[tuple[str, bytes]]  # names and contents, which many members may share


class VirtualFile:
    """A file as the list of its pieces, which other files may hold too."""

    def __init__(self, pieces: Iterable[memoryview]) -> None:
        self.pieces = [piece for piece in pieces if len(piece)]
        self.starts, self.size = [], 0
        for piece in self.pieces:
            self.starts.append(self.size)
            self.size += len(piece)

    def read(self, start: int, length: int) -> bytes:
        """Return some bytes, fewer at the end of the file."""
        found, index = [], bisect.bisect_right(self.starts, start) - 1
        while length > 0 and start < self.size:
            piece = self.pieces[index][start - self.starts[index] :][:length]
            found.append(piece)
            start, length, index = start + len(piece), length - len(piece), index + 1
        return b"".join(found)

    def md5(self) -> str:
        """Return the checksum of the whole."""
        digest = hashlib.md5()
        for piece in self.pieces:
            digest.update(piece)
        return digest.hexdigest()


class _Recorder(io.RawIOBase):
    """A file to write to that keeps the pieces themselves."""

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []
        self.position = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.pieces.append(memoryview(content))
        self.position += len(content)
        return len(content)

    def tell(self) -> int:
        return self.position


def virtual_zip(members: Members) -> VirtualFile:
    """Return a zip of stored members."""
    recorder = _Recorder()
    with zipfile.ZipFile(recorder, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return VirtualFile(recorder.pieces)


def virtual_tar_gz(members: Members) -> VirtualFile:
    """Return a tar whose gzip stores its blocks uncompressed."""
    return VirtualFile(_gzip_pieces(_tar_pieces(members)))


def _tar_pieces(members: Members) -> Iterator[memoryview]:
    for name, content in members:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        yield memoryview(info.tobuf())
        yield memoryview(content)
        yield memoryview(bytes(-len(content) % TAR_BLOCK))
    yield memoryview(bytes(2 * TAR_BLOCK))


def _gzip_pieces(pieces: Iterable[memoryview]) -> Iterator[memoryview]:
    checksum, size = 0, 0
    yield memoryview(GZIP_HEADER)
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        for start in range(0, len(piece), STORED_BLOCK):
            block = piece[start : start + STORED_BLOCK]
            yield memoryview(struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF))
            yield block
    yield memoryview(struct.pack("<BHH", 1, 0, 0xFFFF) + struct.pack("<II", checksum, size % 2**32))

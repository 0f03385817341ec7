"""Checksums as publishers give them: md5, sha256, or git's own hash of a file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

BLOCK_BYTES = 1 << 20
ALGORITHMS = {"md5": "md5", "sha256": "sha256", "git_blob_sha1": "sha1"}


@dataclass(frozen=True)
class Checksum:
    """A published checksum: `algorithm` is a key of `ALGORITHMS`, `digest` lower-case hexadecimal."""

    algorithm: str
    digest: str

    def __post_init__(self) -> None:
        """Refuse a digest of the wrong length, or one that YAML took for a number."""
        length = 2 * hashlib.new(ALGORITHMS[self.algorithm], usedforsecurity=False).digest_size
        if not (isinstance(self.digest, str) and len(self.digest) == length):
            raise ValueError(f"{self.algorithm} {self.digest!r}: expected a quoted text of {length} digits")

    def __str__(self) -> str:
        """Return the algorithm and the digest, as messages show them."""
        return f"{self.algorithm} {self.digest}"

    @property
    def needs_size_first(self) -> bool:
        """True for git's hash: it starts with the size, so it cannot be taken while a file arrives."""
        return self.algorithm == "git_blob_sha1"

    def start(self, size_bytes: int = 0) -> "hashlib._Hash":
        """Return a hash object to feed with the file's bytes; its size matters to git's hash only."""
        running = hashlib.new(ALGORITHMS[self.algorithm], usedforsecurity=False)
        if self.needs_size_first:
            running.update(b"blob %d\0" % size_bytes)
        return running

    def of_file(self, path: Path) -> "Checksum":
        """Return the checksum of a file, by the same algorithm."""
        running = self.start(path.stat().st_size)
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                running.update(block)
        return Checksum(self.algorithm, running.hexdigest())

    def fault(self, path: Path) -> str | None:
        """Return what is wrong with a file, in one line; None if it is there and has this checksum."""
        if not path.is_file():
            return f"{path}: missing"
        found = self.of_file(path)
        return None if found == self else f"{path}: expected {self}, found {found.digest}"

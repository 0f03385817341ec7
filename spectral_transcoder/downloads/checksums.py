"""Checksums as publishers give them: md5, sha256, or git's own hash of a file; or as a first arrival gave them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from spectral_transcoder.utils.files import atomic_path

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

    def expected(self, path: Path) -> "Checksum | None":
        """Return what a file has to have, or None where nobody knows yet."""
        return self

    def arrived(self, path: Path, digest: str) -> None:
        """Take note of a file that has arrived, whole, with a digest; of a published one there is nothing to note."""

    def fault(self, path: Path) -> str | None:
        """Return what is wrong with a file, in one line; None if it is there and has this checksum."""
        if not path.is_file():
            return f"{path}: missing"
        expected = self.expected(path)
        if expected is None:
            return f"{path}: its checksum was not recorded when it came: it has to be fetched again"
        found = self.of_file(path)
        return None if found == expected else f"{path}: expected {expected}, found {found.digest}"


class RecordedChecksum(Checksum):
    """The sha256 of a file whose publisher gives none: recorded beside the file when it first arrives.

    From then on it is what the file has to have. The record is `<name>.arrived.json`, with the size in bytes.
    """

    def __init__(self) -> None:
        super().__init__("sha256", "0" * 64)

    def __str__(self) -> str:
        """Return what messages and cards say of it."""
        return "sha256 as recorded on arrival"

    def expected(self, path: Path) -> Checksum | None:
        """Return the recorded checksum of a file, or None where there is no record."""
        record = record_path(path)
        if not record.is_file():
            return None
        return Checksum("sha256", json.loads(record.read_text(encoding="utf-8"))["sha256"])

    def arrived(self, path: Path, digest: str) -> None:
        """Record the size and the digest of a file that has arrived."""
        with atomic_path(record_path(path)) as temporary:
            content = {"bytes": path.stat().st_size, "sha256": digest}
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")


def record_path(path: Path) -> Path:
    """Return where the checksum of a file is recorded on its arrival."""
    return path.with_name(f"{path.name}.arrived.json")

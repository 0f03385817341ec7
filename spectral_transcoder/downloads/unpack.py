"""Archives unpacked safely: nothing leaves the folder, nothing of the user's is overwritten."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn, cast

from spectral_transcoder.downloads.checksums import BLOCK_BYTES
from spectral_transcoder.downloads.folders import write_alone
from spectral_transcoder.utils.errors import DownloadError

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError)


@dataclass(frozen=True)
class Member:
    """One entry of an archive: `kind` is "file", "folder" or what else it is; `open()` gives its bytes."""

    name: str
    size: int
    kind: str
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path,
    folder: Path,
    place: Callable[[str], str | None],
    moved: Callable[[int], None] = lambda position_bytes: None,
) -> dict[str, int]:
    """Unpack a zip or tar.gz, file by file; files that are there already, with the same bytes, are kept.

    All names are checked before the first byte is written.

    Parameters
    ----------
    archive : Path
    folder : Path
    place : callable
        Maps a member's name to its path below `folder`, or to None for a member that stays packed.
    moved : callable
        Called with the number of bytes unpacked so far.

    Returns
    -------
    dict of str to int
        Path below `folder`, and size in bytes, of each unpacked file.

    Raises
    ------
    DownloadError
        A member that is unsafe, a file in the way that is not the archive's, a damaged archive, naming it.
    """
    try:
        targets = _targets(archive, place)
        sizes, position = {}, 0
        for member in _members(archive):
            if member.name in targets:
                path = folder / targets[member.name]
                with member.open() as stream:
                    _keep_or_write(stream, path, archive)
                sizes[targets[member.name]] = member.size
                position += member.size
                moved(position)
    except DAMAGED as error:
        raise DownloadError(
            f"{archive} is damaged ({error}): remove it and run the same command again"
        ) from error
    return sizes


def _targets(archive: Path, place: Callable[[str], str | None]) -> dict[str, str]:
    """Return where each file of an archive goes, by member name; refuse an archive with an unsafe one."""
    targets: dict[str, str] = {}
    taken: dict[str, str] = {}  # the member that goes there, by folded path
    for member in _members(archive):
        if member.kind not in ("file", "folder"):
            _refuse(archive, member.name, f"is a {member.kind}")
        path = PurePosixPath(member.name)
        if member.kind == "folder" and path.name == "":
            continue  # "./", the archive's own top
        _refuse_unsafe_name(archive, member.name)
        # What macOS adds to archives (.DS_Store, ._name, __MACOSX/) is nobody's data.
        if member.kind == "folder" or any(part.startswith((".", "__MACOSX")) for part in path.parts):
            continue
        target = place(str(path))
        if target is None:
            continue
        _refuse_unsafe_name(archive, target)
        if target.casefold() in taken:
            _refuse(archive, member.name, f"goes where {taken[target.casefold()]!r} goes already")
        taken[target.casefold()] = member.name
        targets[member.name] = target
    _refuse_files_as_folders(archive, targets.values())
    return targets


def _refuse_files_as_folders(archive: Path, targets: Collection[str]) -> None:
    """Refuse an archive in which a file would lie inside another file."""
    files = {target.casefold() for target in targets}
    for target in targets:
        if any(str(parent).casefold() in files for parent in PurePosixPath(target).parents):
            _refuse(archive, target, "lies inside what is a file")


def _refuse_unsafe_name(archive: Path, name: str) -> None:
    if not PurePosixPath(name).name:
        _refuse(archive, name, "has no name")
    if name.startswith("/") or ".." in name.split("/"):
        _refuse(archive, name, "leaves the folder")
    if any(character in name for character in "\\\0"):
        _refuse(archive, name, "has a character that some systems take for a path")


def _refuse(archive: Path, name: str, reason: str) -> NoReturn:
    raise DownloadError(
        f"{archive} is refused: its member {name!r} {reason}; get the archive from its publisher"
    )


def _members(archive: Path) -> Iterator[Member]:
    """Yield the entries of an archive; each one's bytes have to be read before the next is asked for."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                # orig_filename: zipfile itself cuts names at a NUL.
                read = partial(packed.open, entry)
                yield Member(entry.orig_filename, entry.file_size, _zip_kind(entry), read)
    else:
        with tarfile.open(archive, "r|gz") as tape:
            for info in tape:
                read_tar = cast(
                    Callable[[], IO[bytes]], partial(tape.extractfile, info)
                )  # None only for folders
                yield Member(info.name, info.size, _tar_kind(info), read_tar)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if info.flag_bits & 1:
        return "encrypted file"
    if info.orig_filename.endswith("/"):
        return "folder"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else _special_kind(stat.S_ISLNK(mode))


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    is_file = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
    return "file" if is_file else _special_kind(info.issym() or info.islnk())


def _special_kind(is_link: bool) -> str:
    return "link" if is_link else "device or other special file"


def _keep_or_write(stream: IO[bytes], path: Path, archive: Path) -> None:
    """Write a file under its final name in one step; keep it if it is there, with the same bytes."""
    if path.is_symlink() or path.exists():
        if not (path.is_file() and _same_bytes(stream, path)):
            raise DownloadError(
                f"{path} is in the way: it is not what {archive.name} holds; move it elsewhere"
            )
        return
    write_alone(path, iter(partial(stream.read, BLOCK_BYTES), b""))


def _same_bytes(stream: IO[bytes], path: Path) -> bool:
    with path.open("rb") as file:
        while block := stream.read(BLOCK_BYTES):
            if block != file.read(len(block)):
                return False
        return not file.read(1)

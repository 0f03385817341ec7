"""The list of files that the project downloads, read from a YAML file of the form of the shipped one."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import yaml

from spectral_transcoder.downloads.checksums import ALGORITHMS, Checksum, RecordedChecksum
from spectral_transcoder.downloads.options import SHIPPED_MANIFEST
from spectral_transcoder.utils.errors import UsageError

ARCHIVE_SUFFIXES = (".zip", ".tar.gz")
ARCHIVES_FOLDER = "archives"


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch.

    Attributes
    ----------
    path : str
        Path below the output folder, and likewise below a mirror.
    urls : tuple of str
        Published addresses; the later ones are tried when the first fails.
    size : int or None
        Size in bytes; None where none is published.
    checksum : Checksum
    converted_to : str or None
        Name of the checkpoint that is made of it, in the same folder.
    """

    path: str
    urls: tuple[str, ...]
    size: int | None
    checksum: Checksum
    converted_to: str | None = None

    @property
    def name(self) -> str:
        """The file's name, without folders."""
        return self.path.rpartition("/")[2]

    def seems_whole(self, output: Path) -> bool:
        """Return whether the file is below a folder with its size; nothing is hashed."""
        path = output / self.path
        return path.is_file() and self.size in (None, path.stat().st_size)


@dataclass(frozen=True)
class Card:
    """A text to be written beside models: its path below the output folder, and what it says."""

    path: str
    text: str


@dataclass(frozen=True)
class ModelGroup:
    """One entry of `--models`: its files, and the card that says whose they are, if they have one.

    A group `on_request` is fetched where it is named, not with all the others.
    """

    name: str
    folder: str
    files: tuple[RemoteFile, ...]
    card: Card | None = None
    on_request: bool = False


@dataclass(frozen=True)
class PublishedDataset:
    """One entry of `--dataset`.

    Attributes
    ----------
    name, folder : str
    files : tuple of RemoteFile
    clips : int
        Number of wav files that `audio/` holds in the end.
    unpacked_bytes : int
        Size of the unpacked files.
    layout : tuple of (re.Pattern, str)
        Whole name of an archive's member, and its place below the folder; the first match decides.
    clip_table : str or None
        The csv of clips whose durations have to be recomputed from the audio.
    on_request : bool
        Whether it is fetched only where it is named.
    """

    name: str
    folder: str
    files: tuple[RemoteFile, ...]
    clips: int
    unpacked_bytes: int
    layout: tuple[tuple[re.Pattern[str], str], ...]
    clip_table: str | None = None
    on_request: bool = False

    def place(self, member: str) -> str | None:
        """Return where an archive's member goes below the dataset's folder, or None if it stays packed."""
        for pattern, goes_to in self.layout:
            match = pattern.fullmatch(member)
            if match:
                return match.expand(goes_to)
        return None


@dataclass(frozen=True)
class Manifest:
    """The whole list: `models` and `datasets` map the names of the command line to their entries."""

    models: dict[str, ModelGroup]
    datasets: dict[str, PublishedDataset]


def load_manifest(path: str | Path = SHIPPED_MANIFEST) -> Manifest:
    """Read a list of files.

    Raises
    ------
    UsageError
        The file is missing, is not YAML, or lacks what the shipped manifest has.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        models = {name: _model_group(name, entry) for name, entry in content.get("models", {}).items()}
        datasets = {name: _dataset(name, entry) for name, entry in content.get("datasets", {}).items()}
    except OSError as error:
        raise UsageError(f"--manifest {path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, re.error) as error:
        raise UsageError(
            f"--manifest {path}: {type(error).__name__} {error}; expected the form of {SHIPPED_MANIFEST}"
        ) from error
    return Manifest(models, datasets)


Entry = TypeVar("Entry", ModelGroup, PublishedDataset)


def choose(entries: dict[str, Entry], names: str | None, option: str) -> list[Entry]:
    """Return the entries that a comma list names, in the manifest's order; for None, all but those on request.

    Raises
    ------
    UsageError
        A name is none of the entries, or there are none.
    """
    if not entries:
        raise UsageError(f"--manifest: the list of files has no entry for {option}")
    if names is None:
        return [entry for entry in entries.values() if not entry.on_request]
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in entries:
            raise UsageError(f"{option} {name!r} is unknown: choose from {', '.join(entries)}")
    return [entry for name, entry in entries.items() if name in wanted]


def _model_group(name: str, entry: dict[str, Any]) -> ModelGroup:
    folder = entry["folder"]
    files = tuple(_remote_file(file, entry, folder) for file in entry["files"])
    card = (
        Card(_inside(f"{folder}/{entry['card']['name']}"), entry["card"]["text"]) if "card" in entry else None
    )
    return ModelGroup(name, folder, files, card, bool(entry.get("on_request")))


def _dataset(name: str, entry: dict[str, Any]) -> PublishedDataset:
    folder = _inside(entry["folder"])
    packed = f"{folder}/{ARCHIVES_FOLDER}"
    files = tuple(
        _remote_file(file, entry, packed if file["name"].endswith(ARCHIVE_SUFFIXES) else folder)
        for file in entry["files"]
    )
    layout = tuple((re.compile(rule["member"]), rule["goes_to"]) for rule in entry["layout"])
    clips, unpacked_bytes = int(entry["clips"]), int(entry["unpacked_bytes"])
    return PublishedDataset(name, folder, files, clips, unpacked_bytes, layout, entry.get("clip_table"))


def _remote_file(file: dict[str, Any], entry: dict[str, Any], folder: str) -> RemoteFile:
    urls = file.get("url", entry["url"])
    urls = [urls] if isinstance(urls, str) else urls
    checksum = RecordedChecksum() if file.get("recorded") else _published_checksum(file)
    return RemoteFile(
        path=_inside(f"{folder}/{file['name']}"),
        urls=tuple(url.replace("{name}", quote(file["name"], safe="")) for url in urls),
        size=file.get("bytes"),
        checksum=checksum,
        converted_to=file.get("converted_to"),
    )


def _published_checksum(file: dict[str, Any]) -> Checksum:
    (algorithm,) = (key for key in file if key in ALGORITHMS)
    return Checksum(algorithm, file[algorithm])


def _inside(path: str) -> str:
    """Return a relative path unchanged; a list from elsewhere must not write outside the output folder."""
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{path!r} leaves the output folder")
    return path

"""Datasets on disk: archives unpacked into the layout that the experiments read, and a record of them."""

import csv
import functools
import io
import json
from pathlib import Path
from typing import Any

import soundfile

from spectral_transcoder.downloads.folders import write_alone
from spectral_transcoder.downloads.manifest import ARCHIVE_SUFFIXES, PublishedDataset, RemoteFile
from spectral_transcoder.downloads.progress import TransferProgress, readable_size
from spectral_transcoder.downloads.unpack import unpack
from spectral_transcoder.utils.errors import DownloadError
from spectral_transcoder.utils.words import counted

AUDIO_FOLDER = "audio"
DURATION = "duration"  # the column that the recalculated table adds
RECORD = ".unpacked.json"
CLIPS_SHOWN = 5


class DatasetFolder:
    """One `PublishedDataset` below an output folder.

    Its record says which archives were unpacked (name, checksum) and which files came of each (name, size
    in bytes): after the archives are deleted, that is what the folder is verified against.

    Parameters
    ----------
    dataset : PublishedDataset
    output : Path
    keep_archives : bool
        Leave the archives in `archives/` once they are unpacked.
    """

    def __init__(self, dataset: PublishedDataset, output: Path, keep_archives: bool = False) -> None:
        self.entry, self.output, self.keep_archives = dataset, output, keep_archives
        self.folder = output / dataset.folder

    def unpack_bytes(self) -> int:
        """Return what is still to be unpacked, in bytes, as far as the manifest says."""
        if not any(_is_archive(remote) for remote in self.missing()):
            return 0
        return max(0, self.entry.unpacked_bytes - sum(size for _, size in self._recorded_files()))

    def missing(self) -> list[RemoteFile]:
        """Return the files that have to be fetched, or fetched and unpacked."""
        return [remote for remote in self.entry.files if self._fault(remote)]

    def receive(self, remote: RemoteFile, progress: TransferProgress) -> None:
        """Unpack an archive that has arrived, record it and delete it; leave other files as they are."""
        if not _is_archive(remote):
            return
        self._remove_damaged(remote)
        archive = self.output / remote.path
        with progress.file(f"unpacking {remote.name}", None, counted=False) as move_bar:
            files = unpack(archive, self.folder, self.entry.place, move_bar)
        if not files:
            raise DownloadError(f"{archive} holds none of the files of {self.entry.name}")
        self._unpacked[remote.name] = {
            "checksum": str(remote.checksum),
            "files": files,
            "keep_archive": self.keep_archives,
        }
        write_alone(self.folder / RECORD, [json.dumps(self._unpacked, indent=0).encode()])
        self._remove_unpacked_archive(remote)
        progress.say(f"unpacked {remote.name}: {counted(len(files), 'file')}")

    def finish(self) -> None:
        """Delete archives that a killed run left, recompute the durations where needed, count the clips.

        Raises
        ------
        DownloadError
            The number of clips is not the published one.
        """
        for remote in filter(_is_archive, self.entry.files):
            self._remove_unpacked_archive(remote)
        table = self._clip_table()
        if table and self._table_fault():
            write_recalculated(table, self.folder / AUDIO_FOLDER)
        if self._count_fault():
            raise DownloadError(self._count_fault())

    def faults(self) -> list[str]:
        """Return what is not as it should be, one line each."""
        faults = [fault for remote in self.entry.files if (fault := self._fault(remote))]
        faults += [fault for remote in self.entry.files if (fault := self._kept_archive_fault(remote))]
        return [*faults, *filter(None, (self._table_fault(), self._count_fault()))]

    def state(self, remote: RemoteFile) -> str | None:
        """Return "here" or "unpacked" for a file that is done with, else None; nothing is hashed."""
        if _is_archive(remote) and not self._unpacked_fault(remote):
            return "unpacked"
        return "here" if remote.seems_whole(self.output) else None

    def summary(self) -> list[str]:
        """Return lines that say what is where."""
        audio, sizes = self.folder / AUDIO_FOLDER, [size for _, size in self._recorded_files()]
        return [
            f"{self.entry.name}: {self._clips():,} of {self.entry.clips:,} clips in {audio}, "
            f"{len(sizes):,} files unpacked ({readable_size(sum(sizes))})"
        ]

    def _fault(self, remote: RemoteFile) -> str | None:
        if _is_archive(remote):
            return self._unpacked_fault(remote)
        return remote.checksum.fault(self.output / remote.path)

    def _unpacked_fault(self, remote: RemoteFile) -> str | None:
        entry = self._unpacked.get(remote.name)
        if entry is None or entry["checksum"] != str(remote.checksum):
            return f"{remote.name}: not unpacked"
        damaged = self._damaged(entry)
        if damaged:
            more = f" and {len(damaged) - CLIPS_SHOWN} more" if len(damaged) > CLIPS_SHOWN else ""
            return f"{remote.name}: missing or of the wrong size: {', '.join(damaged[:CLIPS_SHOWN])}{more}"
        return None

    def _damaged(self, entry: dict[str, Any]) -> list[str]:
        return [name for name, size in entry["files"].items() if _size(self.folder / name) != size]

    def _remove_damaged(self, remote: RemoteFile) -> None:
        """Make way for what the record says is ours and is spoilt; the unpacker overwrites nothing itself."""
        for name in self._damaged(self._unpacked.get(remote.name, {"files": {}})):
            (self.folder / name).unlink(missing_ok=True)

    def _kept_archive_fault(self, remote: RemoteFile) -> str | None:
        path = self.output / remote.path
        return remote.checksum.fault(path) if _is_archive(remote) and path.exists() else None

    def _remove_unpacked_archive(self, remote: RemoteFile) -> None:
        entry, archive = self._unpacked.get(remote.name), self.output / remote.path
        if entry is None or entry["keep_archive"]:
            return
        archive.unlink(missing_ok=True)
        if archive.parent.is_dir() and not any(archive.parent.iterdir()):
            archive.parent.rmdir()

    def _clips(self) -> int:
        return sum(
            name.startswith(f"{AUDIO_FOLDER}/")
            and name.endswith(".wav")
            and _size(self.folder / name) == size
            for name, size in self._recorded_files()
        )

    def _recorded_files(self) -> list[tuple[str, int]]:
        return [file for entry in self._unpacked.values() for file in entry["files"].items()]

    def _count_fault(self) -> str | None:
        found = self._clips()
        if found == self.entry.clips:
            return None
        return f"{self.folder / AUDIO_FOLDER}: expected {self.entry.clips:,} clips, found {found:,}"

    def _table_fault(self) -> str | None:
        table = self._clip_table()
        if table is None or recalculated_path(table).is_file():
            return None
        return f"{recalculated_path(table)}: missing"

    def _clip_table(self) -> Path | None:
        return self.folder / self.entry.clip_table if self.entry.clip_table else None

    @functools.cached_property
    def _unpacked(self) -> dict[str, dict[str, Any]]:
        # Read when it is first needed: by then this process alone holds the folder.
        path = self.folder / RECORD
        if not path.is_file():
            return {}
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DownloadError(
                f"{path} is damaged ({error}): remove it and run the same command again"
            ) from error


def recalculated_path(table: Path) -> Path:
    """Return the path of a clip table's twin with true durations."""
    return table.with_name(f"{table.stem}_recalculated.csv")


def write_recalculated(table: Path, audio_folder: Path) -> None:
    """Write a clip table's twin: its columns, and `duration` in seconds as the audio's header gives it.

    The published `start` and `end` do not say how long a clip is.

    Parameters
    ----------
    table : Path
        A csv with the column `slice_file_name`.
    audio_folder : Path

    Raises
    ------
    DownloadError
        A clip of the table is missing or is no sound file.
    """
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = [row | {DURATION: _duration_s(audio_folder / row["slice_file_name"])} for row in reader]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[*(reader.fieldnames or ()), DURATION], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_alone(recalculated_path(table), [text.getvalue().encode()])


def _duration_s(path: Path) -> float:
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise DownloadError(f"{path}: a clip of the table that cannot be read ({error})") from error
    return info.frames / info.samplerate


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _is_archive(remote: RemoteFile) -> bool:
    return remote.name.endswith(ARCHIVE_SUFFIXES)

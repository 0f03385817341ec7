"""The files of a dataset: arrays written clip by clip, the record of what is done, the split, final names."""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from spectral_transcoder.datasets.chunks import UNFINISHED, ChunkAnalysis, manifest_file
from spectral_transcoder.datasets.creation.plan import PlannedClip
from spectral_transcoder.datasets.splits import Corpus
from spectral_transcoder.utils.cli import print_notes
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path, sha256

BLOCK_S = 60  # seconds analysed at once: a long clip's features never lie in memory together


class FinishedClips:
    """The clips that are done, and why some could not be read, kept in a file of a line for each.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # file -> None, or the reason why it could not be read
        self.errors: dict[str, str | None] = {}
        self._unsaved: list[str] = []

    def load(self) -> None:
        """Read what was saved; a last line that a kill cut off is left out."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
            self.errors = dict(json.loads(line) for line in lines)
            with atomic_path(self.path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def add(self, file: str, error: str | None) -> None:
        """Note a clip; `save` has to follow."""
        self.errors[file] = error
        self._unsaved.append(json.dumps([file, error]))

    def save(self, arrays: Iterable[Path]) -> None:
        """Make sure that the arrays, paths, are on the disk, then write which clips are done."""
        for array in arrays:
            with array.open("rb") as file:
                os.fsync(file.fileno())
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in self._unsaved)
            file.flush()
            os.fsync(file.fileno())
        self._unsaved = []


def write_clip(
    audio_folder: Path, paths: Mapping[tuple[str, str], Path], analysis: ChunkAnalysis, clip: PlannedClip
) -> str | None:
    """Compute a clip and write its rows; return None, or the reason why it, or what it is made of, cannot be read."""
    try:
        recording = clip.sound(audio_folder, analysis.reading)
    except SpectralTranscoderError as error:
        return str(error)
    if len(recording.samples) // recording.sr != clip.n_seconds:
        return (
            f"{audio_folder / clip.file} has {recording.duration_s:.3f} s, its header said {clip.n_seconds}"
        )
    print_notes(recording.remarks)
    for first_s in range(0, clip.n_seconds, BLOCK_S):
        last_s = min(first_s + BLOCK_S, clip.n_seconds)
        for array, values in analysis.arrays(recording, first_s, last_s).items():
            write_rows(paths[clip.split, array], clip.first_row + first_s, values)
    return None


def write_rows(path: Path, first_row: int, values: np.ndarray) -> None:
    """Overwrite rows of a .npy file of float32.

    Plain writes: unlike those to a memory map, they count in no process's memory, and a full disk is an error
    instead of a dead process.
    """
    with path.open("r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(first_row * values[0].nbytes, os.SEEK_CUR)
        file.write(np.ascontiguousarray(values, np.float32).data)


def compact(path: Path, clips: Sequence[PlannedClip]) -> None:
    """Close the gaps that unreadable clips left in an array; nothing happens where there are none.

    Parameters
    ----------
    path : Path
        An array with the rows of the plan, or compacted already.
    clips : list of PlannedClip
        Those to keep, in the order of their rows.
    """
    array = np.load(path, mmap_mode="r")
    n_rows = sum(clip.n_seconds for clip in clips)
    if len(array) == n_rows:
        return
    with atomic_path(path) as temporary:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=array.dtype, shape=(n_rows, *array.shape[1:]))
        first_row = 0
        for clip in clips:
            rows = slice(clip.first_row, clip.first_row + clip.n_seconds)
            write_rows(temporary, first_row, np.load(path, mmap_mode="r")[rows])
            first_row += clip.n_seconds


def open_table(path: Path) -> IO[str]:
    """Open a csv to be written; bytes of file names that are no text become escapes."""
    return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")


def write_split_csv(
    path: Path, corpus: Corpus, kept: Sequence[PlannedClip], skipped: Sequence[dict[str, Any]]
) -> None:
    """Write a row for each clip of the corpus: file, split, group, chunks, and why it was skipped if it was."""
    chunks = {clip.file: clip.n_seconds for clip in kept}
    reasons = {clip["file"]: clip["reason"] for clip in skipped}
    with atomic_path(path) as temporary, open_table(temporary) as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split", "group", "chunks", "skipped"])
        for clip in corpus.clips:
            writer.writerow(
                [clip.file, clip.split, clip.group, chunks.get(clip.file, 0), reasons.get(clip.file, "")]
            )


def write_variations_csv(path: Path, made: Sequence[PlannedClip], errors: Mapping[str, str | None]) -> None:
    """Write a row for each sound that was made: of what, how, its chunks, and why it was skipped if it was."""
    with atomic_path(path) as temporary, open_table(temporary) as file:
        writer = csv.writer(file)
        for number, clip in enumerate(made):
            row = clip.made.record() if clip.made else {}
            if number == 0:
                writer.writerow([*row, "chunks", "skipped"])
            error = errors[clip.file]
            writer.writerow([*row.values(), 0 if error else clip.n_seconds, error or ""])


def describe_file(path: Path) -> dict[str, Any]:
    """Return the size in bytes and sha256 of a file, and the shape of an array."""
    description: dict[str, Any] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    if path.suffix == ".npy":
        description["shape"] = list(np.load(path, mmap_mode="r").shape)
    return description


def publish(folder: Path, name: str) -> None:
    """Give the files of a finished creation their final names, the manifest last.

    A kill in between is mended by calling it again: the manifest still lies in `unfinished/`.
    """
    work, last = folder / UNFINISHED, manifest_file(name)
    (folder / last).unlink(missing_ok=True)
    files = json.loads((work / last).read_text(encoding="utf-8"))["files"]
    for old in folder.glob(f"{name}_*"):
        if old.name not in files:
            old.unlink()
    for file in files:
        if (work / file).exists():
            (work / file).replace(folder / file)
    (work / last).replace(folder / last)
    shutil.rmtree(work)

"""Creation of the datasets of experiment 1: streaming, on all cores, resumable, with bounded memory.

    headers ──plan──▶ rows of each clip ──workers──▶ unfinished/*.npy ──names, checksums, manifest──▶ <name>/

The plan fixes beforehand which rows a clip has, so workers write in any order and a creation that was killed
goes on where it stopped, to the same bytes. Nothing takes its final name before all is there; the manifest
comes last.
"""

import contextlib
import csv
import fcntl
import hashlib
import itertools
import json
import os
import platform
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spectral_transcoder.audio import open_sound, read_audio
from spectral_transcoder.corpora import SPLITS
from spectral_transcoder.datasets import (
    FNAMES,
    UNFINISHED,
    ChunkAnalysis,
    fingerprint,
    manifest_file,
    read_manifest,
)
from spectral_transcoder.errors import DatasetError, SpectralTranscoderError, UsageError
from spectral_transcoder.files import atomic_path, full_disk_told
from spectral_transcoder.parallel import available_cores, in_processes

SAVE_EVERY_S = 1.0  # what a kill may cost
BLOCK_S = 60  # seconds analysed at once: a long clip's features never lie in memory together
PACKAGES = ("numpy", "torch", "librosa", "soundfile", "soxr", "scikit-learn")


@dataclass(frozen=True)
class PlannedClip:
    """A clip with at least one whole second, and the rows that it has in its split's arrays.

    Attributes
    ----------
    file, split : str
        As in `corpora.Clip`.
    first_row, n_seconds : int
        Its rows, one for each whole second.
    """

    file: str
    split: str
    first_row: int
    n_seconds: int


@dataclass(frozen=True)
class Plan:
    """What a creation will do.

    Attributes
    ----------
    clips : tuple of PlannedClip
        In the corpus's order.
    skipped : tuple of dict
        Clips left out: file, split, reason, and whether that is a failure (`unreadable`).
    parameters : dict
        Of corpus and analysis, with a checksum of the list of clips and their lengths.
    """

    clips: tuple
    skipped: tuple
    parameters: dict

    def n_rows(self, split):
        """Rows of a split's arrays."""
        return sum(clip.n_seconds for clip in self.clips if clip.split == split)


def make_plan(corpus, analysis):
    """Read the header of each clip and return the `Plan`.

    Raises
    ------
    DatasetError
        A split has no clip with a whole second that can be read.
    """
    with ThreadPoolExecutor() as pool:
        paths = (corpus.folder / clip.file for clip in corpus.clips)
        headers = list(progress_bar(pool.map(read_header, paths), len(corpus.clips), "headers"))
    planned, skipped, rows = [], [], Counter()
    digest = hashlib.sha256()
    for clip, (n_samples, sr, error) in zip(corpus.clips, headers, strict=True):
        digest.update(json.dumps([clip.file, clip.split, n_samples, sr]).encode())
        if error or n_samples < sr:
            reason = error or f"{n_samples / sr:.3f} s: shorter than a second"
            skipped.append(skipped_clip(clip, reason, unreadable=error is not None))
            continue
        planned.append(PlannedClip(clip.file, clip.split, rows[clip.split], n_samples // sr))
        rows[clip.split] += planned[-1].n_seconds
    refuse_empty_splits(planned, skipped)
    parameters = {**corpus.parameters, **analysis.parameters, "clips_sha256": digest.hexdigest()}
    return Plan(tuple(planned), tuple(skipped), parameters)


def read_header(path):
    """Return (number of samples, rate in Hz, None), or (None, None, reason) of a file that cannot be read."""
    try:
        with open_sound(path) as sound:
            return sound.frames, sound.samplerate, None
    except SpectralTranscoderError as error:
        return None, None, str(error)


def skipped_clip(clip, reason, unreadable):
    """Return how the manifest tells of a clip that is left out."""
    return {"file": clip.file, "split": clip.split, "reason": reason, "unreadable": unreadable}


def refuse_empty_splits(clips, skipped):
    """Raise DatasetError where a split has no clip left, giving the first reason."""
    for split in SPLITS:
        if not any(clip.split == split for clip in clips):
            reasons = [clip["reason"] for clip in skipped if clip["split"] == split]
            raise DatasetError(
                f"the split {split} has no clip with a whole second that can be read, "
                f"{len(reasons)} were skipped; the first: {reasons[0]}"
            )


def create_dataset(corpus, output_path, analysis=None, jobs=None, force=False):
    """Make a dataset, go on with one that was interrupted, or verify one that is there.

    Parameters
    ----------
    corpus : Corpus
        Clips and splits.
    output_path : str or Path
        Folder of all datasets; this one gets a folder of its name.
    analysis : ChunkAnalysis, optional
        What is computed; the published third octaves by default.
    jobs : int, optional
        Processes; by default as many as cores. The files do not depend on it.
    force : bool
        Replace a dataset, or an unfinished one, of other parameters.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DatasetError
        One of other parameters is there, or damaged; another process is making it; the disk is too small;
        a split would be empty; a worker was killed.
    """
    analysis = analysis or ChunkAnalysis()
    jobs = available_cores() if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"{jobs} jobs: expected one or more")
    folder = Path(output_path) / corpus.name
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        if (folder / UNFINISHED / manifest_file(corpus.name)).exists():
            publish(folder, corpus.name)
        plan = make_plan(corpus, analysis)
        creation = Creation(corpus, folder, analysis, plan)
        if not force and creation.is_finished():
            return read_manifest(folder, corpus.name)
        creation.prepare(force)
        creation.analyse(jobs)
        return creation.finish()


@contextlib.contextmanager
def sole_writer(folder):
    """Hold the lock of a dataset's folder, which ends with the process, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # some network file systems have no locks; they are trusted
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatasetError(f"another process is making {folder}: wait for its end") from error
        yield
    finally:
        os.close(handle)


class Creation:
    """One dataset under way, in the folder `unfinished/` of its own folder.

    Parameters
    ----------
    corpus : Corpus
        Clips and splits.
    folder : Path
        Of the dataset.
    analysis : ChunkAnalysis
        What is computed.
    plan : Plan
        Of this corpus and analysis.
    """

    def __init__(self, corpus, folder, analysis, plan):
        self.corpus, self.folder, self.analysis, self.plan = corpus, folder, analysis, plan
        self.work = folder / UNFINISHED
        self.settings = {"parameters": plan.parameters, "versions": versions()}
        self.settings_path = self.work / "settings.json"
        self.done = FinishedClips(self.work / "finished_clips.jsonl")

    def is_finished(self):
        """Say whether this very dataset is there and whole.

        Raises
        ------
        DatasetError
            It is of other parameters, was not made by this script, or is damaged.
        """
        manifest = read_manifest(self.folder, self.corpus.name)
        if manifest is None:
            foreign = sorted(self.folder.glob(f"{self.corpus.name}_*"))
            if foreign:
                raise DatasetError(
                    f"{foreign[0]} is of unknown origin: --force replaces it, or give --dataset_name"
                )
            return False
        refuse_differences(self.folder, manifest["parameters"], self.plan.parameters)
        for file, expected in progress_bar(manifest["files"].items(), len(manifest["files"]), "verifying"):
            if not (self.folder / file).is_file() or sha256(self.folder / file) != expected["sha256"]:
                raise DatasetError(
                    f"{self.folder / file} is missing or damaged: --force makes the dataset again"
                )
        return True

    def prepare(self, force):
        """Make the empty arrays, unless an interrupted creation with the same settings left them."""
        if self.settings_path.exists():
            settings = json.loads(self.settings_path.read_text(encoding="utf-8"))
            if settings == self.settings:
                self.done.load()
                return
            if not force:
                refuse_differences(self.work, settings, self.settings)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.refuse_small_disk()
        for (split, array), path in self.array_paths().items():
            shape = (self.plan.n_rows(split), *self.analysis.shapes[array])
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        with atomic_path(self.settings_path) as temporary:
            temporary.write_text(json.dumps(self.settings), encoding="utf-8")

    def refuse_small_disk(self):
        """Raise DatasetError where the arrays do not fit on the disk."""
        chunk_bytes = sum(4 * frames * bands for frames, bands in self.analysis.shapes.values())
        needed = chunk_bytes * sum(clip.n_seconds for clip in self.plan.clips)
        free = shutil.disk_usage(self.work).free
        if needed > free:
            raise DatasetError(
                f"{self.folder} needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free: "
                "choose another --output_path"
            )

    def array_paths(self):
        """Return (split, array name) -> path of the unfinished array."""
        return {
            (split, array): self.work / f"{self.corpus.name}_{split}_{array}.npy"
            for split, array in itertools.product(SPLITS, self.analysis.shapes)
        }

    def analyse(self, jobs):
        """Compute the clips that are not done yet, noting each once it is safely on the disk."""
        clips = [clip for clip in self.plan.clips if clip.file not in self.done.errors]
        if not clips:
            return
        paths = self.array_paths()
        task = partial(write_clip, self.corpus.folder, paths, self.analysis)
        results = in_processes(task, clips, min(jobs, len(clips)))
        results = progress_bar(results, len(self.plan.clips), "clips", len(self.plan.clips) - len(clips))
        saved = time.monotonic()
        with full_disk_told(self.folder):
            try:
                for clip, error in results:
                    self.done.add(clip.file, error)
                    if time.monotonic() - saved > SAVE_EVERY_S:
                        self.done.save(paths.values())
                        saved = time.monotonic()
            finally:
                self.done.save(paths.values())

    def finish(self):
        """Leave out the clips that could not be read, write names, split and manifest; return the manifest."""
        errors = self.done.errors
        kept = [clip for clip in self.plan.clips if errors[clip.file] is None]
        unreadable = [
            skipped_clip(clip, errors[clip.file], True) for clip in self.plan.clips if errors[clip.file]
        ]
        skipped = [*self.plan.skipped, *unreadable]
        refuse_empty_splits(kept, skipped)
        for (split, _), path in self.array_paths().items():
            compact(path, [clip for clip in kept if clip.split == split])
        for split in SPLITS:
            fnames = [f"{c.file}_{chunk}" for c in kept if c.split == split for chunk in range(c.n_seconds)]
            with atomic_path(self.work / f"{self.corpus.name}_{split}_{FNAMES}.npy") as temporary:
                np.save(temporary, np.array(fnames))
        write_split_csv(self.work / f"{self.corpus.name}_split.csv", self.corpus, kept, skipped)
        manifest = self.manifest(kept, skipped)
        with atomic_path(self.work / manifest_file(self.corpus.name)) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        publish(self.folder, self.corpus.name)
        return manifest

    def manifest(self, kept, skipped):
        """Return what a reader of the dataset has to know; nothing in it depends on when or how fast."""
        counts = {
            split: {
                "clips": sum(clip.split == split for clip in kept),
                "chunks": sum(clip.n_seconds for clip in kept if clip.split == split),
            }
            for split in SPLITS
        }
        paths = sorted([*self.work.glob("*.npy"), *self.work.glob("*.csv")])
        files = {path.name: describe_file(path) for path in paths}
        return {
            "name": self.corpus.name,
            "counts": counts,
            "parameters": self.plan.parameters,
            "versions": self.settings["versions"],
            "corpus_path": str(self.corpus.folder),
            "skipped": skipped,
            "files": files,
            "fingerprint": fingerprint(self.plan.parameters, files),
        }


class FinishedClips:
    """The clips that are done, and why some could not be read, kept in a file of a line for each.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path):
        self.path = path
        self.errors = {}  # file -> None, or the reason why it could not be read
        self._unsaved = []

    def load(self):
        """Read what was saved; a last line that a kill cut off is left out."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
            self.errors = dict(json.loads(line) for line in lines)
            with atomic_path(self.path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def add(self, file, error):
        """Note a clip; `save` has to follow."""
        self.errors[file] = error
        self._unsaved.append(json.dumps([file, error]))

    def save(self, arrays):
        """Make sure that the arrays, paths, are on the disk, then write which clips are done."""
        for array in arrays:
            with array.open("rb") as file:
                os.fsync(file.fileno())
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in self._unsaved)
            file.flush()
            os.fsync(file.fileno())
        self._unsaved = []


def write_clip(audio_folder, paths, analysis, clip):
    """Compute a clip and write its rows; return None, or the reason why it could not be read."""
    try:
        recording = read_audio(audio_folder / clip.file)
    except SpectralTranscoderError as error:
        return str(error)
    if len(recording.samples) // recording.sr != clip.n_seconds:
        return (
            f"{audio_folder / clip.file} has {recording.duration_s:.3f} s, its header said {clip.n_seconds}"
        )
    for first_s in range(0, clip.n_seconds, BLOCK_S):
        last_s = min(first_s + BLOCK_S, clip.n_seconds)
        for array, values in analysis.arrays(recording, first_s, last_s).items():
            write_rows(paths[clip.split, array], clip.first_row + first_s, values)
    return None


def write_rows(path, first_row, values):
    """Overwrite rows of a .npy file of float32.

    Plain writes: unlike those to a memory map, they count in no process's memory, and a full disk is an error
    instead of a dead process.
    """
    with path.open("r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(first_row * values[0].nbytes, os.SEEK_CUR)
        file.write(np.ascontiguousarray(values, np.float32).data)


def compact(path, clips):
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


def write_split_csv(path, corpus, kept, skipped):
    """Write a row for each clip of the corpus: file, split, group, chunks, and why it was skipped if it was."""
    chunks = {clip.file: clip.n_seconds for clip in kept}
    reasons = {clip["file"]: clip["reason"] for clip in skipped}
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split", "group", "chunks", "skipped"])
        for clip in corpus.clips:
            writer.writerow(
                [clip.file, clip.split, clip.group, chunks.get(clip.file, 0), reasons.get(clip.file, "")]
            )


def describe_file(path):
    """Return the size in bytes and sha256 of a file, and the shape of an array."""
    description = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    if path.suffix == ".npy":
        description["shape"] = list(np.load(path, mmap_mode="r").shape)
    return description


def sha256(path):
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def publish(folder, name):
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


def refuse_differences(folder, theirs, ours):
    """Raise DatasetError where two nested dicts of settings differ, naming what does."""
    theirs, ours = flatten(theirs), flatten(ours)
    differences = [
        f"{key} is {theirs.get(key)!r} there, {ours.get(key)!r} here"
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key) != ours.get(key)
    ]
    if differences:
        raise DatasetError(
            f"{folder} was made with other settings: {'; '.join(differences)}. "
            "Give another --dataset_name or --output_path, or --force to replace it"
        )


def flatten(settings, prefix=""):
    """Return {dotted key: value} of nested dicts."""
    flat = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def versions():
    """Return the versions of what the values pass through."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def progress_bar(items, total, what, done=0):
    """Return a progress bar over items, `done` of `total` being done before; without a terminal, a calm one."""
    mininterval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(items, what, total, initial=done, mininterval=mininterval)

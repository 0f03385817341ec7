"""Creation of the datasets of experiment 1: streaming, on all cores, resumable, with bounded memory.

    headers ──plan──▶ rows of each clip ──workers──▶ unfinished/*.npy ──names, checksums, manifest──▶ <name>/

The plan fixes beforehand which rows a clip has, so workers write in any order and a creation that was killed
goes on where it stopped, to the same bytes. Nothing takes its final name before all is there; the manifest
comes last.
"""

import contextlib
import itertools
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spectral_transcoder.datasets.chunks import (
    FNAMES,
    UNFINISHED,
    ChunkAnalysis,
    manifest_file,
    provenance,
    read_manifest,
)
from spectral_transcoder.datasets.creation.files import (
    FinishedClips,
    compact,
    describe_file,
    publish,
    write_clip,
    write_split_csv,
    write_variations_csv,
)
from spectral_transcoder.datasets.creation.plan import (
    CreationPlan,
    PlannedClip,
    left_out_file,
    make_plan,
    refuse_empty_splits,
    skipped_clip,
)
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.splits import Corpus
from spectral_transcoder.datasets.variations import Variations
from spectral_transcoder.utils.errors import DatasetError, UsageError
from spectral_transcoder.utils.files import atomic_path, full_disk_reported, sha256
from spectral_transcoder.utils.locks import sole_writer
from spectral_transcoder.utils.parallel import available_cores, in_processes
from spectral_transcoder.utils.progress import progress_bar
from spectral_transcoder.utils.versions import versions_of

DECODED = f"{UNFINISHED}_decoded"  # the folder of what ffmpeg has decoded, inside the dataset's
SAVE_EVERY_S = 1.0  # what a kill may cost
PACKAGES = ("numpy", "torch", "librosa", "soundfile", "soxr", "scikit-learn")  # what the values pass through


def create_dataset(
    corpus: Corpus,
    output_path: str | Path,
    analysis: ChunkAnalysis | None = None,
    jobs: int | None = None,
    force: bool = False,
    variations: Variations | None = None,
) -> dict[str, Any]:
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
    variations : Variations, optional
        What more is made of the recordings of the training split; nothing by default.

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
    with sole_writer(folder), decoded_once(analysis, folder / DECODED) as analysis:
        if (folder / UNFINISHED / manifest_file(corpus.name)).exists():
            publish(folder, corpus.name)
        plan = make_plan(corpus, analysis, variations)
        creation = Creation(corpus, folder, analysis, plan)
        manifest = None if force else creation.finished_manifest()
        if manifest is not None:
            return manifest
        creation.prepare(force)
        creation.analyse(jobs)
        return creation.finish()


@contextlib.contextmanager
def decoded_once(analysis: ChunkAnalysis, folder: Path) -> Iterator[ChunkAnalysis]:
    """Give an analysis that keeps what ffmpeg decodes for its length in a folder until it is analysed."""
    try:
        yield replace(analysis, reading=replace(analysis.reading, decoded_in=folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Creation:
    """One dataset under way, in the folder `unfinished/` of its own folder.

    Parameters
    ----------
    corpus : Corpus
        Clips and splits.
    folder : Path
        The dataset's own folder.
    analysis : ChunkAnalysis
        What is computed.
    plan : CreationPlan
        What this corpus and this analysis ask for.
    """

    def __init__(self, corpus: Corpus, folder: Path, analysis: ChunkAnalysis, plan: CreationPlan) -> None:
        self.corpus, self.folder, self.analysis, self.plan = corpus, folder, analysis, plan
        self.work = folder / UNFINISHED
        self.settings = {"parameters": plan.parameters, "versions": versions_of(PACKAGES)}
        self.settings_path = self.work / "settings.json"
        self.done = FinishedClips(self.work / "finished_clips.jsonl")

    def finished_manifest(self) -> dict[str, Any] | None:
        """Return the manifest of this very dataset where it is there and whole, None where there is no dataset.

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
            return None
        refuse_differences(self.folder, manifest["parameters"], self.plan.parameters)
        for file, expected in progress_bar(manifest["files"].items(), len(manifest["files"]), "verifying"):
            if not (self.folder / file).is_file() or sha256(self.folder / file) != expected["sha256"]:
                raise DatasetError(
                    f"{self.folder / file} is missing or damaged: --force makes the dataset again"
                )
        return manifest

    def prepare(self, force: bool) -> None:
        """Make the empty arrays, unless an interrupted creation with the same settings left them."""
        if self.settings_path.exists():
            settings = json.loads(self.settings_path.read_text(encoding="utf-8"))
            if settings == self.settings:
                self.done.load()
                return
            if not force:
                refuse_differences(self.work, settings, self.settings)
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir()
        self.refuse_small_disk()
        for (split, array), path in self.array_paths().items():
            shape = (self.plan.n_rows(split), *self.analysis.shapes[array])
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        with atomic_path(self.settings_path) as temporary:
            temporary.write_text(json.dumps(self.settings), encoding="utf-8")

    def refuse_small_disk(self) -> None:
        """Raise DatasetError where the arrays do not fit on the disk."""
        chunk_bytes = sum(4 * frames * bands for frames, bands in self.analysis.shapes.values())
        needed = chunk_bytes * sum(clip.n_seconds for clip in self.plan.clips)
        free = shutil.disk_usage(self.work).free
        if needed > free:
            raise DatasetError(
                f"{self.folder} needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free: "
                "choose another --output_path"
            )

    def array_paths(self) -> dict[tuple[str, str], Path]:
        """Return (split, array name) -> path of the unfinished array."""
        return {
            (split, array): self.work / f"{self.corpus.name}_{split}_{array}.npy"
            for split, array in itertools.product(SPLITS, self.analysis.shapes)
        }

    def analyse(self, jobs: int) -> None:
        """Compute the clips that are not done yet, noting each once it is safely on the disk."""
        clips = [clip for clip in self.plan.clips if clip.file not in self.done.errors]
        if not clips:
            return
        paths = self.array_paths()
        task = partial(write_clip, self.corpus.folder, paths, self.analysis)
        computed = in_processes(task, clips, min(jobs, len(clips)))
        results = progress_bar(computed, len(self.plan.clips), "clips", len(self.plan.clips) - len(clips))
        saved = time.monotonic()
        with full_disk_reported(self.folder):
            try:
                for clip, error in results:
                    self.done.add(clip.file, error)
                    if time.monotonic() - saved > SAVE_EVERY_S:
                        self.done.save(paths.values())
                        saved = time.monotonic()
            finally:
                self.done.save(paths.values())

    def finish(self) -> dict[str, Any]:
        """Leave out the clips that could not be read, write names, split and manifest; return the manifest."""
        errors = self.done.errors
        kept = [clip for clip in self.plan.clips if errors[clip.file] is None]
        left_out = [left_out_file(file, reason) for file, reason in self.corpus.left_out.items()]
        skipped = [*self.plan.skipped, *self.unreadable(), *left_out]
        refuse_empty_splits(kept, skipped)
        for (split, _), path in self.array_paths().items():
            compact(path, [clip for clip in kept if clip.split == split])
        for split in SPLITS:
            fnames = [f"{c.file}_{chunk}" for c in kept if c.split == split for chunk in range(c.n_seconds)]
            with atomic_path(self.work / f"{self.corpus.name}_{split}_{FNAMES}.npy") as temporary:
                np.save(temporary, np.array(fnames))
        write_split_csv(self.work / f"{self.corpus.name}_split.csv", self.corpus, kept, skipped)
        if made := [clip for clip in self.plan.clips if clip.made]:
            write_variations_csv(self.work / f"{self.corpus.name}_variations.csv", made, errors)
        manifest = self.manifest(kept, skipped)
        with atomic_path(self.work / manifest_file(self.corpus.name)) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        publish(self.folder, self.corpus.name)
        return manifest

    def unreadable(self) -> list[dict[str, Any]]:
        """Return what could not be read though its header could, each sound once, whatever was made of it."""
        listed: dict[str, dict[str, Any]] = {}
        for clip in self.plan.clips:  # recordings come before what is made of them
            if error := self.done.errors[clip.file]:
                listed.setdefault(
                    error, left_out_file(clip.file, error) if clip.made else skipped_clip(clip, error, True)
                )
        return list(listed.values())

    def manifest(self, kept: Sequence[PlannedClip], skipped: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return what a reader of the dataset has to know; nothing in it depends on when or how fast."""
        counts = {split: count_of([clip for clip in kept if clip.split == split]) for split in SPLITS}
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
            "fingerprint": provenance(self.plan.parameters, files),
        }


def count_of(clips: Sequence[PlannedClip]) -> dict[str, int]:
    """Return how many recordings and chunks a split has, and where sounds were made, how many chunks are theirs."""
    made = sum(clip.n_seconds for clip in clips if clip.made)
    counts = {
        "clips": sum(clip.made is None for clip in clips),
        "chunks": sum(clip.n_seconds for clip in clips),
    }
    return counts | ({"made_chunks": made} if made else {})


def refuse_differences(folder: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
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


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {dotted key: value} of nested dicts."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat

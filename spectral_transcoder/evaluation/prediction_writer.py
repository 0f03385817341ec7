"""Creation of the class outputs of experiment 2: on all cores or a GPU, resumable, with bounded memory.

    batches of files ──workers──▶ levels, Mels ──device──▶ scores ──▶ <clip>_<classifier>_<transcoder>.npy

Workers read; on a CPU they transcode and classify too, on a GPU this process does, several files at once. A
file of outputs is whole or not there, so the same command goes on with what is missing. A manifest for each kind
of outputs says what they were made with, and comes to say "complete" last. Outputs of sounds that have changed since
are made again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

import spectral_transcoder
from spectral_transcoder.datasets.labelled import LabelledCorpus
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import Features, TaggingPipeline, extract_features, predict
from spectral_transcoder.signal.reading import AS_USUAL
from spectral_transcoder.synthetic_city.corpora import is_synthetic
from spectral_transcoder.utils.cli import print_notes
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path, full_disk_reported, sha256
from spectral_transcoder.utils.locks import sole_writer
from spectral_transcoder.utils.parallel import in_processes
from spectral_transcoder.utils.progress import progress_bar

FILES_PER_BATCH = 16
HASHED_BYTES = 1 << 16  # of each end of a sound
Scores: TypeAlias = dict[TaggingPipeline, np.ndarray]  # of one file: (n_labels,) each


@dataclass(frozen=True)
class Batch:
    """Files that are read and classified together.

    Attributes
    ----------
    files : tuple of str
        Names inside the folder of sounds.
    pipelines : tuple of TaggingPipeline
        Whose predictions these files lack.
    """

    files: tuple[str, ...]
    pipelines: tuple[TaggingPipeline, ...]


def create_logits(
    corpus: LabelledCorpus,
    audio_folder: Path,
    root: Path,
    pipelines: Sequence[TaggingPipeline],
    jobs: int = 1,
    device: str = "cpu",
    force: bool = False,
) -> dict[str, str]:
    """Write the class outputs of a corpus, those that are not there yet.

    Parameters
    ----------
    corpus : LabelledCorpus
        The corpus whose clips are classified.
    audio_folder : Path
        The folder of its sounds.
    root : Path
        The folder that holds `<DATASET>-LOGITS/`.
    pipelines : list of TaggingPipeline
        The kinds of outputs that are wanted.
    jobs : int
        Processes that read, and on a CPU compute.
    device : str
        Where transcoders and classifiers compute: cpu or cuda.
    force : bool
        Make everything again.

    Returns
    -------
    dict of str to str
        Why files could not be read.

    Raises
    ------
    DatasetError
        No file could be read, another process is making the same folder, or a worker was killed.
    """
    logits = LogitFolder(corpus.record.name, root)
    logits.folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(logits.folder):
        corpus.save(logits.clips_path)
        sounds = forget_changed_sounds(logits, corpus.files, audio_folder)
        for pipeline in pipelines:
            prepare(logits, pipeline, force)
        batches = missing_batches(logits, corpus.files, pipelines)
        with full_disk_reported(logits.folder):
            unreadable = write_batches(logits, compute(batches, audio_folder, jobs, device))
        if len(unreadable) == len(corpus.files):
            raise DatasetError(f"no clip could be read; the first: {next(iter(unreadable.values()))}")
        os.sync()
        inputs: dict[str, Any] = {
            "clips": sha256(logits.clips_path),
            "sounds": sounds,
            "unreadable": unreadable,
            "synthetic": is_synthetic(audio_folder.parent),
        }
        for pipeline in pipelines:
            finish(logits, pipeline, inputs)
    return unreadable


def forget_changed_sounds(logits: LogitFolder, files: np.ndarray, audio_folder: Path) -> str:
    """Remove all outputs of sounds that are not, or not known to be, those that were classified.

    Returns
    -------
    str
        The sha256 of the provenance of all these sounds, by which results know them.
    """
    with ThreadPoolExecutor() as pool:
        found = pool.map(sound_provenance, (audio_folder / file for file in files))
        sounds = dict(zip(files, found, strict=True))
    known = logits.read_sounds()
    changed = [file for file, provenance in sounds.items() if known.get(file) != provenance]
    for kind in logits.kinds() if changed else []:
        logits.update_manifest(*kind, {"complete": False})
        for file in changed:
            logits.path(file, *kind).unlink(missing_ok=True)
    logits.write_sounds(known | sounds)
    return hashlib.sha256(json.dumps(sorted(sounds.items())).encode()).hexdigest()


def sound_provenance(path: Path) -> str:
    """Return the size of a sound and a hash of its two ends, by which it is known again."""
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(file.read(HASHED_BYTES))
        file.seek(max(0, size - HASHED_BYTES))
        digest.update(file.read(HASHED_BYTES))
    return f"{size}-{digest.hexdigest()[:16]}"


def prepare(logits: LogitFolder, pipeline: TaggingPipeline, force: bool) -> None:
    """Begin or go on with one kind of outputs; what was made with other weights is removed."""
    kind = pipeline.classifier, pipeline.transcoder
    manifest = logits.read_manifest(*kind)
    provenance = provenance_of(pipeline)
    if force or manifest is None or manifest["provenance"] != provenance:
        for path in logits.folder.glob(f"*_{logits.name(*kind)}.npy"):
            path.unlink()
    logits.write_manifest(*kind, {"provenance": provenance, "complete": False})


def provenance_of(pipeline: TaggingPipeline) -> dict[str, Any]:
    """Return what outputs depend on beyond the sounds, as it comes back from JSON."""
    transcoder = pipeline.load_transcoder()
    provenance: dict[str, Any] = {
        "classifier": pipeline.classifier,
        "weights": sha256(pipeline.weights),
        "transcoder": pipeline.transcoder,
        "settings": transcoder and transcoder.settings.to_dict(),
        "model": pipeline.model and sha256(pipeline.model),
    }
    if pipeline.reading != AS_USUAL:
        provenance["reading"] = pipeline.reading.to_dict()
    return json.loads(json.dumps(provenance))


def finish(logits: LogitFolder, pipeline: TaggingPipeline, inputs: dict[str, Any]) -> None:
    """Note that one kind of outputs is complete, from which sounds, and how its transcoder was trained."""
    transcoder = pipeline.load_transcoder()
    changes = {
        "complete": True,
        **inputs,
        "model": pipeline.model and pipeline.model.name,
        "training": transcoder and transcoder.training_record,
        "version": spectral_transcoder.__version__,
    }
    logits.update_manifest(pipeline.classifier, pipeline.transcoder, changes)


def missing_batches(
    logits: LogitFolder, files: np.ndarray, pipelines: Sequence[TaggingPipeline]
) -> list[Batch]:
    """Return the batches of what is not there; files that lack the same kinds of outputs go together."""
    # a power failure may leave names of files that the disk never got
    there = {entry.name for entry in os.scandir(logits.folder) if entry.stat().st_size}
    lacking: dict[tuple[TaggingPipeline, ...], list[str]] = {}
    for file in files:
        missing = tuple(
            pipeline
            for pipeline in pipelines
            if logits.path(file, pipeline.classifier, pipeline.transcoder).name not in there
        )
        if missing:
            lacking.setdefault(missing, []).append(file)
    return [
        Batch(tuple(of_kind[start : start + FILES_PER_BATCH]), missing)
        for missing, of_kind in lacking.items()
        for start in range(0, len(of_kind), FILES_PER_BATCH)
    ]


def compute(
    batches: Sequence[Batch], audio_folder: Path, jobs: int, device: str
) -> Iterator[tuple[Batch, list[Scores | str]]]:
    """Yield (batch, outcomes): of each file its scores by pipeline, or why it could not be read."""
    jobs = min(jobs, max(1, len(batches)))
    progress = partial(progress_bar, total=len(batches), description=f"batches of {FILES_PER_BATCH} files")
    if torch.device(device).type == "cpu":
        yield from progress(in_processes(partial(predict_batch, audio_folder), batches, jobs))
        return
    for batch, outcomes in progress(in_processes(partial(extract_batch, audio_folder), batches, jobs)):
        yield batch, predict_extracted(batch, outcomes, device)


def extract_batch(audio_folder: Path, batch: Batch) -> list[Features | str]:
    """Return the `Features` of each file of a batch, or why it could not be read."""
    outcomes: list[Features | str] = []
    for file in batch.files:
        try:
            features = extract_features(audio_folder / file, batch.pipelines)
        except SpectralTranscoderError as error:
            outcomes.append(str(error))
            continue
        print_notes(features.remarks)
        outcomes.append(features)
    return outcomes


def predict_batch(audio_folder: Path, batch: Batch) -> list[Scores | str]:
    """Return the scores by pipeline of each file of a batch, or why it could not be read."""
    return predict_extracted(batch, extract_batch(audio_folder, batch), "cpu")


def predict_extracted(batch: Batch, outcomes: Sequence[Features | str], device: str) -> list[Scores | str]:
    """Return what `extract_batch` did, with the features of each file replaced by its scores by pipeline."""
    readable = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    predictions = predict(readable, batch.pipelines, device) if readable else {}
    predicted = iter(
        [{pipeline: scores[row] for pipeline, scores in predictions.items()} for row in range(len(readable))]
    )
    return [outcome if isinstance(outcome, str) else next(predicted) for outcome in outcomes]


def write_batches(
    logits: LogitFolder, computed: Iterable[tuple[Batch, list[Scores | str]]]
) -> dict[str, str]:
    """Write the outputs of batches as they come; return why files could not be read."""
    unreadable: dict[str, str] = {}
    for batch, outcomes in computed:
        for file, outcome in zip(batch.files, outcomes, strict=True):
            if isinstance(outcome, str):
                unreadable[file] = outcome
            else:
                write(logits, file, outcome)
    return unreadable


def write(logits: LogitFolder, file: str, scores: Scores) -> None:
    """Write the outputs of one file."""
    for pipeline, values in scores.items():
        path = logits.path(file, pipeline.classifier, pipeline.transcoder)
        with atomic_path(path, flush=False) as temporary:
            np.save(temporary, values)

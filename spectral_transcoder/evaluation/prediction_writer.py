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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

import spectral_transcoder
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import analyse, hear
from spectral_transcoder.synthetic_city.corpora import is_synthetic
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path, full_disk_reported, sha256
from spectral_transcoder.utils.locks import sole_writer
from spectral_transcoder.utils.parallel import in_processes
from spectral_transcoder.utils.progress import progress_bar

FILES_PER_BATCH = 16
MARK_BYTES = 1 << 16  # of each end of a sound


@dataclass(frozen=True)
class Batch:
    """Files that are read and heard together.

    Attributes
    ----------
    files : tuple of str
        Names inside the folder of sounds.
    listeners : tuple of Listener
        Whose outputs these files lack.
    """

    files: tuple
    listeners: tuple


def create_logits(corpus, audio_folder, root, listeners, jobs=1, device="cpu", force=False):
    """Write the class outputs of a corpus, those that are not there yet.

    Parameters
    ----------
    corpus : LabelledCorpus
        Whose clips.
    audio_folder : Path
        Where its sounds lie.
    root : Path
        The folder that holds `<DATASET>-LOGITS/`.
    listeners : list of Listener
        What kinds of outputs.
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
        marks = forget_changed_sounds(logits, corpus.files, Path(audio_folder))
        for listener in listeners:
            prepare(logits, listener, force)
        batches = missing_batches(logits, corpus.files, listeners)
        unreadable = {}
        with full_disk_reported(logits.folder):
            for batch, outcomes in compute(batches, audio_folder, jobs, device):
                for file, outcome in zip(batch.files, outcomes, strict=True):
                    if isinstance(outcome, str):
                        unreadable[file] = outcome
                    else:
                        write(logits, file, outcome)
        if len(unreadable) == len(corpus.files):
            raise DatasetError(f"no clip could be read; the first: {next(iter(unreadable.values()))}")
        os.sync()
        heard = {"clips": sha256(logits.clips_path), "sounds": marks, "unreadable": unreadable}
        heard["synthetic"] = is_synthetic(Path(audio_folder).parent)
        for listener in listeners:
            finish(logits, listener, heard)
    return unreadable


def forget_changed_sounds(logits, files, audio_folder):
    """Remove all outputs of sounds that are not, or not known to be, those that were heard.

    Returns
    -------
    str
        The sha256 of the marks of all these sounds, by which results know them.
    """
    with ThreadPoolExecutor() as pool:
        marks = dict(zip(files, pool.map(mark_of, (audio_folder / file for file in files)), strict=True))
    known = logits.read_marks()
    changed = [file for file, mark in marks.items() if known.get(file) != mark]
    for kind in logits.kinds() if changed else []:
        logits.write_manifest(*kind, logits.read_manifest(*kind) | {"complete": False})
        for file in changed:
            logits.path(file, *kind).unlink(missing_ok=True)
    logits.write_marks(known | marks)
    return hashlib.sha256(json.dumps(sorted(marks.items())).encode()).hexdigest()


def mark_of(path):
    """Return the size of a sound and a hash of its two ends, by which it is known again."""
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(file.read(MARK_BYTES))
        file.seek(max(0, size - MARK_BYTES))
        digest.update(file.read(MARK_BYTES))
    return f"{size}-{digest.hexdigest()[:16]}"


def prepare(logits, listener, force):
    """Begin or go on with one kind of outputs; what was made with other weights is removed."""
    kind = listener.classifier, listener.transcoder
    manifest = logits.read_manifest(*kind)
    origin = origin_of(listener)
    if force or manifest is None or manifest["origin"] != origin:
        for path in logits.folder.glob(f"*_{logits.name(*kind)}.npy"):
            path.unlink()
    logits.write_manifest(*kind, {"origin": origin, "complete": False})


def origin_of(listener):
    """Return what outputs depend on beyond the sounds, as it comes back from JSON."""
    transcoder = listener.load_transcoder()
    origin = {
        "classifier": listener.classifier,
        "weights": sha256(listener.weights),
        "transcoder": listener.transcoder,
        "settings": transcoder and transcoder.settings.to_dict(),
        "model": listener.model and sha256(listener.model),
    }
    return json.loads(json.dumps(origin))


def finish(logits, listener, heard):
    """Say that one kind of outputs is complete, of what, and what a reader of it wants to know."""
    kind = listener.classifier, listener.transcoder
    transcoder = listener.load_transcoder()
    manifest = logits.read_manifest(*kind) | {
        "complete": True,
        **heard,
        "model": listener.model and listener.model.name,
        "training": transcoder and transcoder.training_record,
        "version": spectral_transcoder.__version__,
    }
    logits.write_manifest(*kind, manifest)


def missing_batches(logits, files, listeners):
    """Return the batches of what is not there; files that lack the same kinds of outputs go together."""
    # a power failure may leave names of files that the disk never got
    there = {entry.name for entry in os.scandir(logits.folder) if entry.stat().st_size}
    lacking = {}
    for file in files:
        missing = tuple(
            listener
            for listener in listeners
            if logits.path(file, listener.classifier, listener.transcoder).name not in there
        )
        if missing:
            lacking.setdefault(missing, []).append(file)
    return [
        Batch(tuple(of_kind[start : start + FILES_PER_BATCH]), missing)
        for missing, of_kind in lacking.items()
        for start in range(0, len(of_kind), FILES_PER_BATCH)
    ]


def compute(batches, audio_folder, jobs, device):
    """Yield (batch, outcomes): of each file its scores by listener, or why it could not be read."""
    on_cpu = torch.device(device).type == "cpu"
    task = partial(hear_batch if on_cpu else analyse_batch, Path(audio_folder))
    results = in_processes(task, batches, min(jobs, max(1, len(batches))))
    for batch, outcomes in progress_bar(results, len(batches), f"batches of {FILES_PER_BATCH} files"):
        yield batch, outcomes if on_cpu else hear_analysed(batch, outcomes, device)


def analyse_batch(audio_folder, batch):
    """Return the `Analysis` of each file of a batch, or why it could not be read."""
    outcomes = []
    for file in batch.files:
        try:
            outcomes.append(analyse(audio_folder / file, batch.listeners))
        except SpectralTranscoderError as error:
            outcomes.append(str(error))
    return outcomes


def hear_batch(audio_folder, batch):
    """Return the scores by listener of each file of a batch, or why it could not be read."""
    return hear_analysed(batch, analyse_batch(audio_folder, batch), "cpu")


def hear_analysed(batch, outcomes, device):
    """Return what `analyse_batch` did, with each analysis replaced by its scores by listener."""
    readable = [index for index, outcome in enumerate(outcomes) if not isinstance(outcome, str)]
    if not readable:
        return outcomes
    heard = hear([outcomes[index] for index in readable], batch.listeners, device)
    outcomes = list(outcomes)
    for position, index in enumerate(readable):
        outcomes[index] = {listener: scores[position] for listener, scores in heard.items()}
    return outcomes


def write(logits, file, scores):
    """Write the outputs of one file."""
    for listener, values in scores.items():
        path = logits.path(file, listener.classifier, listener.transcoder)
        with atomic_path(path, flush=False) as temporary:
            np.save(temporary, values)

"""A classifier's scores and embeddings of the true Mels of a dataset, computed once: what teaches, and what is
compared with."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from spectral_transcoder.datasets.chunks import ChunkDataset
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows
from spectral_transcoder.models.classifiers import (
    Classifier,
    ClassifierRecord,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.engines import choose_engine
from spectral_transcoder.utils.arrays import cached_array
from spectral_transcoder.utils.files import atomic_path, sha256
from spectral_transcoder.utils.paths import PRETRAINED_MODELS

CHUNKS_PER_BLOCK = 512


def teacher_scores(
    dataset: ChunkDataset,
    split: str,
    classifier_name: str,
    device: str | torch.device = "cpu",
    models: Path = PRETRAINED_MODELS,
    engine: str = "auto",
) -> np.ndarray:
    """Return a classifier's scores on the true Mels of a split, from its cache where that is valid.

    Parameters
    ----------
    dataset : ChunkDataset
        The dataset whose Mels are classified.
    split : str
        "train", "valid" or "eval".
    classifier_name : str
        The classifier's name; its weights have to be there.
    device : str or torch.device
        The device that computes them.
    models : Path
        The folder of the weights.
    engine : str
        What computes them: auto, torch or onnxruntime.

    Returns
    -------
    np.memmap
        (n_chunks, n_labels) float32 in 0 … 1, from `<dataset>/oracles/<name>_<split>_<classifier>.npy`. The
        file beside it says which data and weights they are of; of others, they are computed anew.
    """
    return _of_chunks(dataset, split, classifier_name, Classifier.scores, "", device, models, engine)


def teacher_embeddings(
    dataset: ChunkDataset,
    split: str,
    classifier_name: str,
    device: str | torch.device = "cpu",
    models: Path = PRETRAINED_MODELS,
    engine: str = "auto",
) -> np.ndarray:
    """Return a classifier's embeddings of the true Mels of a split, from its cache where that is valid.

    The parameters are those of `teacher_scores`, beside which they are kept; (n_chunks, embedding_size) float32.
    """
    return _of_chunks(
        dataset, split, classifier_name, Classifier.embeddings, "_embeddings", device, models, engine
    )


def window_teacher_scores(
    dataset: ChunkDataset,
    windows: ChunkWindows,
    classifier_name: str,
    models: Path = PRETRAINED_MODELS,
    engine: str = "auto",
) -> np.ndarray:
    """Return a classifier's scores on the true Mels of windows of a split, from its cache where that is valid.

    Windows of one second are chunks, whose scores `teacher_scores` keeps; those of longer windows are kept
    beside them. The parameters are those of `teacher_scores`; (n_windows, n_labels) float32 in 0 … 1.
    """
    split, record = windows.split.name, classifier_record(classifier_name)
    if windows.window_s == 1:
        scores = teacher_scores(dataset, split, classifier_name, "cpu", models, engine)
        return np.asarray(scores[windows.chunks[:, 0]])

    def compute(classifier: Classifier) -> np.ndarray:
        return np.concatenate(
            [
                classifier.scores(windows.mels(record.front_end, block), batch_size=8).numpy()
                for block in windows.blocks()
            ]
        )

    name, n_inputs = f"{split}_{classifier_name}_{windows.window_s}s", len(windows) * windows.window_s
    engine = choose_engine(engine, n_inputs)
    return np.array(_cached(dataset, name, record, compute, models, "cpu", engine))


def _of_chunks(
    dataset: ChunkDataset,
    split: str,
    classifier_name: str,
    output: Callable[[Classifier, np.ndarray], np.ndarray],
    suffix: str,
    device: str | torch.device,
    models: Path,
    engine: str,
) -> np.ndarray:
    """Return an output of a classifier for each chunk of a split; the suffix distinguishes its cache from others."""
    record = classifier_record(classifier_name)
    mels = dataset.split(split).mels(record.front_end)
    name = f"{split}_{classifier_name}{suffix}"

    def compute(classifier: Classifier) -> np.ndarray:
        return by_block(partial(output, classifier), mels, f"{classifier_name} on {split}")

    return _cached(dataset, name, record, compute, models, device, choose_engine(engine, len(mels), device))


def _cached(
    dataset: ChunkDataset,
    name: str,
    record: ClassifierRecord,
    compute: Callable[[Classifier], np.ndarray],
    models: Path,
    device: str | torch.device,
    engine: str,
) -> np.ndarray:
    """Return the scores that `compute` gives of a classifier, a memory map; computed once for data and weights."""
    weights = record.require(record.path_in(models))

    def write(path: Path) -> None:
        scores = compute(load_classifier(record.name, weights, device, engine))
        with atomic_path(path) as temporary:
            np.save(temporary, scores)

    path = dataset.folder / "oracles" / f"{dataset.name}_{name}.npy"
    return cached_array(path, {"dataset": dataset.provenance, "weights": sha256(weights)}, write)


def by_block(compute: Callable[[np.ndarray], np.ndarray], mels: np.ndarray, description: str) -> np.ndarray:
    """Return what `compute` gives of Mels (n_chunks, T, n_mels), block by block behind a progress bar."""
    blocks = range(0, len(mels), CHUNKS_PER_BLOCK)
    bar = tqdm(blocks, desc=description, unit="block", leave=False, disable=None)
    return np.concatenate([compute(np.array(mels[start : start + CHUNKS_PER_BLOCK])) for start in bar])

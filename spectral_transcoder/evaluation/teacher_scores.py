"""A classifier's scores and embeddings of the true Mels of a dataset, computed once: what teaches, and what is
compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from spectral_transcoder.datasets.chunks import ChunkDataset
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows
from spectral_transcoder.models.classifiers import Classifier, ClassifierRecord, load_classifier
from spectral_transcoder.models.engines import choose_engine
from spectral_transcoder.utils.arrays import cached_array
from spectral_transcoder.utils.files import atomic_path, sha256
from spectral_transcoder.utils.paths import PRETRAINED_MODELS

CHUNKS_PER_BLOCK = 512


@dataclass(frozen=True)
class Teacher:
    """A classifier whose outputs on true Mels others learn, or are compared with.

    Outputs are memory maps of float32, computed once: `<dataset>/oracles/<name>_<split>_<classifier>.npy`. The file
    beside each says which data and weights it is of; of others, it is computed anew.

    Attributes
    ----------
    record : ClassifierRecord
        The classifier; its weights have to be there.
    models : Path
        The folder of the weights.
    device : str or torch.device
        The device that computes.
    engine : str
        What computes: auto, torch or onnxruntime.
    """

    record: ClassifierRecord
    models: Path = PRETRAINED_MODELS
    device: str | torch.device = "cpu"
    engine: str = "auto"

    def scores(self, dataset: ChunkDataset, split: str) -> np.ndarray:
        """Return the scores of the chunks of a split, train, valid or eval: (n_chunks, n_labels) in 0 … 1."""
        return self._of_chunks(dataset, split, Classifier.scores, "")

    def embeddings(self, dataset: ChunkDataset, split: str) -> np.ndarray:
        """Return the embeddings of the chunks of a split: (n_chunks, embedding_size)."""
        return self._of_chunks(dataset, split, Classifier.embeddings, "_embeddings")

    def window_scores(self, dataset: ChunkDataset, windows: ChunkWindows) -> np.ndarray:
        """Return the scores of windows of a split: (n_windows, n_labels) in 0 … 1.

        Windows of one second are chunks, whose scores are kept already; those of longer windows are kept beside them.
        """
        split = windows.split.name
        if windows.window_s == 1:
            return np.asarray(self.scores(dataset, split)[windows.chunks[:, 0]])

        def compute(classifier: Classifier) -> np.ndarray:
            return np.concatenate(
                [
                    classifier.scores(windows.mels(self.record.front_end, block), batch_size=8).numpy()
                    for block in windows.blocks()
                ]
            )

        name, n_inputs = f"{split}_{self.record.name}_{windows.window_s}s", len(windows) * windows.window_s
        return np.array(self._cached(dataset, name, n_inputs, compute))

    def _of_chunks(
        self,
        dataset: ChunkDataset,
        split: str,
        output: Callable[[Classifier, np.ndarray], np.ndarray],
        suffix: str,
    ) -> np.ndarray:
        """Return an output of each chunk of a split; the suffix distinguishes its cache from others."""
        mels = dataset.split(split).mels(self.record.front_end)

        def compute(classifier: Classifier) -> np.ndarray:
            return by_block(partial(output, classifier), mels, f"{self.record.name} on {split}")

        return self._cached(dataset, f"{split}_{self.record.name}{suffix}", len(mels), compute)

    def _cached(
        self, dataset: ChunkDataset, name: str, n_inputs: int, compute: Callable[[Classifier], np.ndarray]
    ) -> np.ndarray:
        """Return what `compute` gives of the classifier, computed once for data and weights."""
        weights = self.record.require(self.record.path_in(self.models))
        engine = choose_engine(self.engine, n_inputs, self.device)

        def write(path: Path) -> None:
            outputs = compute(load_classifier(self.record.name, weights, self.device, engine))
            with atomic_path(path) as temporary:
                np.save(temporary, outputs)

        path = dataset.folder / "oracles" / f"{dataset.name}_{name}.npy"
        return cached_array(path, {"dataset": dataset.provenance, "weights": sha256(weights)}, write)


def by_block(compute: Callable[[np.ndarray], np.ndarray], mels: np.ndarray, description: str) -> np.ndarray:
    """Return what `compute` gives of Mels (n_chunks, T, n_mels), block by block behind a progress bar."""
    blocks = range(0, len(mels), CHUNKS_PER_BLOCK)
    bar = tqdm(blocks, desc=description, unit="block", leave=False, disable=None)
    return np.concatenate([compute(np.array(mels[start : start + CHUNKS_PER_BLOCK])) for start in bar])

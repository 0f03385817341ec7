"""Training of heads and students on the scores of a frozen classifier (docs/street.md).

A head needs the classifier's embeddings only, so they are computed once, of several noises where the
transcoder has a noise texture, and kept beside the dataset; a training then takes a minute on a laptop.
"""

import hashlib
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from spectral_transcoder.datasets.chunks import ChunkDataset
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows, join_seconds
from spectral_transcoder.models.adaptation import AdaptationHead
from spectral_transcoder.models.classifiers import Classifier
from spectral_transcoder.models.student import StudentNetwork
from spectral_transcoder.models.transcoders import TEXTURES, Transcoder
from spectral_transcoder.training.losses import Chunks
from spectral_transcoder.utils.arrays import cached_array
from spectral_transcoder.utils.files import atomic_path

FOLDER = "embeddings"
LEVEL_NOISE_DB, GAIN_NOISE_DB = 0.5, 2.0  # of a student's training levels: of each value, and of each window


class HeadOnRows(nn.Module):
    """An adaptation head whose two inputs come as one row: [B, embedding_size + n_labels] to logits [B, n_labels]."""

    def __init__(self, head: AdaptationHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return adapted logits [B, n_labels] of embeddings and logits side by side."""
        embedding, logits = rows.split([len(self.head.mean), len(self.head.bias)], dim=1)
        return self.head(embedding, logits)


class StudentOnLevels(nn.Module):
    """A student in training: levels [B, T, 29] to logits, a little noise added so that it learns no digits."""

    def __init__(self, network: StudentNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of third-octave levels in dB [B, T, n_bands]."""
        if self.training:
            gain_db = GAIN_NOISE_DB * torch.randn(len(levels_db), 1, 1, device=levels_db.device)
            levels_db = levels_db + gain_db + LEVEL_NOISE_DB * torch.randn_like(levels_db)
        return self.network.logits(levels_db)


def label_loss(logits: torch.Tensor, chunks: Chunks, prop_first: float = 0.0) -> torch.Tensor:
    """Return the loss of a head or a student: the mean over windows, weighted where they have weights.

    Parameters
    ----------
    logits : torch.Tensor
        (B, n_labels).
    chunks : Chunks
        With the classifier's scores: the binary cross-entropy between logits and these is summed over labels.
    prop_first : float
        Weight of the cross-entropy that softmax(logits) has with the classifier's first label, its highest score:
        labels that sound alike then compete, where each for itself would stay in between.
    """
    scores = chunks.teacher_scores
    loss = nn.functional.binary_cross_entropy_with_logits(logits, scores, reduction="none").sum(1)
    if prop_first:
        loss = loss + prop_first * nn.functional.cross_entropy(logits, scores.argmax(1), reduction="none")
    return loss.mean() if chunks.weights is None else (chunks.weights * loss).mean()


def label_weights(scores: torch.Tensor, balance: float) -> torch.Tensor | None:
    """Return weights by which rare first labels count as much as common ones, or nearly: (n,), 1 on average.

    Parameters
    ----------
    scores : torch.Tensor
        (n, n_labels) the classifier's, whose highest is the first label.
    balance : float
        Power of a label's share that its windows' weights are divided by: 0 is None, all alike; with 1 all first
        labels count the same, however often they occur.
    """
    if not balance:
        return None
    first = scores.argmax(1)
    weights = torch.bincount(first)[first].float() ** -balance
    return weights / weights.mean()


def head_chunks(embeddings: np.ndarray, scores: np.ndarray, classifier: Classifier) -> Chunks:
    """Return what a head is trained on: rows of embeddings and logits, one for each noise and window.

    Parameters
    ----------
    embeddings : np.ndarray
        (n_noises, n_windows, embedding_size) float32.
    scores : np.ndarray
        (n_windows, n_labels) the classifier's scores on the true Mels.
    classifier : Classifier
        What turns embeddings into logits.
    """
    rows = torch.from_numpy(np.array(embeddings)).flatten(0, 1)
    with torch.no_grad():
        logits = torch.cat([classifier.head(part) for part in rows.split(1024)])
    repeated = torch.from_numpy(np.array(scores)).repeat(len(embeddings), 1)
    return Chunks(torch.cat([rows, logits], dim=1), scores=repeated)


def cached_embeddings(
    dataset: ChunkDataset,
    windows: ChunkWindows,
    transcoder: Transcoder,
    classifier: Classifier,
    n_noises: int,
    weights_sha256: str,
) -> np.ndarray:
    """Return a classifier's embeddings of windows through a transcoder, from the cache where that is valid.

    Parameters
    ----------
    dataset : ChunkDataset
        Beside whose arrays they are kept, in the folder `embeddings`.
    windows : ChunkWindows
        The windows of one of its splits.
    transcoder : Transcoder
        What makes the Mels.
    classifier : Classifier
        What makes embeddings of them.
    n_noises : int
        How many times, each with other noise, where the transcoder has a noise texture; else once.
    weights_sha256 : str
        Checksum of the classifier's weights: embeddings of others, or through a transcoder of other weights, are
        not taken from the cache.

    Returns
    -------
    np.ndarray
        (n_noises, n_windows, embedding_size) float32, a memory map.
    """
    n_noises = n_noises if transcoder.settings.network in TEXTURES else 1
    network, window_s = transcoder.settings.network, windows.window_s
    name = f"{dataset.name}_{windows.split.name}_{classifier.record.name}_{network}_{window_s}s_{n_noises}"
    provenance = {
        "dataset": dataset.provenance,
        "weights": weights_sha256,
        "transcoder": asdict(transcoder.settings),
        "transcoder_weights": weights_digest(transcoder.network),
    }
    write = partial(
        write_embeddings, windows=windows, transcoder=transcoder, classifier=classifier, n_noises=n_noises
    )
    return cached_array(dataset.folder / FOLDER / f"{name}.npy", provenance, write)


def weights_digest(network: nn.Module) -> str:
    """Return the sha256 of a network's weights and buffers, by their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


@torch.no_grad()
def write_embeddings(
    path: Path, windows: ChunkWindows, transcoder: Transcoder, classifier: Classifier, n_noises: int
) -> None:
    """Compute embeddings of windows, each time with other noise, and write them to a file."""
    found: list[np.ndarray] = []
    generator = torch.Generator().manual_seed(0)
    with tqdm(total=n_noises * len(windows), desc="embeddings", leave=False, disable=None) as bar:
        for _ in range(n_noises):
            parts = []
            for block in windows.blocks():
                positions = torch.randint(2**31, windows.chunks[block].shape, generator=generator)
                parts.append(embeddings_of(windows.levels(block), positions, transcoder, classifier))
                bar.update(len(parts[-1]))
            found.append(np.concatenate(parts))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack(found))


@torch.no_grad()
def embeddings_of(
    levels_db: torch.Tensor, positions: torch.Tensor, transcoder: Transcoder, classifier: Classifier
) -> np.ndarray:
    """Return embeddings (n, embedding_size) of windows of levels [n, S, frames, bands] at positions [n, S]."""
    device = next(classifier.parameters()).device
    mels = transcoder.transcode_seconds(levels_db.flatten(0, 1), positions=positions.flatten())
    joined = join_seconds(mels.unflatten(0, positions.shape), transcoder.front_end)
    return torch.cat([classifier.embedding(part.to(device)).cpu() for part in joined.split(16)]).numpy()

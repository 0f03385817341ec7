"""Windows over the one-second chunks of a dataset's split: what classifiers of whole spectrograms are trained on.

chunks of a clip  0 1 2 3 4 5 6 7 8 9  ──3 s every 2 s──▶  [0 1 2] [2 3 4] [4 5 6] [6 7 8]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from spectral_transcoder.datasets.chunks import DatasetSplit
from spectral_transcoder.evaluation.transcoding_metrics import Clips
from spectral_transcoder.evaluation.window_scores import WindowLength
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd

WINDOWS_PER_BLOCK = 128


@dataclass(frozen=True)
class ChunkWindows:
    """The windows of a split, each some consecutive chunks of one clip.

    Attributes
    ----------
    split : DatasetSplit
        The split whose chunks make the windows.
    chunks : np.ndarray
        (n_windows, window_s) indices of chunks. A clip shorter than a window is repeated.
    positions : np.ndarray
        (n_windows, window_s) the number of each chunk within its clip.
    fnames : np.ndarray
        (n_windows,) `<file>_<first chunk>` of each window.
    """

    split: DatasetSplit
    chunks: np.ndarray
    positions: np.ndarray
    fnames: np.ndarray

    @classmethod
    def of(cls, split: DatasetSplit, length: WindowLength) -> "ChunkWindows":
        """Cut the chunks of each clip into windows of a length."""
        clips = Clips.from_fnames(split.fnames)
        chunks, positions = [], []
        for clip in range(len(clips.names)):
            own = np.flatnonzero(clips.of_chunk == clip)
            for start in length.starts(len(own)):
                inside = (start + np.arange(length.window_s)) % len(own)
                positions.append(inside)
                chunks.append(own[inside])
        indices = np.stack(chunks)
        return cls(split, indices, np.stack(positions), np.asarray(split.fnames)[indices[:, 0]])

    def __len__(self) -> int:
        return len(self.chunks)

    @property
    def window_s(self) -> int:
        """Duration of a window in seconds."""
        return self.chunks.shape[1]

    def blocks(self) -> Iterator[slice]:
        """Give slices that cover the windows, some hundred each."""
        for start in range(0, len(self), WINDOWS_PER_BLOCK):
            yield slice(start, min(start + WINDOWS_PER_BLOCK, len(self)))

    def levels(self, block: slice = slice(None)) -> torch.Tensor:
        """Return third-octave levels in dB of windows: [n, window_s, frames, bands]."""
        return torch.from_numpy(np.asarray(self.split.third_octaves[self.chunks[block]]))

    def frames(self, block: slice = slice(None)) -> torch.Tensor:
        """Return third-octave levels in dB of windows, their seconds joined: [n, window_s · frames, bands]."""
        return self.levels(block).flatten(1, 2)

    def mels(self, front_end: MelFrontEnd, block: slice) -> torch.Tensor:
        """Return true log Mels of windows, their seconds joined: [n, T, n_mels]."""
        return join_seconds(
            torch.from_numpy(np.asarray(self.split.mels(front_end)[self.chunks[block]])), front_end
        )


def scores_by_window(scores: np.ndarray, scored: ChunkWindows, wanted: ChunkWindows) -> np.ndarray:
    """Return for each of some windows the mean of the scores of other windows of the same clips that share a chunk.

    What shares none, at the end of a clip, has the scores of the last window before it.

    Parameters
    ----------
    scores : np.ndarray
        (n_scored, n_labels), of the windows `scored`.
    scored, wanted : ChunkWindows
        Windows of one split.

    Returns
    -------
    np.ndarray
        (n_wanted, n_labels) float32.
    """
    total = np.zeros((len(scored.split), scores.shape[1]), dtype=np.float32)
    count = np.zeros((len(scored.split), 1), dtype=np.float32)
    for column in scored.chunks.T:
        np.add.at(total, column, scores)
        np.add.at(count, column, 1)
    for chunk in np.flatnonzero(count[:, 0] == 0):  # a clip's first chunks are always in a window
        total[chunk], count[chunk] = total[chunk - 1], count[chunk - 1]
    return (total / count)[wanted.chunks].mean(axis=1)


def join_seconds(mels: torch.Tensor, front_end: MelFrontEnd) -> torch.Tensor:
    """Join Mels of seconds [n, S, T, n_mels] to those of windows [n, S · frames_per_second, n_mels].

    One second keeps all its frames: the frame that ends a second is the first of the next one.
    """
    return mels[:, 0] if mels.shape[1] == 1 else mels[:, :, : front_end.frames_per_second].flatten(1, 2)

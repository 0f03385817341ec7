"""The plan of a dataset: which rows of which array each clip has, fixed before anything is computed."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.splits import Clip, Corpus
from spectral_transcoder.signal.audio import open_sound
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError
from spectral_transcoder.utils.progress import progress_bar


@dataclass(frozen=True)
class PlannedClip:
    """A clip with at least one whole second, and the rows that it has in its split's arrays.

    Attributes
    ----------
    file, split : str
        The clip's name and split, see `splits.Clip`.
    first_row, n_seconds : int
        Its rows, one for each whole second.
    """

    file: str
    split: str
    first_row: int
    n_seconds: int


@dataclass(frozen=True)
class CreationPlan:
    """What a creation will do.

    Attributes
    ----------
    clips : tuple of PlannedClip
        The clips that are computed, in the corpus's order.
    skipped : tuple of dict
        Clips left out: file, split, reason, and whether that is a failure (`unreadable`).
    parameters : dict
        Parameters of corpus and analysis, with a checksum of the list of clips and their lengths.
    """

    clips: tuple[PlannedClip, ...]
    skipped: tuple[dict[str, Any], ...]
    parameters: dict[str, Any]

    def n_rows(self, split: str) -> int:
        """Rows of a split's arrays."""
        return sum(clip.n_seconds for clip in self.clips if clip.split == split)


def make_plan(corpus: Corpus, analysis: ChunkAnalysis) -> CreationPlan:
    """Read the header of each clip and return the `CreationPlan`.

    Raises
    ------
    DatasetError
        A split has no clip with a whole second that can be read.
    """
    with ThreadPoolExecutor() as pool:
        paths = (corpus.folder / clip.file for clip in corpus.clips)
        read = partial(read_header, reading=analysis.reading)
        headers = list(progress_bar(pool.map(read, paths), len(corpus.clips), "headers"))
    planned: list[PlannedClip] = []
    skipped: list[dict[str, Any]] = []
    rows: Counter[str] = Counter()
    digest = hashlib.sha256()
    for clip, (n_samples, sr, error) in zip(corpus.clips, headers, strict=True):
        length = [n_samples, sr] if error is None else [None, None]
        digest.update(json.dumps([clip.file, clip.split, *length]).encode())
        if error is not None or n_samples < sr:
            reason = error or f"{n_samples / sr:.3f} s: shorter than a second"
            skipped.append(skipped_clip(clip, reason, unreadable=error is not None))
            continue
        planned.append(PlannedClip(clip.file, clip.split, rows[clip.split], n_samples // sr))
        rows[clip.split] += planned[-1].n_seconds
    refuse_empty_splits(planned, skipped)
    parameters = {**corpus.parameters, **analysis.parameters, "clips_sha256": digest.hexdigest()}
    return CreationPlan(tuple(planned), tuple(skipped), parameters)


def read_header(path: Path, reading: Reading = AS_USUAL) -> tuple[int, int, str | None]:
    """Return (number of samples, rate in Hz, None), or (0, 0, reason) of a file that cannot be read."""
    try:
        with open_sound(path, reading.accept_truncated) as sound:
            return sound.frames, sound.samplerate, None
    except SpectralTranscoderError as error:
        return 0, 0, str(error)


def skipped_clip(clip: Clip | PlannedClip, reason: str, unreadable: bool) -> dict[str, Any]:
    """Return how the manifest tells of a clip that is left out."""
    return {"file": clip.file, "split": clip.split, "reason": reason, "unreadable": unreadable}


def left_out_file(file: str, reason: str) -> dict[str, Any]:
    """Return how the manifest lists a sound that no clip was made of: it is in no split."""
    return {"file": file, "split": None, "reason": reason, "unreadable": True}


def refuse_empty_splits(clips: Sequence[PlannedClip], skipped: Sequence[dict[str, Any]]) -> None:
    """Raise DatasetError where a split has no clip left, giving the first reason."""
    for split in SPLITS:
        if not any(clip.split == split for clip in clips):
            reasons = [clip["reason"] for clip in skipped if clip["split"] == split]
            raise DatasetError(
                f"the split {split} has no clip with a whole second that can be read, "
                f"{len(reasons)} were skipped; the first: {reasons[0]}"
            )

"""Scores of the windows of one recording, from its sound or from its third-octave levels.

sound ──true Mels, or levels ──transcoder──▶ Mels by the second──▶ windows ──classifier──▶ [n, n_labels]
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from spectral_transcoder.evaluation.presence import class_scores
from spectral_transcoder.evaluation.tagging import TaggingPipeline, extract_features
from spectral_transcoder.models.classifiers import ClassifierRecord, classifier_record
from spectral_transcoder.models.labels import Grouping
from spectral_transcoder.models.transcoders import Transcoder
from spectral_transcoder.signal.level_series import normalising_offset_db, resample_levels
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.words import counted

SPECTROGRAM_WINDOW_S = 3  # of classifiers that take whole spectrograms; those of patches take one second


@dataclass(frozen=True)
class WindowLength:
    """How long windows are, in whole seconds.

    Attributes
    ----------
    window_s : int
        Duration of a window.
    """

    window_s: int

    @property
    def hop_s(self) -> int:
        """From one window to the next: two thirds of it, rounded up, so 3 s every 2 s and 1 s every second."""
        return math.ceil(2 * self.window_s / 3)

    @classmethod
    def of(cls, record: ClassifierRecord) -> "WindowLength":
        """Return a classifier's own: the second of its patches, or 3 s of a spectrogram."""
        return cls(1 if record.front_end.patches else SPECTROGRAM_WINDOW_S)

    def starts(self, n_seconds: int) -> range:
        """Return the second at which each whole window begins; a recording shorter than one window has one."""
        return range(0, max(1, n_seconds - self.window_s + 1), self.hop_s)


def sound_window_scores(
    pipeline: TaggingPipeline, path: Path, length: WindowLength, remarks: list[str] | None = None
) -> np.ndarray:
    """Return the label scores of the windows of a sound file: (n_windows, n_labels) in 0 … 1.

    The file is peak-normalised. True Mels are those of the whole file, cut; transcoded ones are made second by
    second. `remarks` gets what a user should know of the file: that it was cut off, or that its channels cancel.

    Raises
    ------
    AudioError, MissingFileError
        It cannot be read.
    """
    features = extract_features(path, [pipeline])
    if remarks is not None:
        remarks += features.remarks
    transcoder = pipeline.load_transcoder()
    if transcoder is None:
        return _true_window_scores(pipeline, features.mels[pipeline.front_end.name], length)
    levels_db, n_samples = features.levels[transcoder.third_octaves]
    n_seconds = max(1, n_samples // transcoder.third_octaves.sr)
    return _transcoded_window_scores(pipeline, transcoder, levels_db[:n_seconds], length)


def level_window_scores(
    pipeline: TaggingPipeline,
    levels_db: np.ndarray,
    period_s: float,
    length: WindowLength,
    offset_db: float | None = None,
) -> np.ndarray:
    """Return the label scores of the windows of one recording's levels: (n_windows, n_labels) in 0 … 1.

    Parameters
    ----------
    pipeline : TaggingPipeline
        A classifier with a transcoder.
    levels_db : np.ndarray
        (frames, 29) in dB, without gaps.
    period_s : float
        From one frame to the next; other periods than the transcoder's are resampled in energy.
    length : WindowLength
        How long windows are.
    offset_db : float, optional
        Added to reach dB re full scale; by default levels are brought to where those of peak-normalised
        recordings are.

    Raises
    ------
    UsageError
        True Mels, which levels do not have; other bands than the transcoder's; less than a second of levels.
    """
    transcoder = pipeline.load_transcoder()
    if transcoder is None:
        raise UsageError("levels have no true Mels: choose a transcoder")
    record = transcoder.third_octaves
    if levels_db.shape[1] != record.n_bands:
        raise UsageError(f"levels of {levels_db.shape[1]} bands: the transcoder expects {record.n_bands}")
    levels_db = resample_levels(levels_db, period_s, record.period_s)
    offset_db = normalising_offset_db(levels_db) if offset_db is None else offset_db
    n_seconds = len(levels_db) // record.frames_per_second
    if n_seconds == 0:
        raise UsageError(f"{counted(len(levels_db), 'frame')} of levels: expected a second or more")
    seconds = levels_db[: n_seconds * record.frames_per_second] + offset_db + record.offset_db
    seconds = seconds.reshape(n_seconds, record.frames_per_second, record.n_bands).astype(np.float32)
    return _transcoded_window_scores(pipeline, transcoder, seconds, length)


def recording_class_scores(scores: np.ndarray, labels: tuple[str, ...], grouping: Grouping) -> np.ndarray:
    """Return the scores of a recording's classes: the mean over its windows of each class's highest label.

    (n_windows, n_labels) -> (K,) in 0 … 1, in the order of the grouping's classes (docs/method.md, section 13).
    """
    return class_scores(scores, labels, grouping)[1].mean(axis=0)


def _true_window_scores(pipeline: TaggingPipeline, mels: np.ndarray, length: WindowLength) -> np.ndarray:
    """Return the scores of windows of true Mels, patches (n, T, M) or one spectrogram (1, T, M)."""
    front_end, classifier = pipeline.front_end, pipeline.load_classifier()
    if front_end.patches:
        return _mean_of_seconds(classifier.scores(mels), length)
    n_frames = front_end.frames_per_second * length.window_s
    starts = length.starts(mels.shape[1] // front_end.frames_per_second)
    windows = [mels[0, second * front_end.frames_per_second :][: n_frames + 1] for second in starts]
    same = min(len(window) for window in windows)  # a centred transform has one frame more than hops
    return classifier.scores(np.stack([window[:same] for window in windows]), batch_size=8)


@torch.no_grad()
def _transcoded_window_scores(
    pipeline: TaggingPipeline, transcoder: Transcoder, levels_db: np.ndarray, length: WindowLength
) -> np.ndarray:
    """Return the scores of windows of levels (S, frames, bands), second by second."""
    classifier, sr = pipeline.load_classifier(), transcoder.third_octaves.sr
    mels = transcoder.transcode_seconds(torch.from_numpy(levels_db))
    if pipeline.front_end.patches:
        return _mean_of_seconds(classifier.scores(mels).numpy(), length)
    windows = [mels[start : start + length.window_s] for start in length.starts(len(mels))]
    joined = torch.stack([transcoder.join(window, len(window) * sr) for window in windows])
    return classifier.scores(joined, batch_size=8).numpy()


def _mean_of_seconds(scores: np.ndarray, length: WindowLength) -> np.ndarray:
    """Return the mean scores of each window's seconds: (S, n_labels) -> (n_windows, n_labels)."""
    starts = length.starts(len(scores))
    return np.stack([scores[start : start + length.window_s].mean(axis=0) for start in starts])


def window_length(classifier: str, window_s: int | None = None) -> WindowLength:
    """Return windows of `window_s` seconds, or of the classifier's own length."""
    return WindowLength(window_s) if window_s else WindowLength.of(classifier_record(classifier))

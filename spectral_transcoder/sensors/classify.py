"""Class scores and presence of windows of sensor levels."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectral_transcoder.evaluation.presence import Presence, find_presence
from spectral_transcoder.evaluation.presence_probability import PresenceCalibration
from spectral_transcoder.evaluation.window_scores import WindowLength
from spectral_transcoder.models.classifiers import LONGEST_FRAMES, Classifier
from spectral_transcoder.models.labels import group_indices, read_grouping
from spectral_transcoder.models.transcoders import SHORTEST_TAIL_S, Transcoder
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import (
    FRAME_S,
    SECOND_OCTAVES,
    THIRD_OCTAVES,
    LevelBlock,
    record_of_frames,
)
from spectral_transcoder.sensors.models import choose_models
from spectral_transcoder.sensors.windows import WindowBatch, Windowing, window_batches
from spectral_transcoder.utils.errors import UsageError

BATCH_SECONDS = 16
JOINED_BATCHES = 8  # of windows, whose spectrograms are made together
RANKS = ("first", "second", "third")  # of the labels that rows name: columns such as first_score
TVB = "tvb"  # traffic, voices and birds are always reported


@dataclass(frozen=True)
class ScoredWindows:
    """Windows with the scores of their labels and the presence of sources.

    Attributes
    ----------
    windows : WindowBatch
        n windows: times, durations, levels.
    labels : tuple of str
        The classifier's.
    scores : np.ndarray
        (n, n_labels) in 0 … 1.
    presence : Presence
        Presence of all groupings' classes, (n, K).
    probability : dict of str to np.ndarray
        (n,) in 0 … 1 by class, of those that are calibrated.
    """

    windows: WindowBatch
    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    presence: Presence
    probability: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def utc(self) -> NDArray[np.datetime64]:
        """When each window begins: (n,) datetime64 in milliseconds, UTC."""
        return np.round(self.windows.epoch_s * 1000).astype("datetime64[ms]")

    def top(self, n_labels: int = 3) -> NDArray[np.int64]:
        """Return the indices of each window's highest labels, the highest first: (n, n_labels)."""
        return np.argsort(-self.scores, axis=1, kind="stable")[:, :n_labels]


class SensorClassifier:
    """A transcoder and a classifier for the levels of a sensor.

    Parameters
    ----------
    transcoder : Transcoder
        For third octaves every 125 ms, `ThirdOctaves()`, or every second, `SECOND_OCTAVES`, and the classifier's
        Mels.
    classifier : Classifier
        What scores the labels.
    groupings : sequence of str
        Further classes whose presence is reported: sonyc_ust, urbansound8k, or paths of YAML files
        {class: [labels]}.
    batch_size : int
        Seconds transcoded together.
    calibration : PresenceCalibration, optional
        What scores mean as probabilities, for the windows that are to be classified.

    Raises
    ------
    UsageError
        Other Mels or other third octaves than the two share, or a grouping that cannot be used.
    """

    def __init__(
        self,
        transcoder: Transcoder,
        classifier: Classifier,
        groupings: Sequence[str | Path] = (),
        batch_size: int = BATCH_SECONDS,
        calibration: PresenceCalibration | None = None,
    ) -> None:
        self.calibration = calibration
        self.transcoder, self.teacher, self.batch_size = transcoder, classifier, batch_size
        check_record(transcoder)
        self.classifier = transcoder.classifier_behind(classifier)
        self.groupings = [
            read_grouping(Path(name), self.labels) if Path(name).suffix in (".yaml", ".yml") else str(name)
            for name in dict.fromkeys([TVB, *groupings])
        ]
        self.classes = [
            target for grouping in self.groupings for target in group_indices(grouping, self.labels)
        ]
        twice = {target for target in self.classes if self.classes.count(target) > 1}
        if twice:
            raise UsageError(f"several groupings have a class {', '.join(sorted(twice))}: rename one")
        if taken := [target for target in self.classes if target in RANKS]:
            raise UsageError(
                f"a class {taken[0]}: {taken[0]}_score is a column of the first labels; rename it"
            )

    @classmethod
    def load(
        cls,
        classifier: str | None = None,
        transcoder: str | None = None,
        weights: Path | None = None,
        device: str = "cpu",
        frame_s: float = FRAME_S,
        **options: Any,
    ) -> Self:
        """Load by name what `models.choose_models` finds.

        Parameters
        ----------
        classifier : str, optional
            A classifier's name; the best that is here by default.
        transcoder : str, optional
            One of `models.names.TRANSCODER_NAMES` or a path; the best for the classifier by default.
        weights : Path, optional
            The classifier's file, where it is not in `pretrained_models/`.
        device : str
            cpu or cuda.
        frame_s : float
            Seconds from one level to the next: 0.125 or 1.
        **options
            As the constructor takes them.
        """
        found, loaded, _ = choose_models(
            classifier, transcoder, weights, device, third_octaves=record_of_frames(frame_s)
        )
        return cls(found, loaded, **options)

    @property
    def frames_per_second(self) -> int:
        """Frames of a second that the transcoder takes: 8 or 1."""
        return self.transcoder.third_octaves.frames_per_second

    @property
    def own_window(self) -> WindowLength:
        """The windows that suit the classifier: one second, or 3 s every 2 s for those of spectrograms."""
        return WindowLength.of(self.teacher.record)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the scored labels."""
        return self.classifier.record.labels

    def classify(
        self,
        blocks: Iterable[LevelBlock],
        offset_db: float = 0.0,
        window_s: int = 1,
        hop_s: int | None = None,
        findings: Findings | None = None,
    ) -> Iterator[ScoredWindows]:
        """Classify blocks of levels, in constant memory.

        Parameters
        ----------
        blocks : iterable of LevelBlock
            As `read_levels` gives them.
        offset_db : float
            Added to the sensor's levels to reach dB re full scale, -88 for instance.
        window_s, hop_s : int
            Duration of a window and from one to the next, in seconds.
        findings : Findings, optional
            Where gaps and levels that cannot be are reported.

        Yields
        ------
        ScoredWindows
            Some thousand at a time.
        """
        windowing = Windowing(window_s, hop_s or window_s, offset_db, self.frames_per_second)
        for batch in window_batches(blocks, windowing, Findings() if findings is None else findings):
            yield self.score(batch)

    def score(self, batch: WindowBatch) -> ScoredWindows:
        """Return the scores of a batch of windows.

        YamNet: the mean over the window's seconds, of which a last one counts from half a second on. PANN:
        the window's seconds are joined and classified as one spectrogram.
        """
        levels = torch.from_numpy(batch.seconds_db) + self.transcoder.third_octaves.offset_db
        mels = self.transcoder.transcode_seconds(levels, self.batch_size, second_numbers(batch))
        scores = self._mean_of_patches(batch, mels) if self._patches else self._joined(batch, mels)
        found = [find_presence(scores, self.labels, grouping) for grouping in self.groupings]
        presence = Presence(
            tuple(self.classes),
            np.concatenate([part.scores for part in found], axis=1),
            np.concatenate([part.present for part in found], axis=1),
        )
        probability = (
            self.calibration.probability(presence.scores, presence.classes) if self.calibration else {}
        )
        return ScoredWindows(batch, self.labels, scores, presence, probability)

    @property
    def _patches(self) -> bool:
        return self.transcoder.front_end.patches

    def _mean_of_patches(self, batch: WindowBatch, mels: torch.Tensor) -> NDArray[np.float32]:
        """Return the mean scores of each window's seconds: (n, n_labels)."""
        tail = batch.n_frames - (batch.n_seconds - 1) * self.frames_per_second
        short = (tail < SHORTEST_TAIL_S * self.frames_per_second) & (batch.n_seconds > 1)
        counted = batch.n_seconds - short
        scores = self.classifier.scores(mels, self.batch_size).numpy()
        kept = dataclasses.replace(batch, n_seconds=counted)
        return np.asarray(kept.sum_seconds(scores) / counted[:, None], dtype=np.float32)

    def _joined(self, batch: WindowBatch, mels: torch.Tensor) -> NDArray[np.float32]:
        """Return the scores of each window's seconds joined to one spectrogram: (n, n_labels)."""
        scores = np.empty((len(batch), len(self.labels)), np.float32)
        for n_frames in np.unique(batch.n_frames):
            same = np.flatnonzero(batch.n_frames == n_frames)
            batch_size = max(1, self.batch_size // int(batch.n_seconds[same[0]]))
            for start in range(0, len(same), JOINED_BATCHES * batch_size):
                rows = same[start : start + JOINED_BATCHES * batch_size]
                seconds = batch.first_second[rows, None] + np.arange(batch.n_seconds[same[0]])
                n_samples = int(n_frames) * self.transcoder.third_octaves.hop_length
                joined = self.transcoder.join(mels[seconds], n_samples)
                if joined.shape[1] > LONGEST_FRAMES:
                    scores[rows] = [self.classifier.recording_scores(own[None]).numpy() for own in joined]
                else:
                    scores[rows] = self.classifier.scores(joined, batch_size)
        return scores


def second_numbers(batch: WindowBatch) -> torch.Tensor:
    """Return the number of each second of a batch, [S]: whole seconds since 1970, wherever batches are cut.

    A second of several windows has the number that it has in the first of them.
    """
    numbers = np.zeros(len(batch.seconds_db), dtype=np.int64)
    for first, n_seconds, epoch_s in reversed(
        list(zip(batch.first_second, batch.n_seconds, batch.epoch_s, strict=True))
    ):
        numbers[first : first + n_seconds] = round(epoch_s) + np.arange(n_seconds)
    return torch.from_numpy(numbers)


def check_record(transcoder: Transcoder) -> None:
    """Raise UsageError for a transcoder of other third octaves than sensors have."""
    theirs = transcoder.third_octaves
    known = [
        (record.n_bands, record.lowest_band, record.frames_per_second)
        for record in (THIRD_OCTAVES, SECOND_OCTAVES)
    ]
    if (theirs.n_bands, theirs.lowest_band, theirs.frames_per_second) not in known:
        raise UsageError(
            f"the transcoder takes {theirs}: sensor levels are {THIRD_OCTAVES} or {SECOND_OCTAVES}"
        )

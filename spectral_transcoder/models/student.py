"""Students: third-octave levels straight to a classifier's scores, without Mels between them (docs/street.md).

    levels [B, T, 29] ──3 convolutions, bands halved by each──▶ [B, C, T, 4] ──mean, max over T──▶
           ──linear──▶ embedding [B, hidden] ──linear──▶ logits [B, n_labels]

The smallest thing that a sensor can run: deterministic, a few megabytes, no noise and no Fourier transform.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spectral_transcoder.models.checkpoints import (
    ModelSettings,
    checkpoint_parts,
    load_state,
    save_checkpoint,
)
from spectral_transcoder.models.classifiers import Classifier, ClassifierRecord, classifier_record
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

NB_CHANNELS, HIDDEN = 32, 512
DROPOUT = 0.3
STD_MARGIN_DB = 3.0  # added to standard deviations: bands that are nearly always silent are not blown up
LEAST_SCORE = 1e-6
QUIETEST_DB = -70.0  # digital silence, 100 dB below, is no more than quiet


class StudentNetwork(nn.Module):
    """The network of a student.

    Parameters
    ----------
    n_bands, n_labels : int
        Sizes of its input and its output.
    nb_channels : int
        Channels of the first convolution; the second has twice and the third four times as many.
    hidden : int
        Size of its embedding.
    """

    def __init__(
        self, n_bands: int, n_labels: int, nb_channels: int = NB_CHANNELS, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        if min(nb_channels, hidden) < 1:
            raise UsageError(f"a student with nb_channels={nb_channels}, hidden={hidden}: expected 1 or more")
        channels = [1, nb_channels, 2 * nb_channels, 4 * nb_channels]
        layers: list[nn.Module] = []
        n_levels = n_bands
        for c_in, c_out in pairwise(channels):
            layers += [nn.Conv2d(c_in, c_out, 3, stride=(1, 2), padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]
            n_bands = -(-n_bands // 2)
        self.convolutions = nn.Sequential(*layers)
        self.mean_db: torch.Tensor
        self.std_db: torch.Tensor
        for name, value in levels_of_earlier_versions(n_levels).items():
            self.register_buffer(name, value)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.summary = nn.Sequential(nn.Linear(2 * channels[-1] * n_bands, hidden), nn.GELU())
        self.classifier = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(hidden, n_labels))

    @torch.no_grad()
    def begin_with(self, levels_db: torch.Tensor, scores: torch.Tensor) -> None:
        """Begin with what training windows are like: standardise levels by theirs, and score as the teacher on average.

        A teacher's scores are mostly near 0. A last layer that begins at 0.5 for each of its labels spends its first
        epochs, and its weights, on getting there.

        Parameters
        ----------
        levels_db : torch.Tensor
            [n, T, n_bands] third-octave levels in dB.
        scores : torch.Tensor
            [n, n_labels] the teacher's, in 0 … 1.
        """
        levels_db = levels_db.clamp(min=QUIETEST_DB).flatten(0, 1)
        self.mean_db.copy_(levels_db.mean(0))
        self.std_db.copy_(levels_db.std(0) + STD_MARGIN_DB)
        last = self.classifier[-1]
        assert isinstance(last, nn.Linear)
        last.bias.copy_(torch.logit(scores.mean(0), eps=LEAST_SCORE))

    def embedding(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return the embedding [B, hidden] of third-octave levels in dB [B, T, n_bands] of any duration."""
        image = (levels_db.clamp(min=QUIETEST_DB) - self.mean_db) / self.std_db
        image = self.convolutions(image.unsqueeze(1).contiguous(memory_format=torch.channels_last))
        frames = image.transpose(1, 2).flatten(2)  # [B, T, C · bands]
        return self.summary(torch.cat([frames.mean(1), frames.amax(1)], dim=1))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of embeddings [B, hidden]."""
        return self.classifier(embedding)

    def logits(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of third-octave levels in dB [B, T, n_bands]."""
        return self.head(self.embedding(levels_db))

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, n_labels], of third-octave levels in dB [B, T, n_bands]."""
        return self.logits(levels_db).sigmoid()


def levels_of_earlier_versions(n_bands: int) -> dict[str, torch.Tensor]:
    """Return mean and deviation (n_bands,) in dB by which students of earlier versions standardised every band."""
    return {"mean_db": torch.zeros(n_bands), "std_db": torch.full((n_bands,), 20.0)}


@dataclass(frozen=True)
class StudentSettings(ModelSettings):
    """What a student is: enough to build it again.

    Attributes
    ----------
    teacher : str
        The classifier whose scores it predicts.
    nb_channels, hidden : int
        Sizes of its network.
    third_octaves : ThirdOctaves
        What its input is.
    """

    teacher: str
    nb_channels: int = NB_CHANNELS
    hidden: int = HIDDEN
    third_octaves: ThirdOctaves = field(default_factory=ThirdOctaves)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `network` says which kind of model they are of."""
        return {"network": "student", **super().to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "StudentSettings":
        """Build the record from what `to_dict` gave; what is no such record raises CheckpointError."""
        return super().from_dict({key: value for key, value in values.items() if key != "network"})


def level_front_end(third_octaves: ThirdOctaves, patches: bool) -> MelFrontEnd:
    """Return levels as the front end of a student: what stands where a classifier has its Mels.

    Parameters
    ----------
    third_octaves : ThirdOctaves
        Bands and frames.
    patches : bool
        Whether the student takes a second at a time, as its teacher does, or all of a window's frames.
    """
    return MelFrontEnd(
        name="levels",
        sr=third_octaves.sr,
        window_length=third_octaves.frame_length,
        hop_length=third_octaves.hop_length,
        n_fft=third_octaves.frame_length,
        n_mels=third_octaves.n_bands,
        fmin=float(third_octaves.centres_hz[0]),
        fmax=float(third_octaves.centres_hz[-1]),
        htk=False,
        norm=None,
        power=2,
        log="db",
        chunk_frames=third_octaves.frames_per_second,
        patches=patches,
    )


class LevelPassage(Transcoder):
    """Levels as they are, where other models have a transcoder: joined and cut like Mels, by the second.

    Parameters
    ----------
    third_octaves : ThirdOctaves
        What the levels are.
    record : ClassifierRecord
        The student's: its labels are its teacher's, and its front end is the levels themselves.
    student : StudentNetwork
        What stands in place of a classifier.
    """

    def __init__(
        self, third_octaves: ThirdOctaves, record: ClassifierRecord, student: StudentNetwork
    ) -> None:
        nn.Module.__init__(self)
        front_end = record.front_end
        self.record, self.student = record, student
        self.settings = TranscoderSettings("student", front_end.name, third_octaves=third_octaves)
        self.third_octaves, self.front_end = third_octaves, front_end
        self.network = nn.Identity()
        self.training_record = {}
        self.eval()

    @property
    def needs_classifier(self) -> bool:
        """False: it goes from levels to scores by itself."""
        return False

    def check_serves(self, record: ClassifierRecord) -> None:
        """Raise UsageError for a classifier of other labels or windows than the student's."""
        if not classifier_record(self.record.name).is_edition_of(record):
            raise UsageError(
                f"a student with the labels and windows of {self.record.name} does not serve {record.name}"
            )

    def classifier_behind(self, classifier: Classifier) -> Classifier:
        """Return the student, which needs nothing of the classifier's."""
        served = classifier.record
        self.check_serves(served)
        # calibrations are the served classifier's, by its name and beside its weights
        record = replace(self.record, name=served.name, weights=served.weights, embedded=served.embedded)
        return Classifier(record, self.student, classifier.engine)


class Student(nn.Module):
    """A student: what stands in place of a transcoder and a classifier.

    Parameters
    ----------
    settings : StudentSettings
        Unknown teachers and sizes raise UsageError.
    """

    def __init__(self, settings: StudentSettings) -> None:
        super().__init__()
        self.settings = settings
        teacher = classifier_record(settings.teacher)
        n_bands = settings.third_octaves.n_bands
        front_end = level_front_end(settings.third_octaves, teacher.front_end.patches)
        self.network = StudentNetwork(n_bands, teacher.n_labels, settings.nb_channels, settings.hidden)
        self.record: ClassifierRecord = replace(
            teacher,
            front_end=front_end,
            build=lambda: StudentNetwork(n_bands, teacher.n_labels, settings.nb_channels, settings.hidden),
            embedding_size=settings.hidden,
            shortest_frames=settings.third_octaves.frames_per_second,
            shortest_recording_frames=1,
        )
        self.transcoder = LevelPassage(settings.third_octaves, self.record, self.network)
        self.training_record: dict[str, Any] = {}
        self.eval()

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, n_labels], of third-octave levels in dB [B, T, n_bands]."""
        return self.network(levels_db)

    def save(self, path: Path) -> None:
        """Write a checkpoint that describes itself, atomically."""
        save_checkpoint(path, self)


def build_student(content: dict[str, Any], path: Path) -> Student:
    """Return the student whose checkpoint, read from `path`, is `content`; else raise CheckpointError."""
    settings, state_dict, training = checkpoint_parts(content, path, "student")
    student = Student(StudentSettings.from_dict(settings))
    if isinstance(state_dict, dict):
        state_dict = levels_of_earlier_versions(student.settings.third_octaves.n_bands) | state_dict
    load_state(student.network, state_dict, path)
    student.training_record = student.transcoder.training_record = training
    return student

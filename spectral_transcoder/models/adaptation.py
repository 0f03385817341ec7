"""Heads that adapt a frozen classifier to what a transcoder makes of third octaves (docs/street.md).

    levels ──transcoder──▶ Mels ──frozen classifier──▶ embedding z, logits l
    adapted logits = g·l + b + MLP((z - mean) / std)

The classifier and the transcoder stay as they are: a head is trained in a minute, on scores that the same
classifier gives to sounds whose levels are known. Its last layer begins with zeros and g with ones, so the
training starts from the classifier's own scores.
"""

from dataclasses import asdict, dataclass, field, replace
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
from spectral_transcoder.models.engines import widened
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import CheckpointError, UsageError

HIDDEN = 256
DROPOUT = 0.4
STD_MARGIN = 0.05  # added to standard deviations: values of the embedding that never vary are not blown up


class AdaptationHead(nn.Module):
    """The trained part of an adapted classifier: embeddings and logits in, adapted logits out.

    Parameters
    ----------
    embedding_size, n_labels : int
        Sizes of the classifier's embedding and of its outputs.
    hidden : int
        Size of the two hidden layers.
    """

    def __init__(self, embedding_size: int, n_labels: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        if hidden < 1:
            raise UsageError(f"a head with hidden={hidden}: expected 1 or more")
        self.gain = nn.Parameter(torch.ones(n_labels))
        self.bias = nn.Parameter(torch.zeros(n_labels))
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.zeros(embedding_size))
        self.register_buffer("std", torch.ones(embedding_size))
        self.mlp = nn.Sequential(
            nn.Linear(embedding_size, hidden),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, n_labels),
        )
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def standardise(self, embeddings: torch.Tensor) -> None:
        """Take mean and standard deviation, over training embeddings [n, embedding_size], for the input."""
        self.mean.copy_(embeddings.mean(0))
        self.std.copy_(embeddings.std(0) + STD_MARGIN)

    def forward(self, embedding: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return adapted logits [B, n_labels] of embeddings [B, embedding_size] and logits [B, n_labels]."""
        return self.gain * logits + self.bias + self.mlp((embedding - self.mean) / self.std)


class AdaptedNetwork(nn.Module):
    """A classifier's network whose logits an adaptation head corrects.

    Parameters
    ----------
    network : nn.Module
        The classifier's own, with `embedding`, `head` and `logits`.
    adaptation : AdaptationHead
        The correction.
    """

    def __init__(self, network: nn.Module, adaptation: AdaptationHead) -> None:
        super().__init__()
        self.network: Any = network  # modules declare no methods of their own
        self.adaptation = adaptation

    def widened(self) -> nn.Module:
        """Return a network of the same embedding that onnxruntime computes faster."""
        return widened(self.network)

    def embedding(self, mels: torch.Tensor) -> torch.Tensor:
        """Return the frozen classifier's embedding [B, embedding_size] of log Mels [B, T, n_mels]."""
        return self.network.embedding(mels)

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return adapted logits [B, n_labels] of embeddings [B, embedding_size]."""
        return self.adaptation(embedding, self.network.head(embedding))

    def logits(self, mels: torch.Tensor) -> torch.Tensor:
        """Return adapted logits [B, n_labels] of log Mels [B, T, n_mels]."""
        return self.head(self.embedding(mels))

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return adapted scores in 0 … 1, [B, n_labels], of log Mels [B, T, n_mels]."""
        return self.logits(mels).sigmoid()


class AdaptedTranscoder(Transcoder):
    """A transcoder that comes with the adaptation head of one classifier.

    Parameters
    ----------
    settings : TranscoderSettings
        What makes the Mels.
    classifier : str
        The classifier that the head was trained for.
    adaptation : AdaptationHead
        The head.
    """

    def __init__(self, settings: TranscoderSettings, classifier: str, adaptation: AdaptationHead) -> None:
        super().__init__(settings)
        self.adapted_classifier, self.adaptation = classifier, adaptation
        self.check_serves(classifier_record(classifier))

    @property
    def name(self) -> str:
        """What it is called in file names."""
        return "adapted"

    @property
    def only_classifier(self) -> str:
        """The classifier that the head was trained for."""
        return self.adapted_classifier

    def check_serves(self, record: ClassifierRecord) -> None:
        """Raise UsageError for another classifier than the head's."""
        super().check_serves(record)
        if record.name != self.adapted_classifier:
            raise UsageError(f"a head that adapts {self.adapted_classifier} does not serve {record.name}")

    def classifier_behind(self, classifier: Classifier) -> Classifier:
        """Return the classifier with the head behind it."""
        self.check_serves(classifier.record)
        record = replace(
            classifier.record, shortest_recording_frames=1
        )  # heads are trained on windows as they are
        return Classifier(record, AdaptedNetwork(classifier.network, self.adaptation), classifier.engine)


@dataclass(frozen=True)
class AdaptedSettings(ModelSettings):
    """What an adapted classifier is: enough to build it again, but for the classifier's own weights.

    Attributes
    ----------
    classifier : str
        The frozen classifier's name.
    transcoder : TranscoderSettings
        What makes its Mels.
    hidden : int
        Size of the head's hidden layers.
    """

    classifier: str
    transcoder: TranscoderSettings = field(
        default_factory=lambda: TranscoderSettings("pinv_texture", "YamNet")
    )
    hidden: int = HIDDEN

    @property
    def third_octaves(self) -> ThirdOctaves:
        """What the levels are."""
        return self.transcoder.third_octaves

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `network` says which kind of model they are of."""
        return {"network": "adapted", **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "AdaptedSettings":
        """Build the record from what `to_dict` gave; what is no such record raises CheckpointError."""
        try:
            transcoder = TranscoderSettings.from_dict(values["transcoder"])
            return cls(values["classifier"], transcoder, values["hidden"])
        except (TypeError, KeyError) as error:
            raise CheckpointError(f"settings {values}: expected those of an adapted classifier") from error


class AdaptedModel(nn.Module):
    """A transcoder and the head behind a frozen classifier, whose weights stay in their own file.

    Parameters
    ----------
    settings : AdaptedSettings
        Unknown names raise UsageError.
    """

    def __init__(self, settings: AdaptedSettings) -> None:
        super().__init__()
        self.settings = settings
        self.record = classifier_record(settings.classifier)
        self.adaptation = AdaptationHead(self.record.embedding_size, self.record.n_labels, settings.hidden)
        self.transcoder = AdaptedTranscoder(settings.transcoder, self.record.name, self.adaptation)
        self.network = nn.ModuleDict({"adaptation": self.adaptation, "transcoder": self.transcoder.network})
        self.training_record: dict[str, Any] = {}
        self.eval()

    def save(self, path: Path) -> None:
        """Write a checkpoint that describes itself, atomically; the classifier's weights are not in it."""
        save_checkpoint(path, self)


def build_adapted(content: dict[str, Any], path: Path) -> AdaptedModel:
    """Return the adapted classifier whose checkpoint, read from `path`, is `content`; else raise CheckpointError."""
    settings, state_dict, training = checkpoint_parts(content, path, "adapted classifier")
    model = AdaptedModel(AdaptedSettings.from_dict(settings))
    load_state(model.network, state_dict, path)
    model.training_record = model.transcoder.training_record = training
    return model

"""What transcoders are compared with: networks that go from third octaves to scores without Mels between
them and a frozen classifier (docs/method.md, section 4).

`self` is the classifier itself, fed with PINV, all its weights retrained; `effnet_b0` and `effnet_b7` are
ImageNet EfficientNets that take the levels as an image.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import efficientnet_b0, efficientnet_b7

from spectral_transcoder.models.checkpoints import (
    ModelSettings,
    checkpoint_parts,
    load_state,
    load_tensors,
    save_checkpoint,
)
from spectral_transcoder.models.classifiers import classifier_record, load_classifier
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import PRETRAINED_MODELS

IMAGE_SHAPE = (101, 64)  # what the 8 × 29 levels are stretched to for an EfficientNet
EFFICIENTNETS = {
    "effnet_b0": (efficientnet_b0, "efficientnet_b0_rwightman-7f5810bc.pth"),
    "effnet_b7": (efficientnet_b7, "efficientnet_b7_lukemelas-c5b4e57e.pth"),
}
BASELINES = ("self", *EFFICIENTNETS)


@dataclass(frozen=True)
class BaselineSettings(ModelSettings):
    """Settings of a baseline: enough to build it again.

    Attributes
    ----------
    network : str
        self, effnet_b0 or effnet_b7.
    classifier : str
        The classifier whose scores it imitates.
    pinv_way : str or None
        For `self`: "power" or "magnitude" (docs/method.md, section 9, defect 6); None is the front end's own.
    third_octaves : ThirdOctaves
        The analysis of its input.
    """

    network: str
    classifier: str
    pinv_way: str | None = None
    third_octaves: ThirdOctaves = field(default_factory=ThirdOctaves)


class Baseline(nn.Module):
    """From third octaves to scores, one second at a time, as a `Transcoder` is from third octaves to Mels.

    Parameters
    ----------
    settings : BaselineSettings
        Unknown networks and classifiers raise UsageError.
    """

    def __init__(self, settings: BaselineSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network: Any = build_network(settings)
        self.training_record: dict[str, Any] = {}
        self.eval()

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, n_labels], of third-octave levels in dB [B, n, 29]."""
        return self.network(levels_db)

    def load_pretrained(self, folder: Path = PRETRAINED_MODELS) -> None:
        """Take the weights that training starts from: the classifier's own for `self`, else ImageNet's.

        Raises
        ------
        MissingFileError
            They are not there; the message names the command that fetches them.
        """
        name = self.settings.network
        if name == "self":
            record = classifier_record(self.settings.classifier)
            trained = load_classifier(record.name, record.path_in(folder)).network
            self.network.classifier.load_state_dict(trained.state_dict())
            return
        path = folder / EFFICIENTNETS[name][1]
        if not path.is_file():
            command = f"python3 download_pretrained_models.py --models {name}"
            raise MissingFileError(f"no ImageNet weights at {path}; fetch them with: {command}")
        self.network.load_imagenet(load_tensors(path))

    def save(self, path: Path) -> None:
        """Write a checkpoint that describes itself, atomically."""
        save_checkpoint(path, self)


def load_baseline(path: Path) -> Baseline:
    """Load a checkpoint that `Baseline.save` wrote; MissingFileError and CheckpointError as for transcoders."""
    if not path.is_file():
        raise MissingFileError(f"no baseline at {path}: train it first")
    settings, state_dict, training = checkpoint_parts(load_tensors(path), path, "baseline")
    baseline = Baseline(BaselineSettings.from_dict(settings))
    load_state(baseline.network, state_dict, path)
    baseline.training_record = training
    return baseline


class SelfClassifier(nn.Module):
    """The classifier fed with PINV's Mels, trainable: third-octave levels [B, n, 29] to scores [B, n_labels]."""

    def __init__(self, pinv: Pinv, network: nn.Module) -> None:
        super().__init__()
        self.pinv, self.classifier = pinv, network

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, n_labels]."""
        return self.classifier(self.pinv(levels_db))


class EfficientNetScores(nn.Module):
    """An EfficientNet on the levels as an image: third-octave levels [B, n, 29] to scores [B, n_labels]."""

    def __init__(self, build: Callable[..., nn.Module], n_labels: int) -> None:
        super().__init__()
        network: Any = build(weights=None, num_classes=n_labels)
        stem = network.features[0][0]
        network.features[0][0] = nn.Conv2d(1, stem.out_channels, 3, stride=2, padding=1, bias=False)
        self.network = network

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores clamped to 0 … 1, as published, [B, n_labels]."""
        image = nn.functional.interpolate(levels_db.unsqueeze(1), size=IMAGE_SHAPE, mode="nearest")
        return self.network(image).clamp(0, 1)

    def load_imagenet(self, state_dict: dict[str, torch.Tensor]) -> None:
        """Take ImageNet's weights, but for the stem and the last layer, whose shapes are others."""
        own = self.network.state_dict()
        fitting = {key: value for key, value in state_dict.items() if own[key].shape == value.shape}
        self.network.load_state_dict(own | fitting)


def build_network(settings: BaselineSettings) -> nn.Module:
    """Return the network that `settings` describe, with random weights."""
    record = classifier_record(settings.classifier)
    if settings.network == "self":
        pinv = Pinv(settings.third_octaves, record.front_end, settings.pinv_way)
        return SelfClassifier(pinv, record.build())
    if settings.network not in EFFICIENTNETS:
        raise UsageError(f"baseline {settings.network!r}: expected one of {', '.join(BASELINES)}")
    return EfficientNetScores(EFFICIENTNETS[settings.network][0], record.n_labels)

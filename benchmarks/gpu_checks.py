"""Every network and classifier on a device against the CPU."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import torch
from torch import nn

from spectral_transcoder.models import end_to_end
from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier, ClassifierRecord, load_classifier
from spectral_transcoder.models.transcoders import NETWORKS, Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import FRONT_ENDS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene

# of the largest value: products of bf16 keep 8 binary digits, of TF32 11, through up to 40 layers
TOLERANCES = {"float32": 1e-4, "tf32": 1e-2, "bf16": 5e-2}
OPTIONS = {"mlp": {"hidden1": 300, "hidden2": 3000}, "mlp_pinv": {"hidden1": 300, "hidden2": 3000}}


@dataclass(frozen=True)
class Check:
    """A model on the device against the CPU.

    Attributes
    ----------
    model : str
        What was computed.
    precision : str
        How, on the device; float32 on the CPU.
    difference : float
        The largest difference, as a share of the largest value.
    tolerance : float
        What it may be.
    """

    model: str
    precision: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        verdict = "" if self.passed else "  TOO LARGE"
        return (
            f"{self.model}, {self.precision}: {self.difference:.1e} (at most {self.tolerance:.0e}){verdict}"
        )


def check_all(device: torch.device, models_path: Path | None = None) -> list[Check]:
    """Compare every network and classifier, in every precision; weights are random unless a folder has them."""
    levels = torch.tensor(ThirdOctaves().levels(street_scene(2.0), "per_second"), dtype=torch.float32)
    checks = []
    for name, model, inputs in models_and_inputs(levels, models_path):
        with torch.no_grad():
            expected = model(inputs)
            model.to(device)
            for precision, tolerance in TOLERANCES.items():
                with computing_in(precision, device):
                    found = model(inputs.to(device)).float().cpu()
                difference = (found - expected).abs().max() / expected.abs().max()
                checks.append(Check(name, precision, float(difference), tolerance))
    return checks


def models_and_inputs(
    levels: torch.Tensor, models_path: Path | None
) -> Iterator[tuple[str, nn.Module, torch.Tensor]]:
    """Yield the name of each model, the model in evaluation mode, and what it takes."""
    torch.manual_seed(0)
    for front_end in FRONT_ENDS:
        for network in NETWORKS:
            settings = TranscoderSettings(network, front_end, options=OPTIONS.get(network, {}))
            yield f"{network} {front_end}", with_weights_everywhere(Transcoder(settings).eval()), levels
    for baseline in end_to_end.BASELINES:
        yield baseline, end_to_end.Baseline(end_to_end.BaselineSettings(baseline, "YamNet")).eval(), levels
    for record in CLASSIFIERS.values():
        pinv = Transcoder(TranscoderSettings("pinv", record.front_end.name))
        # of random weights, scores are all near a half: logits show what differs
        yield record.name, Logits(classifier_of(record, models_path)), pinv.transcode_seconds(levels)


@torch.no_grad()
def with_weights_everywhere(model: nn.Module) -> nn.Module:
    """Draw the weights that begin at zero, which would hide what comes before them; return the model."""
    for weights in model.parameters():
        if not weights.any():
            weights.normal_(std=0.05)
    return model


class Logits(nn.Module):
    """The logits of a classifier, which trainings use, in the place of its scores."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of log Mels [B, T, 64]."""
        return self.classifier.network.logits(mels)


def classifier_of(record: ClassifierRecord, models_path: Path | None) -> Classifier:
    """Return a classifier with its weights where a folder has them, or with random ones."""
    if models_path and record.path_in(models_path).is_file():
        return load_classifier(record.name, record.path_in(models_path))
    return Classifier(record, record.build())


@contextlib.contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """Compute in exact float32, with TF32 as torch does by default on CUDA, or in bf16."""
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed

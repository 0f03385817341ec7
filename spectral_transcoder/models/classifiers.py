"""Pretrained AudioSet classifiers: Mels in, scores of labels out, frozen.

A classifier is one record in `CLASSIFIERS`: front end, network, weights, labels. To add one, add a record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spectral_transcoder.models import resnet38, yamnet
from spectral_transcoder.models.checkpoints import load_state, load_tensors
from spectral_transcoder.models.labels import label_names
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS, MelFrontEnd
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import PRETRAINED_MODELS, REFERENCE_MODELS

LONGEST_FRAMES = 6001  # of a spectrogram classified as a whole: one minute


@dataclass(frozen=True)
class ClassifierRecord:
    """What a classifier is.

    Attributes
    ----------
    name : str
        As in factor values and on command lines.
    front_end : MelFrontEnd
        Its Mels.
    build : callable
        Returns the untrained network: Mels [B, T, 64] to scores [B, n_labels].
    weights : str
        File name inside `pretrained_models/`.
    n_labels : int
        527 or 521: which of the packaged lists names its labels.
    shortest_frames : int
        Mels of fewer frames are continued with silence.
    ignored_keys : tuple of str
        Beginnings of keys in the file that the network has no use for.
    embedded : bool
        Whether it comes with the project: its weights are in `reference_models/`.
    """

    name: str
    front_end: MelFrontEnd
    build: Callable
    weights: str
    n_labels: int
    shortest_frames: int
    ignored_keys: tuple = ()
    embedded: bool = False

    @property
    def path(self):
        """Where the weights are expected."""
        return self.path_in(PRETRAINED_MODELS)

    def path_in(self, folder):
        """Return where the weights are expected if downloaded ones are in `folder`."""
        return (REFERENCE_MODELS if self.embedded else folder) / self.weights

    @property
    def fetch_command(self):
        """The command that downloads the weights, or makes them."""
        if self.embedded:
            return "git checkout reference_models, or make them with python3 distill_classifier.py"
        return f"python3 download_pretrained_models.py --models {self.name}"

    @property
    def labels(self):
        """The names of the labels, in the order of the scores."""
        return label_names(self.n_labels)


CLASSIFIERS = {
    record.name: record
    for record in (
        ClassifierRecord(
            name="PANN",
            front_end=PANN_MELS,
            build=resnet38.ResNet38,
            weights="ResNet38_mAP=0.434.pth",
            n_labels=resnet38.N_LABELS,
            shortest_frames=resnet38.SHORTEST_FRAMES,
            ignored_keys=resnet38.FRONT_END_KEYS,
        ),
        ClassifierRecord(
            name="YamNet",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU()),
            weights="yamnet.pth",
            n_labels=yamnet.N_LABELS,
            shortest_frames=YAMNET_MELS.chunk_frames,
        ),
        ClassifierRecord(
            name="YamNetMobile",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU6()),
            weights="yamnet_mobile_relu6.pth",
            n_labels=yamnet.N_LABELS,
            shortest_frames=YAMNET_MELS.chunk_frames,
        ),
        ClassifierRecord(
            name="MiniYamNet",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU(), yamnet.MINI_LAYERS, yamnet.MINI_FIRST_CHANNELS),
            weights="MiniYamNet.pth",
            n_labels=yamnet.N_LABELS,
            shortest_frames=YAMNET_MELS.chunk_frames,
            embedded=True,
        ),
    )
}
EMBEDDED = next(record.name for record in CLASSIFIERS.values() if record.embedded)


class Classifier(nn.Module):
    """A classifier with its weights, frozen: it has no gradients of its own and stays in evaluation mode.

    Parameters
    ----------
    record : ClassifierRecord
        What it is.
    network : nn.Module
        `record.build()` with weights.
    """

    def __init__(self, record, network):
        super().__init__()
        self.record, self.network = record, network.requires_grad_(False)
        self.train(False)

    def train(self, mode=True):
        """Stay in evaluation mode, whatever a training loop asks of the modules around it (SPEC defect 2)."""
        return super().train(False)

    def forward(self, mels):
        """Return scores in 0 … 1, [B, n_labels], of log Mels [B, T, 64]; gradients flow to the Mels."""
        missing = self.record.shortest_frames - mels.shape[1]
        if missing > 0:
            silence = float(self.record.front_end.to_log(torch.zeros(())))
            mels = nn.functional.pad(mels, (0, 0, 0, missing), value=silence)
        return self.network(mels)

    @torch.no_grad()
    def scores(self, mels, batch_size=64):
        """Return scores of many Mels, in batches on the network's device.

        Parameters
        ----------
        mels : np.ndarray or torch.Tensor
            (n, T, 64): chunks, patches, or one whole spectrogram.
        batch_size : int
            How many are classified together.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            (n, n_labels) in 0 … 1.

        Raises
        ------
        UsageError
            Another shape, or no Mels.
        """
        tensor, front_end = torch.as_tensor(mels), self.record.front_end
        n_frames = front_end.chunk_frames if front_end.patches else "n_frames"
        fits = tensor.dim() == 3 and tensor.shape[2] == front_end.n_mels and 0 not in tensor.shape
        if not fits or (front_end.patches and tensor.shape[1] != n_frames):
            raise UsageError(
                f"Mels of shape {tuple(tensor.shape)}: {self.record.name} expects (n, {n_frames}, {front_end.n_mels})"
            )
        device = next(self.network.parameters()).device
        batches = tensor.float().split(batch_size)
        scores = torch.cat([self(batch.to(device)).to(tensor.device) for batch in batches])
        return scores.numpy() if isinstance(mels, np.ndarray) else scores

    def recording_scores(self, mels, batch_size=64):
        """Return the scores of one recording: (n_labels,), the mean over its patches or parts.

        `mels` is what `front_end.classifier_input` gives. A whole spectrogram longer than a minute is
        classified in equal parts, since memory grows with its length.
        """
        tensor = torch.as_tensor(mels)
        if not self.record.front_end.patches:
            n_parts = -(-tensor.shape[1] // LONGEST_FRAMES)
            parts = tensor[0].tensor_split(n_parts)
            scores = torch.cat([self.scores(part[None]) for part in parts]).mean(0)
        else:
            scores = self.scores(tensor, batch_size).mean(0)
        return scores.numpy() if isinstance(mels, np.ndarray) else scores


def classifier_record(name):
    """Return the record of that name; raise UsageError naming the choices."""
    if name not in CLASSIFIERS:
        raise UsageError(f"classifier {name!r}: expected one of {', '.join(CLASSIFIERS)}")
    return CLASSIFIERS[name]


def load_classifier(name, path=None, device="cpu"):
    """Load a classifier's weights, by default from `pretrained_models/`.

    Raises
    ------
    UsageError
        Unknown name.
    MissingFileError
        The weights are not there; the message names the command that fetches them.
    CheckpointError
        Damaged weights, or another network's.
    """
    record = classifier_record(name)
    path = Path(path or record.path)
    if not path.is_file():
        raise MissingFileError(f"no weights of {name} at {path}; fetch them with: {record.fetch_command}")
    content = load_tensors(path)
    state_dict = content.get("model", content)
    if isinstance(state_dict, dict):
        state_dict = {
            key: value for key, value in state_dict.items() if not str(key).startswith(record.ignored_keys)
        }
    with torch.device("meta"):  # the weights come from the file: none are drawn to be thrown away
        network = record.build()
    network.to_empty(device="cpu")
    load_state(network, state_dict, path)
    return Classifier(record, network).to(device)


def available_classifiers():
    """Return the names of the classifiers whose weights are in `pretrained_models/`."""
    return [name for name, record in CLASSIFIERS.items() if record.path.is_file()]

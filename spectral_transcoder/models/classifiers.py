"""Pretrained AudioSet classifiers: Mels in, scores of labels out, frozen.

A classifier is one record in `CLASSIFIERS`: front end, network, weights, labels. To add one, add a record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from spectral_transcoder.models import efficientat, resnet38, yamnet
from spectral_transcoder.models.checkpoints import load_state, load_tensors
from spectral_transcoder.models.engines import HEAD_INPUTS, OnnxEmbedding
from spectral_transcoder.models.labels import label_names
from spectral_transcoder.signal.framing import Array, as_given
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS, PANN_MELS, YAMNET_MELS, MelFrontEnd
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import PRETRAINED_MODELS, REFERENCE_MODELS

LONGEST_FRAMES = 6001  # of a spectrogram classified as a whole: one minute
# 10 s, as in its training. With UrbanSound8K's clips of 4 s continued so, grouping finds the class of 51.0 % and 48.3 %
# (folds 1 and 3), repeated 50.4 % and 47.0 %, as they are 49.6 % and 45.7 %.
EFFICIENTAT_TRAINING_FRAMES = 1000


@dataclass(frozen=True)
class ClassifierRecord:
    """What a classifier is.

    Attributes
    ----------
    name : str
        Name in factor values and on command lines.
    front_end : MelFrontEnd
        The Mels that it takes.
    build : callable
        Returns the untrained network: Mels [B, T, n_mels] to scores [B, n_labels].
    weights : str
        File name inside `pretrained_models/`.
    n_labels : int
        527 or 521: which of the packaged lists names its labels.
    embedding_size : int
        Values of its embedding, which its last layers turn into logits.
    shortest_frames : int
        Mels of fewer frames are continued with silence, since the network takes no fewer.
    shortest_recording_frames : int
        Spectrograms of whole recordings of fewer frames are continued with silence, since the scores are better so.
    ignored_keys : tuple of str
        Beginnings of keys in the file that the network has no use for.
    embedded : bool
        Whether it comes with the project: its weights are in `reference_models/`.
    """

    name: str
    front_end: MelFrontEnd
    build: Callable[[], nn.Module]
    weights: str
    n_labels: int
    embedding_size: int
    shortest_frames: int
    shortest_recording_frames: int = 1
    ignored_keys: tuple[str, ...] = ()
    embedded: bool = False

    @property
    def path(self) -> Path:
        """Where the weights are expected."""
        return self.path_in(PRETRAINED_MODELS)

    def path_in(self, folder: Path) -> Path:
        """Return where the weights are expected if downloaded ones are in `folder`."""
        return (REFERENCE_MODELS if self.embedded else folder) / self.weights

    def require(self, path: Path) -> Path:
        """Return a path of its weights; raise MissingFileError, naming the command, where there is no file."""
        if not path.is_file():
            raise MissingFileError(
                f"no weights of {self.name} at {path}; fetch them with: {self.fetch_command}"
            )
        return path

    @property
    def fetch_command(self) -> str:
        """The command that downloads the weights, or makes them."""
        if self.embedded:
            return "git checkout reference_models, or make them with python3 distill_classifier.py"
        return f"python3 download_pretrained_models.py --models {self.name}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the scores."""
        return label_names(self.n_labels)

    def is_edition_of(self, other: "ClassifierRecord") -> bool:
        """Say whether another classifier has the same labels and takes the same Mels."""
        return (self.n_labels, self.front_end) == (other.n_labels, other.front_end)


def efficientat_record(name: str, weights: str) -> ClassifierRecord:
    """Return the record of an EfficientAT, whose name says its width: mn04 is 0.4 times as wide as mn10."""
    width = int(name[-2:]) / 10
    return ClassifierRecord(
        name=name,
        front_end=EFFICIENTAT_MELS,
        build=partial(efficientat.EfficientAT, width),
        weights=weights,
        n_labels=efficientat.N_LABELS,
        embedding_size=efficientat.embedding_size(width),
        shortest_frames=1,
        shortest_recording_frames=EFFICIENTAT_TRAINING_FRAMES,
    )


CLASSIFIERS = {
    record.name: record
    for record in (
        ClassifierRecord(
            name="PANN",
            front_end=PANN_MELS,
            build=resnet38.ResNet38,
            weights="ResNet38_mAP=0.434.pth",
            n_labels=resnet38.N_LABELS,
            embedding_size=resnet38.LAST_CHANNELS,
            shortest_frames=resnet38.SHORTEST_FRAMES,
            ignored_keys=resnet38.FRONT_END_KEYS,
        ),
        efficientat_record("EfficientAT-mn04", "mn04_as_mAP_432.pt"),
        efficientat_record("EfficientAT-mn05", "mn05_as_mAP_443.pt"),
        efficientat_record("EfficientAT-mn10", "mn10_as_mAP_471.pt"),
        efficientat_record("EfficientAT-mn20", "mn20_as_mAP_478.pt"),
        efficientat_record("EfficientAT-mn30", "mn30_as_mAP_482.pt"),
        efficientat_record("EfficientAT-mn40", "mn40_as_mAP_484.pt"),
        ClassifierRecord(
            name="YamNet",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU()),
            weights="yamnet.pth",
            n_labels=yamnet.N_LABELS,
            embedding_size=yamnet.EMBEDDING_SIZE,
            shortest_frames=YAMNET_MELS.chunk_frames,
        ),
        ClassifierRecord(
            name="YamNetMobile",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU6()),
            weights="yamnet_mobile_relu6.pth",
            n_labels=yamnet.N_LABELS,
            embedding_size=yamnet.EMBEDDING_SIZE,
            shortest_frames=YAMNET_MELS.chunk_frames,
        ),
        ClassifierRecord(
            name="MiniYamNet",
            front_end=YAMNET_MELS,
            build=lambda: yamnet.YAMNet(nn.ReLU(), yamnet.MINI_LAYERS, yamnet.MINI_FIRST_CHANNELS),
            weights="MiniYamNet.pth",
            n_labels=yamnet.N_LABELS,
            embedding_size=yamnet.MINI_EMBEDDING_SIZE,
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
        The record of the classifier.
    network : nn.Module
        `record.build()` with weights.
    engine : str
        "torch" or "onnxruntime": what computes `scores` and `embeddings`; gradients are torch's in any case.
    """

    def __init__(self, record: ClassifierRecord, network: nn.Module, engine: str = "torch") -> None:
        super().__init__()
        self.record, self.engine = record, engine
        self.network: Any = network.requires_grad_(False)
        self.train(False)

    @cached_property
    def onnx_embedding(self) -> OnnxEmbedding:
        """The network in onnxruntime, built when first needed: behind an adapted classifier it never is."""
        front_end = self.record.front_end
        shape = front_end.chunk_frames, front_end.n_mels
        return OnnxEmbedding(self.network, shape, any_length=not front_end.patches)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever a training loop asks of the modules around it.

        The published evaluation did not (docs/method.md, section 9, defect 2).
        """
        return super().train(False)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return scores in 0 … 1, [B, n_labels], of log Mels [B, T, n_mels]; gradients flow to the Mels."""
        return self.network(self.continued(mels))

    def logits(self, mels: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of log Mels [B, T, n_mels]; gradients flow to the Mels."""
        return self.network.logits(self.continued(mels))

    def embedding(self, mels: torch.Tensor) -> torch.Tensor:
        """Return embeddings [B, embedding_size] of log Mels [B, T, n_mels]; gradients flow to the Mels."""
        return self.network.embedding(self.continued(mels))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits [B, n_labels] of embeddings [B, embedding_size]."""
        return self.network.head(embedding)

    def continued(self, mels: torch.Tensor) -> torch.Tensor:
        """Continue Mels [B, T, n_mels] of fewer frames than the network needs with silence."""
        return self._continued(mels, self.record.shortest_frames)

    def continued_recording(self, mels: torch.Tensor) -> torch.Tensor:
        """Continue the spectrogram [1, T, n_mels] of a recording that is too short for good scores with silence."""
        return self._continued(mels, self.record.shortest_recording_frames)

    def _continued(self, mels: torch.Tensor, n_frames: int) -> torch.Tensor:
        missing = n_frames - mels.shape[1]
        if missing <= 0:
            return mels
        return nn.functional.pad(mels, (0, 0, 0, missing), value=self.record.front_end.silence)

    @torch.no_grad()
    def scores(self, mels: Array, batch_size: int = 64) -> Array:
        """Return scores of many Mels, in batches on the network's device.

        Parameters
        ----------
        mels : np.ndarray or torch.Tensor
            (n, T, n_mels): chunks, patches, or one whole spectrogram.
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
        return as_given(self._infer(tensor.float(), "scores", batch_size), mels)

    @torch.no_grad()
    def embeddings(self, mels: Array, batch_size: int = 64) -> Array:
        """Return embeddings (n, embedding_size) of many Mels (n, T, n_mels), numpy or torch as given."""
        return as_given(self._infer(torch.as_tensor(mels).float(), "embedding", batch_size), mels)

    def _infer(self, mels: torch.Tensor, output: str, batch_size: int) -> torch.Tensor:
        """Return scores or embeddings of Mels (n, T, n_mels), by the engine, on the device of the Mels."""
        if self.engine == "onnxruntime":
            values = torch.from_numpy(self.onnx_embedding(self.continued(mels).numpy(force=True)))
            if output == "scores":
                values = torch.cat([self.head(batch).sigmoid() for batch in values.split(HEAD_INPUTS)])
            return values.to(mels.device)
        device = next(self.network.parameters()).device
        compute = self if output == "scores" else self.embedding
        batches = mels.split(batch_size)
        return torch.cat([compute(batch.to(device)).to(mels.device) for batch in batches])

    def recording_scores(self, mels: Array, batch_size: int = 64) -> Array:
        """Return the scores of one recording: (n_labels,), the mean over its patches or parts.

        `mels` is what `front_end.classifier_input` gives. A whole spectrogram longer than a minute is
        classified in equal parts, since memory grows with its length; one that is shorter than the record says
        is continued with silence.
        """
        tensor = torch.as_tensor(mels)
        if not self.record.front_end.patches:
            tensor = self.continued_recording(tensor)
            n_parts = -(-tensor.shape[1] // LONGEST_FRAMES)
            parts = tensor[0].tensor_split(n_parts)
            scores = torch.cat([self.scores(part[None]) for part in parts]).mean(0)
        else:
            scores = self.scores(tensor, batch_size).mean(0)
        return as_given(scores, mels)


def classifier_record(name: str) -> ClassifierRecord:
    """Return the record of that name; raise UsageError naming the choices."""
    if name not in CLASSIFIERS:
        raise UsageError(f"classifier {name!r}: expected one of {', '.join(CLASSIFIERS)}")
    return CLASSIFIERS[name]


def load_classifier(
    name: str,
    path: Path | str | None = None,
    device: str | torch.device = "cpu",
    engine: str = "torch",
) -> Classifier:
    """Load a classifier's weights, by default from `pretrained_models/`.

    `engine`, "torch" or on a CPU "onnxruntime", is what computes its scores; see `engines.choose_engine`.

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
    path = record.require(Path(path or record.path))
    content = load_tensors(path)
    state_dict = content.get("model", content)
    if isinstance(state_dict, dict):
        state_dict = {
            key: value for key, value in state_dict.items() if not str(key).startswith(record.ignored_keys)
        }
    with torch.device("meta"):  # the weights come from the file: none are drawn to be thrown away
        network = record.build()
    load_state(network, state_dict, path)
    return Classifier(record, network, engine).to(device)


def available_classifiers() -> list[str]:
    """Return the names of the classifiers whose weights are in `pretrained_models/`."""
    return [name for name, record in CLASSIFIERS.items() if record.path.is_file()]

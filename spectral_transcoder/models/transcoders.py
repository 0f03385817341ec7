"""Transcoders: third-octave levels or whole recordings in, Mel spectrograms out, and their checkpoints.

A `Transcoder` is a network with the record of what it was made for. Published weights come as a bare state
dict with a YAML file of settings beside them; checkpoints of ours describe themselves.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from spectral_transcoder.models.checkpoints import (
    CHECKPOINT_FORMAT,
    ModelSettings,
    checkpoint_parts,
    load_state,
    load_tensors,
    save_checkpoint,
)
from spectral_transcoder.models.classifiers import Classifier, ClassifierRecord
from spectral_transcoder.models.grid import GridCNN
from spectral_transcoder.models.networks import CNN, MLP, MLPPinv
from spectral_transcoder.models.noise_texture import PinvTexture
from spectral_transcoder.models.pinv import MelStretch, Pinv
from spectral_transcoder.signal.framing import Array, as_given, as_real_tensor
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd, front_end_named
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError, UsageError

CNN_SIZES = ("kernel_size", "nb_layers", "nb_channels", "dilation")
MLP_SIZES = ("hidden1", "hidden2")
NETWORKS: dict[str, tuple[str, ...]] = {  # with the sizes that they can be given
    "pinv": (),
    "pinv_texture": (),
    "cnn_pinv": CNN_SIZES,
    "cnn_texture": CNN_SIZES,
    "cnn_grid": ("nb_channels",),
    "mlp": MLP_SIZES,
    "mlp_pinv": MLP_SIZES,
}
TEXTURES = ("pinv_texture", "cnn_texture", "cnn_grid")
SOURCES = ("levels", "mel_time", "mel_freq")
SHORTEST_TAIL_S = 0.5  # a last chunk of this much keeps its YamNet patch (docs/method.md, section 1)


@dataclass(frozen=True)
class TranscoderSettings(ModelSettings):
    """What a transcoder is: enough to build it again.

    Attributes
    ----------
    network : str
        pinv, pinv_texture, cnn_pinv, cnn_texture, cnn_grid, mlp or mlp_pinv.
    front_end : str
        The front end whose Mels it makes: PANN, YamNet or EfficientAT.
    pinv_way : str or None
        "power" or "magnitude" (docs/method.md, section 9, defect 6); None is the front end's own.
    third_octaves : ThirdOctaves
        The analysis of its input, dB offset included.
    options : dict
        The network's sizes: kernel_size, nb_layers, nb_channels, dilation; or hidden1, hidden2; and of a
        texture its noise_seed.
    source : str
        What it starts from: "levels"; "mel_time", third octaves at the Mel's own frames; "mel_freq", Mels
        averaged to the third octaves' frames (docs/method.md, section 5).
    """

    network: str = "cnn_pinv"
    front_end: str = "PANN"
    pinv_way: str | None = None
    third_octaves: ThirdOctaves = field(default_factory=ThirdOctaves)
    options: dict = field(default_factory=dict)
    source: str = "levels"


class Transcoder(nn.Module):
    """From third octaves to Mels, one second or a whole recording at a time.

    Parameters
    ----------
    settings : TranscoderSettings
        Unknown networks, front ends and sizes raise UsageError.
    """

    def __init__(self, settings: TranscoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.third_octaves = settings.third_octaves
        self.front_end = front_end_named(settings.front_end)
        self.network = build_network(settings, self.front_end)
        self.training_record: dict[str, Any] = {}
        self.eval()

    @property
    def name(self) -> str:
        """What it is called in file names."""
        return self.settings.network

    def forward(self, levels_db: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return log Mels [B, T, n_mels] of third-octave levels in dB [B, n, 29], one second each.

        positions: [B] integers, the number of each second in its recording, which a texture's noise follows;
        other networks ignore it, and without it all seconds count as the first.
        """
        if positions is not None and self.settings.network in TEXTURES:
            return self.network(levels_db, positions)
        return self.network(levels_db)

    @torch.no_grad()
    def transcode_seconds(
        self, levels_db: torch.Tensor, batch_size: int = 64, positions: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return log Mels [S, T, n_mels] of S seconds of levels [S, n, 29], a tensor on any device, in batches.

        The seconds are those of one recording from its beginning, unless `positions` [S] says otherwise.
        """
        device = next((t.device for t in (*self.parameters(), *self.buffers())), torch.device("cpu"))
        if positions is None:
            positions = torch.arange(len(levels_db))
        batches = zip(levels_db.float().split(batch_size), positions.split(batch_size), strict=True)
        return torch.cat(
            [self(batch.to(device), own.to(device)).to(levels_db.device) for batch, own in batches]
        )

    def transcode(self, signal: Array, batch_size: int = 64) -> Array:
        """Transcode a whole recording of any length: its third octaves, second by second, to Mels.

        Parameters
        ----------
        signal : np.ndarray or torch.Tensor
            (n_samples,) at `self.third_octaves.sr` Hz, peak-normalised.
        batch_size : int
            Seconds transcoded together.

        Returns
        -------
        np.ndarray or torch.Tensor, as given
            PANN and EfficientAT: (n_frames, n_mels), YamNet: (n_patches, 96, 64), as long as the recording's own
            Mels of `front_end.classifier_input(…, SHORTEST_TAIL_S)` (docs/method.md, sections 1 and 9, defect 9).

        Raises
        ------
        UsageError
            No sample, or more than one channel.
        """
        tensor = as_real_tensor(signal)
        if tensor.dim() != 1:
            raise UsageError(f"a signal of shape {tuple(tensor.shape)}: expected one recording, (n_samples,)")
        levels = self.third_octaves.levels(tensor, framing="per_second")
        mels = self.join(self.transcode_seconds(levels, batch_size), len(tensor))
        return as_given(mels, signal)

    def join(self, chunks: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Join Mels of seconds [..., S, T, 64] into those of recordings of `n_samples` at the third octaves' rate.

        PANN: the frame that ends a second is the first of the next, so it is dropped, and frames beyond
        the recording are cut off. YamNet: patches stay apart, the last if half a second of it is there.
        """
        length = -(-n_samples * self.front_end.sr // self.third_octaves.sr)
        if self.front_end.patches:
            return chunks[..., : self.front_end.n_patches(length, SHORTEST_TAIL_S), :, :]
        inner = chunks[..., :-1, : self.front_end.frames_per_second, :].flatten(-3, -2)
        return torch.cat([inner, chunks[..., -1, :, :]], -2)[..., : self.front_end.n_frames(length), :]

    @property
    def only_classifier(self) -> str | None:
        """The one classifier that it serves, whose scores it predicts; None where it makes Mels for any."""
        return None

    def check_serves(self, record: ClassifierRecord) -> None:
        """Raise UsageError where a classifier takes other Mels than these."""
        if self.front_end.name != record.front_end.name:
            raise UsageError(
                f"the transcoder makes {self.front_end.name} Mels: {record.name} expects "
                f"{record.front_end.name} Mels"
            )

    @property
    def needs_classifier(self) -> bool:
        """Whether a classifier's weights take part; a student has none but its own."""
        return True

    def classifier_behind(self, classifier: Classifier) -> Classifier:
        """Return what scores these Mels: the classifier as it is, unless the transcoder comes with a head for it.

        Raises
        ------
        UsageError
            A classifier that this transcoder cannot serve.
        """
        self.check_serves(classifier.record)
        return classifier

    def save(self, path: Path) -> None:
        """Write a checkpoint that describes itself, atomically: settings, weights, training record, versions."""
        save_checkpoint(path, self)


def build_network(settings: TranscoderSettings, front_end: MelFrontEnd) -> nn.Module:
    """Return the untrained network that `settings` describe."""
    third_octaves, options = settings.third_octaves, dict(settings.options)
    pinv = first_estimate(settings, front_end)
    try:
        if settings.network == "pinv":
            return pinv
        if settings.network == "pinv_texture":
            return build_texture(settings, front_end, **options)
        if settings.network == "cnn_pinv":
            return CNN(pinv, **options)
        if settings.network == "cnn_texture":
            texture = build_texture(settings, front_end, options.pop("noise_seed", 0))
            return CNN(pinv, texture=texture, **options)
        if settings.network == "cnn_grid":
            texture = build_texture(settings, front_end, options.get("noise_seed", 0))
            return GridCNN(Pinv(third_octaves, front_end, settings.pinv_way), texture, **options)
        if settings.network == "mlp":
            return MLP(third_octaves.frames_per_second, third_octaves.n_bands, front_end, **options)
        if settings.network == "mlp_pinv":
            return MLPPinv(pinv, **options)
    except TypeError as error:
        raise UsageError(f"{settings.network} with options {options}: {error}") from error
    raise UsageError(f"transcoder {settings.network!r}: expected one of {', '.join(NETWORKS)}")


def first_estimate(settings: TranscoderSettings, front_end: MelFrontEnd) -> Pinv | MelStretch:
    """Return what the networks correct: PINV, or only the stretching where the input is Mels already."""
    if settings.source not in SOURCES:
        raise UsageError(f"transcoder source {settings.source!r}: expected one of {', '.join(SOURCES)}")
    if settings.source == "mel_freq":
        return MelStretch(front_end)
    return Pinv(settings.third_octaves, front_end, settings.pinv_way)


def build_texture(settings: TranscoderSettings, front_end: MelFrontEnd, noise_seed: int = 0) -> PinvTexture:
    """Return PINV with texture; what has frames of 10 ms already, or Mels, has its own."""
    if settings.source != "levels":
        raise UsageError(f"{settings.network} starts from levels of 125 ms: not from {settings.source}")
    return PinvTexture(settings.third_octaves, front_end, noise_seed)


def load_transcoder(path: Path | str) -> Transcoder:
    """Load a transcoder: a checkpoint of ours, or published weights with their settings file beside them.

    Nothing in either file is executed.

    Raises
    ------
    MissingFileError
        No such file, or published weights without `<path>_settings.yaml`.
    CheckpointError
        Damaged, unsafe, or weights of another network than the settings say.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(
            f"no transcoder at {path}; the published ones come with: "
            "python3 download_pretrained_models.py --models transcoders"
        )
    return build_transcoder(load_tensors(path), path)


def build_transcoder(content: dict[str, Any], path: Path) -> Transcoder:
    """Return the transcoder whose weights, read from `path`, are `content`; errors as of `load_transcoder`."""
    if content.get("format") == CHECKPOINT_FORMAT:
        settings, state_dict, training = checkpoint_parts(content, path, "transcoder")
        settings = TranscoderSettings.from_dict(settings)
    else:
        settings = published_settings(path.with_name(path.name + "_settings.yaml"))
        state_dict, training = content, {"published": path.name}
    try:
        transcoder = Transcoder(settings)
    except UsageError as error:
        raise CheckpointError(f"{path} has settings of no transcoder: {error}") from error
    load_state(transcoder.network, state_dict, path)
    transcoder.training_record = training
    return transcoder


class SettingsLoader(yaml.SafeLoader):
    """Plain YAML, and the tuples that the published settings carry; any other Python object is refused."""


SettingsLoader.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node))
)


def published_settings(path: Path) -> TranscoderSettings:
    """Read the settings of published weights.

    Raises
    ------
    MissingFileError
        There is no such file.
    CheckpointError
        It asks for objects that settings do not need, or lacks what they have.
    """
    if not path.is_file():
        raise MissingFileError(f"published weights need their settings beside them: no {path}")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=SettingsLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is refused as settings: {' '.join(str(error).split())}") from error
    try:
        if values["model_type"] == "cnn_pinv":
            options = {name: values[f"cnn_{name}"] for name in CNN_SIZES}
        else:
            options = {"hidden1": values["mlp_hl_1"], "hidden2": values["mlp_hl_2"]}
        # the published code took YamNet's Mels of power (docs/method.md, section 9, defect 6); its weights expect that
        return TranscoderSettings(values["model_type"], values["mels_type"], "power", options=options)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} lacks what settings of a transcoder have: {error!r}") from error

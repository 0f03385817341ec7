"""Predictions of classifiers for recordings, from true or transcoded Mels, many recordings at once.

    file ──read once──▶ levels [S, 8, 29] ──transcoder──▶ Mels ──classifier──▶ scores [n_labels]
                   └──▶ true Mels ─────────────────────────┘

A `TaggingPipeline` is a classifier with the transcoder that makes its Mels. Recordings of any lengths share batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from spectral_transcoder.models.classifiers import (
    CLASSIFIERS,
    LONGEST_FRAMES,
    Classifier,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.level_models import load_model
from spectral_transcoder.models.registry import BY_SPELLING, REGISTRY, TRUE_MELS, Kind, model_entry
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.signal.third_octaves import THIRD_OCTAVES, ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import PRETRAINED_MODELS, REFERENCE_MODELS

MELS_PER_BATCH = {"cpu": 16, "cuda": 256}  # activations that stay in a core's cache; that fill a GPU
TRANSCODERS = tuple(entry.published_name for entry in REGISTRY)  # as the paper's experiment 2 spells them


@dataclass(frozen=True)
class TaggingPipeline:
    """A classifier, and the transcoder that makes the Mels which it classifies.

    Attributes
    ----------
    classifier : str
        A classifier's name.
    weights : Path
        Its file.
    transcoder : str
        The transcoder's name; "self" are the true Mels.
    network : str or None
        The untrained transcoder's network.
    model : Path or None
        The trained transcoder's file.
    reading : Reading
        Which channel of the sounds is taken, and what is done with those that were cut off.
    engine : str
        What runs the classifier: torch or onnxruntime.
    third_octaves : ThirdOctaves
        What an untrained transcoder starts from; trained ones know it themselves.
    """

    classifier: str
    weights: Path
    transcoder: str = TRUE_MELS
    network: str | None = None
    model: Path | None = None
    reading: Reading = AS_USUAL
    engine: str = "torch"
    third_octaves: ThirdOctaves = THIRD_OCTAVES

    @property
    def front_end(self) -> MelFrontEnd:
        """The front end whose Mels it classifies."""
        return classifier_record(self.classifier).front_end

    def load_transcoder(self, device: str = "cpu") -> Transcoder | None:
        """Return its transcoder, loaded once for each process, or None for the true Mels."""
        if self.transcoder == TRUE_MELS:
            return None
        return cached_transcoder(self.front_end.name, self.network, self.model, device, self.third_octaves)

    def load_classifier(self, device: str = "cpu") -> Classifier:
        """Return its classifier, loaded once for each process, with the head that the transcoder may have for it."""
        transcoder = self.load_transcoder(device)
        return cached_classifier(self.classifier, self.weights, device, self.engine, transcoder)


@lru_cache
def cached_classifier(
    name: str, weights: Path, device: str, engine: str, transcoder: Transcoder | None
) -> Classifier:
    """Return a classifier as it stands behind a transcoder, or behind true Mels; see `load_classifier`."""
    classifier = load_classifier(name, weights, device, engine)
    return classifier if transcoder is None else transcoder.classifier_behind(classifier)


@lru_cache
def cached_transcoder(
    front_end: str, network: str | None, model: Path | None, device: str, third_octaves: ThirdOctaves
) -> Transcoder:
    """Return a trained transcoder, or an untrained one of that network for a front end."""
    if model is None:
        assert network is not None, "a pipeline has a trained transcoder's file or an untrained one's network"
        return Transcoder(TranscoderSettings(network, front_end, third_octaves=third_octaves)).to(device)
    return load_model(model).to(device)


def find_pipeline(
    classifier: str,
    transcoder: str,
    models: Path = PRETRAINED_MODELS,
    references: Path = REFERENCE_MODELS,
    third_octaves: ThirdOctaves = THIRD_OCTAVES,
) -> TaggingPipeline:
    """Return the pipeline of a classifier and a transcoder.

    Parameters
    ----------
    classifier : str
        A classifier's name.
    transcoder : str
        A name of the registry, in any of its spellings, or name=path: a trained transcoder's file, and its name.
    models, references : Path
        The folders of the classifiers' weights and of trained transcoders.
    third_octaves : ThirdOctaves
        What transcoders found by name start from: levels every 125 ms, or every second.

    Raises
    ------
    MissingFileError
        The classifier's weights or the trained transcoder are not there; the message names the command that
        fetches them.
    UsageError
        Unknown names; a transcoder that makes another front end's Mels, or does not start from levels.
    CheckpointError
        The file is no transcoder.
    """
    record = classifier_record(classifier)
    weights = record.path_in(Path(models))
    if not weights.is_file():
        raise MissingFileError(f"no weights of {classifier} at {weights}; fetch them: {record.fetch_command}")
    name, equals, path = transcoder.partition("=")
    if equals:
        refuse_name(name)
        pipeline = TaggingPipeline(classifier, weights, name, model=Path(path))
    elif name not in BY_SPELLING:
        raise UsageError(
            f"transcoder {transcoder!r}: expected one of {', '.join(TRANSCODERS)}, or name=path of a trained "
            "transcoder's file"
        )
    else:
        entry = model_entry(name)
        untrained = entry.name if entry.kind == Kind.UNTRAINED else None
        model = None
        if entry.kind == Kind.TRAINED:
            model = entry.require(classifier, Path(references), third_octaves.frames_per_second == 1)
        pipeline = TaggingPipeline(
            classifier, weights, entry.published_name, untrained, model, third_octaves=third_octaves
        )
    if pipeline.model is not None and (trained := pipeline.load_transcoder()) is not None:
        check(trained, pipeline)
    return pipeline


def find_pipelines(
    classifiers: Sequence[str] | None, transcoders: Sequence[str] | None, models: Path, references: Path
) -> tuple[list[TaggingPipeline], dict[str, bool]]:
    """Return the pipelines that can be had, and why others cannot be.

    Parameters
    ----------
    classifiers, transcoders : list of str, optional
        Names, as `find_pipeline` takes them; by default all that are known.
    models, references : Path
        The folders of the classifiers' weights and of trained transcoders.

    Returns
    -------
    pipelines : list of TaggingPipeline
    missing : dict of str to bool
        {reason: whether what is missing was asked for by name, and is in no pipeline}.
    """
    pipelines: list[TaggingPipeline] = []
    missing: dict[str, str] = {}
    had: set[str] = set()
    for classifier in classifiers or CLASSIFIERS:
        here = classifier_record(classifier).path_in(models).is_file()
        for transcoder in transcoders or TRANSCODERS:
            try:
                pipelines.append(find_pipeline(classifier, transcoder, models, references))
                had |= {classifier, transcoder}
            except MissingFileError as error:
                missing[str(error)] = transcoder if here else classifier
    named = {*(classifiers or ()), *(transcoders or ())} - had
    return pipelines, {reason: name in named for reason, name in missing.items()}


def refuse_name(name: str) -> None:
    """Raise UsageError where name=path gives a trained transcoder a name that it cannot have."""
    if name in BY_SPELLING or not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"transcoder {name}=…: expected name=path, the name of letters, digits, - and _ and none of "
            f"{', '.join(BY_SPELLING)}"
        )


def check(transcoder: Transcoder, pipeline: TaggingPipeline) -> None:
    """Raise UsageError where a transcoder cannot serve a pipeline."""
    try:
        transcoder.check_serves(classifier_record(pipeline.classifier))
    except UsageError as error:
        raise UsageError(f"{pipeline.model}: {error}") from error
    if transcoder.settings.source != "levels":
        raise UsageError(
            f"{pipeline.model} starts from {transcoder.settings.source}, which sensors do not send"
        )


@dataclass(frozen=True)
class Features:
    """What pipelines need of one recording.

    Attributes
    ----------
    levels : dict of ThirdOctaves to (np.ndarray, int)
        (n_seconds, n_frames, n_bands) float32 in dB, each second analysed alone, and the recording's length in
        samples at the rate of these third octaves.
    mels : dict of str to np.ndarray
        By front end, what its classifiers take: (n, n_frames, n_mels) float32.
    remarks : tuple of str
        What a user should know of the recording, see `Recording`.
    """

    levels: dict[ThirdOctaves, tuple[np.ndarray, int]]
    mels: dict[str, np.ndarray]
    remarks: tuple[str, ...] = ()


@torch.no_grad()
def extract_features(path: Path, pipelines: Sequence[TaggingPipeline]) -> Features:
    """Read a sound file once and compute what the pipelines need of it.

    Returns
    -------
    Features

    Raises
    ------
    AudioError, MissingFileError
        It cannot be read.
    """
    recording = read_audio(path, pipelines[0].reading)
    levels: dict[ThirdOctaves, tuple[np.ndarray, int]] = {}
    mels: dict[str, np.ndarray] = {}
    for pipeline in pipelines:
        transcoder, front_end = pipeline.load_transcoder(), pipeline.front_end
        if transcoder is None:
            if front_end.name not in mels:
                mels[front_end.name] = front_end.classifier_input(recording.at(front_end.sr))
        elif (record := transcoder.third_octaves) not in levels:
            # always from the rate of the third octaves (docs/method.md, section 9, defect 1)
            signal = recording.at(record.sr)
            levels[record] = record.levels(signal, "per_second"), len(signal)
    return Features(levels, mels, recording.remarks)


def predict(
    features: Sequence[Features], pipelines: Sequence[TaggingPipeline], device: str = "cpu"
) -> dict[TaggingPipeline, np.ndarray]:
    """Return the scores of many recordings, computed together.

    Parameters
    ----------
    features : list of Features
        Features of n recordings of any lengths.
    pipelines : sequence of TaggingPipeline
        For whom they were analysed.
    device : str
        cpu or cuda.

    Returns
    -------
    dict of TaggingPipeline to np.ndarray
        (n, n_labels) float32 in 0 … 1.
    """
    predictions, transcoded = {}, {}
    for pipeline in pipelines:
        transcoder = pipeline.load_transcoder(device)
        if transcoder is None:
            mels = [torch.from_numpy(one.mels[pipeline.front_end.name]) for one in features]
        else:  # two classifiers may share one transcoder
            if transcoder not in transcoded:
                transcoded[transcoder] = transcode_all(transcoder, features)
            mels = transcoded[transcoder]
        predictions[pipeline] = classify_all(pipeline.load_classifier(device), mels)
    return predictions


def transcode_all(transcoder: Transcoder, features: Sequence[Features]) -> list[torch.Tensor]:
    """Return the Mels of many recordings as `Transcoder.transcode` does of one: list of (n, T, 64) tensors."""
    levels, lengths = zip(*(one.levels[transcoder.third_octaves] for one in features), strict=True)
    positions = torch.cat([torch.arange(len(one)) for one in levels])
    seconds = transcoder.transcode_seconds(torch.from_numpy(np.concatenate(levels)), positions=positions)
    chunks = seconds.split([len(one) for one in levels])
    mels = [transcoder.join(*pair) for pair in zip(chunks, lengths, strict=True)]
    return mels if transcoder.front_end.patches else [one[None] for one in mels]


def classify_all(classifier: Classifier, mels: Sequence[torch.Tensor]) -> np.ndarray:
    """Return the scores of many recordings, (n, n_labels), as `Classifier.recording_scores` does of one.

    Recordings whose spectrograms or patches are of the same length share batches.
    """
    device = next(classifier.parameters()).device.type
    if not classifier.record.front_end.patches:
        mels = [classifier.continued_recording(one) for one in mels]
    scores: dict[int, torch.Tensor] = {}
    of_length: dict[int, list[int]] = {}
    for index, one in enumerate(mels):
        of_length.setdefault(one.shape[1], []).append(index)
    for n_frames, indices in of_length.items():
        if n_frames > LONGEST_FRAMES:
            for index in indices:
                scores[index] = classifier.recording_scores(mels[index])
            continue
        together = classifier.scores(torch.cat([mels[index] for index in indices]), MELS_PER_BATCH[device])
        parts = together.split([len(mels[index]) for index in indices])
        for index, part in zip(indices, parts, strict=True):
            scores[index] = part.mean(0)
    return torch.stack([scores[index] for index in range(len(mels))]).numpy()

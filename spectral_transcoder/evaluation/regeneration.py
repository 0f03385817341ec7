"""Recordings made audible and classified again from their third octaves, beside the same from their true Mels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectral_transcoder.models.classifiers import (
    CLASSIFIERS,
    EMBEDDED,
    Classifier,
    available_classifiers,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.level_models import load_model
from spectral_transcoder.models.registry import (
    ADAPTED,
    REGISTRY,
    STUDENT,
    TRUE_MELS,
    Kind,
    describe,
    model_entry,
)
from spectral_transcoder.models.transcoders import SHORTEST_TAIL_S, Transcoder, TranscoderSettings
from spectral_transcoder.signal.audio import Recording, write_wav
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_plots import plot_mels
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.utils.files import refuse_foreign
from spectral_transcoder.utils.paths import REFERENCE_MODELS
from spectral_transcoder.utils.plotting import is_own_picture


def transcoders_for(
    classifier: str, folder: Path = REFERENCE_MODELS, device: str = "cpu", of_mels: bool = False
) -> tuple[dict[str, Transcoder], dict[str, Path]]:
    """Return the transcoders that serve a classifier, and the files of the trained ones.

    With `of_mels`, those that make Mels of their own: no adapted classifiers and no students.

    Returns
    -------
    dict of str to Transcoder
        By the registry's names: "pinv" and "pinv_texture" always, trained ones where `folder` holds one.
    dict of str to Path
        The files of those that have one.
    """
    front_end = classifier_record(classifier).front_end.name
    transcoders, paths = {}, {}
    for entry in REGISTRY:
        if of_mels and entry.name in (ADAPTED, STUDENT):
            continue
        if entry.kind == Kind.UNTRAINED:
            transcoders[entry.name] = Transcoder(TranscoderSettings(entry.name, front_end)).to(device)
        elif entry.kind == Kind.TRAINED and (path := entry.find(classifier, folder)) is not None:
            transcoders[entry.name], paths[entry.name] = load_model(path).to(device), path
    return transcoders, paths


@dataclass(frozen=True)
class ServedClassifier:
    """A classifier, and what brings levels to it.

    Attributes
    ----------
    classifier : Classifier
        The classifier.
    transcoders : dict of str to Transcoder
        Those that serve it, by the registry's names.
    paths : dict of str to Path
        The files of the trained ones.
    """

    classifier: Classifier
    transcoders: dict[str, Transcoder]
    paths: dict[str, Path]


def load_classifiers(device: str) -> list[ServedClassifier]:
    """Load all classifiers that are here with their transcoders; say what to fetch if only the embedded one is."""
    names = available_classifiers()
    if not set(names) - {EMBEDDED}:
        fetch = CLASSIFIERS["YamNetMobile"].fetch_command
        print(f"no full classifier here; the smallest (4 MB) comes with: {fetch}")
    return [
        ServedClassifier(load_classifier(name, device=device), *transcoders_for(name, device=device))
        for name in names
    ]


def regenerate(
    recording: Recording,
    transcoders: Mapping[str, Transcoder],
    folder: Path,
    device: str = "cpu",
    n_iter: int = 24,
) -> list[Path]:
    """Write a recording, and the sounds made again from its Mels, true and transcoded.

    Parameters
    ----------
    recording : Recording
        The sound.
    transcoders : dict of str to Transcoder
        Transcoders to PANN's Mels, by the registry's names.
    folder : Path
        Files are `<folder>/<name>/<name>_{original,generated_from_…}.wav` and `…_spectrograms.png`.
    device : str
        The device that computes the sound: cpu or cuda.
    n_iter : int
        Rounds of the inversion.

    Returns
    -------
    list of Path
        What was written.
    """
    signal = recording.at(PANN_MELS.sr)
    mels = {TRUE_MELS: PANN_MELS.mels(signal)}
    mels |= {name: transcoder.transcode(signal) for name, transcoder in transcoders.items()}

    original, *regenerated, picture = written = output_paths(folder, recording.name, transcoders)
    panels = {model_entry(name).title: log_mels for name, log_mels in mels.items()}
    plot_mels(
        panels, PANN_MELS, picture, f"PANN Mels of {recording.name}"
    )  # first: it marks the folder as ours
    write_wav(original, signal, PANN_MELS.sr)
    for path, log_mels in zip(regenerated, mels.values(), strict=True):
        write_wav(path, mel_to_audio(log_mels, PANN_MELS, n_iter, device=device), PANN_MELS.sr)
    return written


def refuse_foreign_sounds(outputs: Sequence[Path]) -> None:
    """Raise UsageError where sounds of these names are there that `regenerate` did not write: without its picture."""
    *sounds, picture = outputs
    ours = picture.is_file() and is_own_picture(picture)
    refuse_foreign(sounds, lambda _: ours)


def output_paths(folder: Path, name: str, transcoders: Iterable[str]) -> list[Path]:
    """Return what `regenerate` writes of a recording of that name: the original, a sound of each Mels, the picture."""
    sounds = [model_entry(kind).sound_name for kind in (TRUE_MELS, *transcoders)]
    kinds = ["original.wav", *(f"generated_from_{sound}.wav" for sound in sounds), "spectrograms.png"]
    return [folder / name / f"{name}_{kind}" for kind in kinds]


def top_classes(
    recording: Recording, classifier: Classifier, transcoders: Mapping[str, Transcoder], n_classes: int = 10
) -> dict[str, list[tuple[str, float]]]:
    """Return the first classes of a recording, classified through its true and its transcoded Mels.

    Returns
    -------
    dict of str to list of (str, float)
        By the title of the Mels: `n_classes` labels with their scores, the highest first.
    """
    front_end = classifier.record.front_end
    mels = {TRUE_MELS: front_end.classifier_input(recording.at(front_end.sr), SHORTEST_TAIL_S)}
    for name, transcoder in transcoders.items():
        transcoded = transcoder.transcode(recording.at(transcoder.third_octaves.sr))
        mels[name] = transcoded if front_end.patches else transcoded[None]
    classes = {}
    for name, log_mels in mels.items():
        behind = transcoders[name].classifier_behind(classifier) if name in transcoders else classifier
        scores = behind.recording_scores(log_mels)
        best = np.argsort(-scores)[:n_classes]
        classes[model_entry(name).title] = [
            (classifier.record.labels[index], float(scores[index])) for index in best
        ]
    return classes


def format_classes(classes: Mapping[str, list[tuple[str, float]]], width: int = 34) -> str:
    """Return a table of `top_classes` as text, one column for each kind of Mels."""
    lines = ["    " + "".join(f"{title:<{width}}" for title in classes)]
    for rank, row in enumerate(zip(*classes.values(), strict=True), start=1):
        cells = (f"{score:.3f} {label[: width - 8]}" for label, score in row)
        lines.append(f"{rank:>3} " + "".join(f"{cell:<{width}}" for cell in cells))
    return "\n".join(line.rstrip() for line in lines)


def describe_classes(recording: Recording, served: ServedClassifier) -> str:
    """Return the first classes of a recording as text: a line on the models, and `format_classes`."""
    models = ", ".join(describe(path) for path in served.paths.values()) or "no trained model"
    classes = top_classes(recording, served.classifier, served.transcoders)
    title = f"{served.classifier.record.name} finds in {recording.name} ({models}):"
    return f"\n{title}\n{format_classes(classes)}"

"""Calibrating the presence of sources for a sensor's models: on sounds through true Mels, or on people's word.

The scores are those of the sensor's own path, levels → transcoder → classifier. What they are calibrated on is
whether the classifier finds the class on the sound itself (by the published rank rule, on true Mels), which needs
no labels; or the times of presence that people gave.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

import spectral_transcoder
from spectral_transcoder.datasets.annotated_recordings import AnnotatedRecordings
from spectral_transcoder.evaluation.presence import class_scores, find_presence
from spectral_transcoder.evaluation.presence_probability import PresenceCalibration, brier_score, fit_presence
from spectral_transcoder.models.classifiers import Classifier
from spectral_transcoder.models.labels import groupings
from spectral_transcoder.sensors.classify import TVB, SensorClassifier
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.sounds import audio_blocks
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.utils.errors import (
    AudioError,
    DatasetError,
    MissingFileError,
    SpectralTranscoderError,
    UsageError,
)
from spectral_transcoder.utils.files import refuse_foreign
from spectral_transcoder.utils.paths import REFERENCE_MODELS

SUFFIX = "presence.json"
DIGITS = 12  # of a digest in a file's name


def models_digest(model: SensorClassifier) -> str:
    """Return what identifies a transcoder and a classifier by their settings and weights: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    settings = getattr(model.transcoder, "settings", None)
    digest.update(repr(settings).encode())
    for module in (model.transcoder, model.classifier):
        _add_weights(digest, module)
    return digest.hexdigest()[:DIGITS]


def _add_weights(digest: "hashlib._Hash", module: nn.Module) -> None:
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())


def calibration_name(model: SensorClassifier, window_s: int) -> str:
    """Return the name of a model's calibration file, for windows of that length."""
    return f"{model.classifier.record.name}_{models_digest(model)}_{window_s}s.{SUFFIX}"


def find_calibration(
    model: SensorClassifier, window_s: int, references: Path = REFERENCE_MODELS, weights: Path | None = None
) -> PresenceCalibration | None:
    """Return the calibration of a model beside its classifier, or in `reference_models/`; None where there is none.

    `weights` is the classifier's file, where it is not in `pretrained_models/`.
    """
    name = calibration_name(model, window_s)
    for folder in ((weights or model.classifier.record.path).parent, references):
        if (folder / name).is_file():
            return PresenceCalibration.load(folder / name)
    return None


def save_calibration(
    calibration: PresenceCalibration,
    model: SensorClassifier,
    folder: Path | None = None,
    weights: Path | None = None,
) -> Path:
    """Write a calibration beside the model's classifier, see `find_calibration`, or into a folder; return its path."""
    path = claim_calibration(model, calibration.window_s, folder, weights)
    calibration.save(path)
    return path


def claim_calibration(
    model: SensorClassifier, window_s: int, folder: Path | None = None, weights: Path | None = None
) -> Path:
    """Return where `save_calibration` writes; raise UsageError where something else than a calibration is there."""
    folder = folder or (weights or model.classifier.record.path).parent
    path = folder / calibration_name(model, window_s)
    refuse_foreign([path], is_calibration)
    return path


def is_calibration(path: Path) -> bool:
    """Whether a file is a calibration of presence."""
    try:
        PresenceCalibration.load(path)
    except SpectralTranscoderError:
        return False
    return True


def sensor_scores(
    model: SensorClassifier,
    path: Path,
    window_s: int,
    reading: Reading = AS_USUAL,
    findings: Findings | None = None,
) -> NDArray[np.float32]:
    """Return the scores of traffic, voices and birds in the windows of a sound's levels: (n, 3).

    A last window that is not whole is left out. What a user should know of the sound is noted in `findings`.
    """
    blocks = audio_blocks(path, reading=reading, findings=findings)
    scores = [
        class_scores(windows.scores, model.labels, TVB)[1][windows.windows.complete]
        for windows in model.classify(blocks, window_s=window_s)
    ]
    return np.concatenate(scores)


def true_presence(
    classifier: Classifier, path: Path, window_s: int, reading: Reading = AS_USUAL
) -> NDArray[np.bool_]:
    """Return whether traffic, voices and birds are present in the windows of a sound, by its true Mels: (n, 3).

    By the rank rule (`find_presence`), which was published for true Mels.
    """
    front_end, labels = classifier.record.front_end, classifier.record.labels
    signal = read_audio(path, reading).at(front_end.sr)
    n_windows = len(signal) // (front_end.sr * window_s)
    windows = np.split(signal[: n_windows * front_end.sr * window_s], max(1, n_windows))
    scores = [classifier.recording_scores(front_end.classifier_input(own)) for own in windows[:n_windows]]
    if not scores:
        return np.zeros((0, len(groupings()[TVB])), bool)
    return find_presence(np.stack(scores), labels, TVB).present


def calibrate_by_true_mels(
    model: SensorClassifier,
    sounds: Sequence[Path],
    window_s: int,
    reading: Reading = AS_USUAL,
    findings: Findings | None = None,
    failed: dict[Path, str] | None = None,
) -> PresenceCalibration:
    """Calibrate a model on sounds without labels: is the class present by the classifier's true Mels?

    Parameters
    ----------
    model : SensorClassifier
        What is calibrated.
    sounds : sequence of Path
        Streets as the sensors measure: how often classes occur in them is part of the calibration.
    window_s : int
        Duration of windows.
    reading : Reading
        Which channel is taken, and what is done with sounds that were cut off.
    findings : Findings, optional
        Where it is noted that sounds were cut off, or that their channels cancel.
    failed : dict, optional
        Gets {path: reason} of sounds that cannot be read; without it the first one raises.

    Raises
    ------
    AudioError
        No sound can be read.
    UsageError
        Fewer than 20 windows in all.
    """
    scores, present = [], []
    for path in sounds:
        try:
            own = sensor_scores(model, path, window_s, reading, findings)
            there = true_presence(model.teacher, path, window_s, reading)
        except AudioError as error:
            leave_out(path, error, failed)
            continue
        n_windows = min(len(own), len(there))
        scores.append(own[:n_windows])
        present.append(there[:n_windows])
    if not scores:
        raise AudioError("; ".join(list((failed or {}).values())[:3]) or "no sound to calibrate on")
    made_from = {"presence": "true Mels, 8 highest entries", "sounds": len(scores)} | stated(reading)
    return _fit(model, np.concatenate(scores), np.concatenate(present), None, window_s, made_from)


def leave_out(path: Path, error: AudioError, failed: dict[Path, str] | None) -> None:
    """Note a sound that cannot be read, or raise its error where nobody asks for such notes."""
    if failed is None:
        raise error
    failed[path] = str(error)


def stated(reading: Reading) -> dict:
    """Return what a calibration's file says of how its sounds were read: nothing where that is as usual."""
    return {} if reading == AS_USUAL else {"reading": reading.to_dict()}


def calibrate_by_people(
    model: SensorClassifier,
    annotated: AnnotatedRecordings,
    folder: Path,
    window_s: int,
    reading: Reading = AS_USUAL,
    findings: Findings | None = None,
) -> PresenceCalibration:
    """Calibrate a model on recordings whose times of presence people gave.

    Each window of a recording is taken to hold a class with the probability that its time of presence is, and
    all recordings count alike, however long they are. `reading` and `findings` are as of `calibrate_by_true_mels`.

    Raises
    ------
    AudioError, MissingFileError
        A recording cannot be read, or is not in the folder.
    UsageError
        Classes that are not traffic, voices and birds, or fewer than 20 windows in all.
    """
    if missing := [name for name in annotated.recordings if not (folder / name).is_file()]:
        raise MissingFileError(
            f"no recording {missing[0]} in {folder}: the table of times of presence lists it"
        )
    known = list(groupings()[TVB])
    if unknown := [name for name in annotated.classes if name not in known]:
        raise UsageError(f"annotated class {unknown[0]!r}: expected some of {', '.join(known)}")
    columns = [known.index(name) for name in annotated.classes]
    scores = [
        sensor_scores(model, folder / name, window_s, reading, findings)[:, columns]
        for name in annotated.recordings
    ]
    if short := [name for name, own in zip(annotated.recordings, scores, strict=True) if not len(own)]:
        raise DatasetError(f"{folder / short[0]} is shorter than a window of {window_s} s")
    lengths = [len(own) for own in scores]
    present = np.repeat(annotated.times_of_presence, lengths, axis=0)
    weights = np.repeat(1 / np.array(lengths), lengths)
    made_from = {"presence": "times of presence by people", "sounds": len(lengths)} | stated(reading)
    return _fit(model, np.concatenate(scores), present, weights, window_s, made_from, annotated.classes)


def _fit(
    model: SensorClassifier,
    scores: NDArray[np.float32],
    present: np.ndarray,
    weights: NDArray[np.float64] | None,
    window_s: int,
    made_from: dict,
    classes: Sequence[str] = (),
) -> PresenceCalibration:
    """Fit and describe the calibration of some classes, by default traffic, voices and birds."""
    classes = classes or list(groupings()[TVB])
    fitted = fit_presence(scores, present, classes, weights)
    errors = {
        name: round(brier_score(one.probability(scores[:, index]), present[:, index].astype(float)), 4)
        for index, (name, one) in enumerate(fitted.items())
    }
    provenance = made_from | {
        "windows": len(scores),
        "present_share": {
            name: round(float(present[:, index].mean()), 4) for index, name in enumerate(classes)
        },
        "brier_score": errors,
        "models": models_digest(model),
        "spectral_transcoder": spectral_transcoder.__version__,
    }
    network = model.transcoder.settings.network
    return PresenceCalibration(
        fitted, model.classifier.record.name, network, window_s, json.loads(json.dumps(provenance))
    )

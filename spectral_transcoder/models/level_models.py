"""Trained models of any kind by their checkpoints: transcoders, adapted classifiers, students.

The latter two go from third-octave levels to scores. Each is a pair for the rest of the library: a transcoder,
which for students passes the levels on, and a classifier behind it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spectral_transcoder.models.adaptation import AdaptedModel, build_adapted
from spectral_transcoder.models.checkpoints import load_tensors
from spectral_transcoder.models.student import Student, build_student
from spectral_transcoder.models.transcoders import Transcoder, build_transcoder
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError

Trained = Transcoder | AdaptedModel | Student
LEVEL_MODELS: dict[str | None, Callable[[dict[str, Any], Path], Trained]] = {
    "adapted": build_adapted,
    "student": build_student,
}


def load_level_model(path: Path) -> AdaptedModel | Student:
    """Load an adapted classifier or a student.

    Raises
    ------
    MissingFileError
        No such file.
    CheckpointError
        Damaged, unsafe, or neither.
    """
    model = load_trained(path)
    if isinstance(model, Transcoder):
        raise CheckpointError(f"{path} is neither an adapted classifier nor a student")
    return model


def load_model(path: Path) -> Transcoder:
    """Load a trained model of any kind as the transcoder that it has, or is.

    `classifier_behind` of an adapted classifier's and of a student's then gives what scores.

    Raises
    ------
    MissingFileError
        No such file, or published weights without their settings.
    CheckpointError
        Damaged, unsafe, or weights of another network than the settings say.
    """
    model = load_trained(path)
    return model if isinstance(model, Transcoder) else model.transcoder


def load_trained(path: Path) -> Trained:
    """Load a trained model as what its settings say that it is; errors as of `load_model`."""
    if not path.is_file():
        raise MissingFileError(f"no trained model at {path}")
    content = load_tensors(path)
    settings = content.get("settings")
    network = settings.get("network") if isinstance(settings, dict) else None
    return LEVEL_MODELS.get(network, build_transcoder)(content, path)

"""Models from third-octave levels to scores, adapted classifiers and students, whichever a checkpoint holds.

Each is a pair for the rest of the library: a transcoder, which for students passes the levels on, and a
classifier behind it.
"""

from collections.abc import Callable
from pathlib import Path

from spectral_transcoder.models.adaptation import AdaptedModel, load_adapted
from spectral_transcoder.models.checkpoints import load_tensors
from spectral_transcoder.models.student import Student, load_student
from spectral_transcoder.models.transcoders import Transcoder, load_transcoder
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError

LOADERS: dict[str, Callable[[Path], AdaptedModel | Student]] = {
    "adapted": load_adapted,
    "student": load_student,
}


def kind_of_checkpoint(path: Path) -> str | None:
    """Return "adapted" or "student", or None of a transcoder's checkpoint.

    Raises
    ------
    MissingFileError
        No such file.
    CheckpointError
        Damaged or unsafe.
    """
    if not path.is_file():
        raise MissingFileError(f"no trained model at {path}")
    settings = load_tensors(path).get("settings")
    network = settings.get("network") if isinstance(settings, dict) else None
    return network if network in LOADERS else None


def load_level_model(path: Path) -> AdaptedModel | Student:
    """Load an adapted classifier or a student.

    Raises
    ------
    MissingFileError
        No such file.
    CheckpointError
        Damaged, unsafe, or neither.
    """
    kind = kind_of_checkpoint(path)
    if kind is None:
        raise CheckpointError(f"{path} is neither an adapted classifier nor a student")
    return LOADERS[kind](path)


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
    kind = kind_of_checkpoint(path)
    return load_transcoder(path) if kind is None else LOADERS[kind](path).transcoder

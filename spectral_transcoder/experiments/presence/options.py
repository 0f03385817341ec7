"""Options of experiment 3: which recordings, their levels, and further transcoders."""

import argparse
from functools import lru_cache
from pathlib import Path

from spectral_transcoder.datasets.annotated_recordings import (
    TABLE,
    AnnotatedRecordings,
    read_times_of_presence,
)
from spectral_transcoder.evaluation.tagging import TRANSCODERS, TaggingPipeline, find_pipeline
from spectral_transcoder.experiments.engine.plans import RESERVED
from spectral_transcoder.models.registry import TRUE_MELS
from spectral_transcoder.utils.cli import comma_list
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import PRETRAINED_MODELS, REFERENCE_MODELS

SOUND, LEVELS = "sound", "levels"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of experiment 3."""
    add = parser.add_argument
    add("--recordings", type=Path, required=True, help="folder of the recordings and of their table")
    add("--annotations", type=Path, help=f"the table (default: {TABLE} in the folder of recordings)")
    add("--levels", type=Path, help="a .npz of the recordings' third octaves: the plan `levels`")
    add("--period", type=float, help="seconds from one level to the next (default: as in levels_128ms.npz)")
    add("--offset", type=float, help="dB that bring levels to dBFS (default: each recording normalised)")
    add(
        "--trained",
        type=comma_list,
        default=[],
        metavar="NAME=FILE,…",
        help="further trained transcoders, each for the classifiers whose Mels it makes",
    )
    add("--models_path", type=Path, default=PRETRAINED_MODELS, help="folder of the classifiers' weights")
    add("--reference_models_path", type=Path, default=REFERENCE_MODELS, help="folder of trained transcoders")


def dataset_name(options: argparse.Namespace) -> str:
    """Return what the recordings are called: their folder's name.

    Raises
    ------
    UsageError
        A name with a character that separates parts of identifiers.
    """
    name = options.recordings.resolve().name
    if not name or set(name) & set(RESERVED):
        raise UsageError(f"recordings in {options.recordings}: expected a folder's name without {RESERVED}")
    return name


def annotated(options: argparse.Namespace) -> AnnotatedRecordings:
    """Return the recordings' names and their times of presence."""
    return read_times_of_presence(options.annotations or options.recordings / TABLE)


def trained_transcoders(options: argparse.Namespace) -> dict[str, str]:
    """Return {name: name=path} of the transcoders that `--trained` adds.

    Raises
    ------
    UsageError
        Something that is not name=path.
    """
    named = {text.partition("=")[0]: text for text in options.trained}
    if wrong := [text for text in options.trained if "=" not in text]:
        raise UsageError(f"--trained {wrong[0]}: expected a name and a file, such as street=street_model")
    return named


def chosen_pipeline(options: argparse.Namespace, classifier: str, transcoder: str) -> TaggingPipeline:
    """Return the classifier with the transcoder of that name; see `tagging.find_pipeline`."""
    asked = trained_transcoders(options).get(transcoder, transcoder)
    return find_pipeline(classifier, asked, options.models_path, options.reference_models_path)


@lru_cache
def _is_there(classifier: str, transcoder: str, models: Path, references: Path) -> bool:
    try:
        find_pipeline(classifier, transcoder, models, references)
    except (MissingFileError, UsageError):
        return False
    return True


def pipelines_here(options: argparse.Namespace, classifiers: list[str]) -> dict[str, list[str]]:
    """Return the transcoders that are there by classifier; classifiers without weights are left out."""
    trained = trained_transcoders(options)
    found = {}
    for classifier in classifiers:
        there = [
            name
            for name in (*TRANSCODERS, *trained)
            if _is_there(
                classifier, trained.get(name, name), options.models_path, options.reference_models_path
            )
        ]
        if there:
            found[classifier] = there
    return found


def input_transcoders(transcoders: list[str], source: str) -> list[str]:
    """Return the transcoders that an input has: levels have no true Mels."""
    return [name for name in transcoders if source == SOUND or name != TRUE_MELS]

"""What experiment 3 works on: recordings that people annotated, and the pipelines that classify them."""

import argparse
from functools import lru_cache
from pathlib import Path

from spectral_transcoder.datasets.annotated_recordings import (
    AnnotatedRecordings,
    read_times_of_presence,
)
from spectral_transcoder.datasets.names import TABLE_OF_PRESENCE
from spectral_transcoder.evaluation.tagging import TRANSCODERS, TaggingPipeline, find_pipeline
from spectral_transcoder.experiments.engine.plans import RESERVED
from spectral_transcoder.experiments.presence.options import SOUND
from spectral_transcoder.models.registry import TRUE_MELS
from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, THIRD_OCTAVES
from spectral_transcoder.utils.errors import MissingFileError, UsageError

EVERY_SECOND_MS = 1000
PERIODS_MS = (125, EVERY_SECOND_MS)  # of the levels that transcoders found by name start from


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
    return read_times_of_presence(options.annotations or options.recordings / TABLE_OF_PRESENCE)


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


def chosen_pipeline(
    options: argparse.Namespace, classifier: str, transcoder: str, period_ms: int = PERIODS_MS[0]
) -> TaggingPipeline:
    """Return the classifier with the transcoder of that name for levels of a period; see `tagging.find_pipeline`."""
    asked = trained_transcoders(options).get(transcoder, transcoder)
    third_octaves = SECOND_OCTAVES if period_ms == EVERY_SECOND_MS else THIRD_OCTAVES
    return find_pipeline(classifier, asked, options.models_path, options.reference_models_path, third_octaves)


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

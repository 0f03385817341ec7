"""Which classifier and which transcoder are used for a sensor: the best that are here, or those asked for."""

from pathlib import Path

from torch import nn

from spectral_transcoder.models.classifiers import (
    EMBEDDED,
    Classifier,
    available_classifiers,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.level_models import load_model
from spectral_transcoder.models.registry import ModelEntry, describe, find_model, identifier_factors
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS


def choose_classifier(
    name: str | None = None, weights: Path | None = None, device: str = "cpu", engine: str = "torch"
) -> Classifier:
    """Load the classifier of that name, or the best whose weights are here.

    Parameters
    ----------
    name : str, optional
        A classifier's name.
    weights : Path, optional
        Its file, where it is not in `pretrained_models/`.
    device : str
        cpu or cuda.
    engine : str
        What runs it: torch or onnxruntime.

    Raises
    ------
    MissingFileError
        No weights; the message names the command that fetches them.
    UsageError
        Unknown name, or weights without a name.
    """
    return load_classifier(_name_of(name, weights), weights, device, engine)


def _name_of(name: str | None, weights: Path | None) -> str:
    """Return a classifier's name, or the best one's whose weights are here."""
    if name is None and weights is not None:
        raise UsageError("weights of which classifier? give its name too")
    return name or (available_classifiers() or [EMBEDDED])[0]


def choose_models(
    name: str | None = None,
    asked: str | None = None,
    weights: Path | None = None,
    device: str = "cpu",
    engine: str = "torch",
    third_octaves: ThirdOctaves = THIRD_OCTAVES,
) -> tuple[Transcoder, Classifier, str]:
    """Load what goes from levels to scores, see `choose_transcoder` and `choose_classifier`.

    A student needs nothing of its classifier but the labels, so that no weights of it have to be here.

    Parameters
    ----------
    name, weights, device, engine
        As `choose_classifier` takes them.
    asked, third_octaves
        As `choose_transcoder` takes them.

    Returns
    -------
    Transcoder
        In evaluation mode.
    Classifier
        What it serves; without any weights where they are neither needed nor given.
    str
        Which transcoder it is, in words.
    """
    record = classifier_record(_name_of(name, weights))
    transcoder, which = choose_transcoder(record.name, asked, device=device, third_octaves=third_octaves)
    if transcoder.needs_classifier or weights is not None:
        return transcoder, load_classifier(record.name, weights, device, engine), which
    return transcoder, Classifier(record, nn.Identity(), engine), which


def choose_transcoder(
    classifier: str,
    asked: str | None = None,
    folder: Path = REFERENCE_MODELS,
    device: str = "cpu",
    third_octaves: ThirdOctaves = THIRD_OCTAVES,
) -> tuple[Transcoder, str]:
    """Load the transcoder asked for, or the best for a classifier, see `registry.find_model`.

    Parameters
    ----------
    classifier : str
        The classifier's name.
    asked : str, optional
        One of `registry.TRANSCODERS`, in any of the registry's spellings, or the path of a trained transcoder.
    folder : Path
        Where trained transcoders are looked for.
    device : str
        cpu or cuda.
    third_octaves : ThirdOctaves
        What the levels are: every 125 ms, or every second.

    Returns
    -------
    Transcoder
        In evaluation mode.
    str
        Which it is, in words.

    Raises
    ------
    MissingFileError
        There is none of that kind.
    UsageError
        It makes the Mels of another front end, or takes levels of another period.
    """
    every_second = third_octaves.frames_per_second == 1
    found = find_model(classifier, asked, folder, every_second)
    if isinstance(found, ModelEntry):
        front_end = classifier_record(classifier).front_end.name
        settings = TranscoderSettings(found.name, front_end, third_octaves=third_octaves)
        return Transcoder(settings).to(device), f"{found.title} for {front_end} Mels"
    named = "classifier" in identifier_factors(found)
    transcoder = _load_for(classifier, found, third_octaves).to(device)
    return transcoder, f"{describe(found)}: {found}" if named else describe(found)


def _load_for(classifier: str, path: Path, third_octaves: ThirdOctaves) -> Transcoder:
    """Load a trained model; raise UsageError, naming its file, where it does not serve classifier and levels."""
    transcoder = load_model(path)
    try:
        transcoder.check_serves(classifier_record(classifier))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    theirs = transcoder.third_octaves
    if theirs.frames_per_second != third_octaves.frames_per_second:
        raise UsageError(
            f"{path} takes {theirs.frames_per_second} levels a second, not {third_octaves.frames_per_second}: expected "
            f"a model that was trained on a dataset made with --period {third_octaves.period_s:g}, pinv or pinv_texture"
        )
    return transcoder

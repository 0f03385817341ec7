"""Which classifier and which transcoder are used for a sensor: the best that are here, or those asked for."""

from pathlib import Path

from spectral_transcoder.models.classifiers import (
    EMBEDDED,
    Classifier,
    available_classifiers,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.level_models import load_model
from spectral_transcoder.models.registry import (
    BEST_UNTRAINED,
    BY_SPELLING,
    REGISTRY,
    Kind,
    best_model,
    describe,
    identifier_factors,
    model_entry,
)
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS

TRANSCODERS = tuple(entry.name for entry in REGISTRY if entry.kind != Kind.TRUE_MELS)


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
    if name is None and weights is not None:
        raise UsageError("weights of which classifier? give its name too")
    if name is None:
        name = (available_classifiers() or [EMBEDDED])[0]
    return load_classifier(name, weights, device, engine)


def choose_transcoder(
    classifier: str,
    asked: str | None = None,
    folder: Path = REFERENCE_MODELS,
    device: str = "cpu",
    third_octaves: ThirdOctaves = THIRD_OCTAVES,
) -> tuple[Transcoder, str]:
    """Load the transcoder asked for, or the best for a classifier, see `registry.best_model`.

    Parameters
    ----------
    classifier : str
        The classifier's name.
    asked : str, optional
        One of `TRANSCODERS`, in any of the registry's spellings, or the path of a trained transcoder.
    folder : Path
        Where trained transcoders are looked for.
    device : str
        cpu or cuda.
    third_octaves : ThirdOctaves
        Every 125 ms, or every second, for which there is no trained one by name.

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
        It makes the Mels of another front end.
    """
    front_end = classifier_record(classifier).front_end.name
    path: Path | None
    if asked is None and third_octaves == THIRD_OCTAVES:
        entry, path = best_model(classifier, folder)
    elif asked is None:
        entry, path = model_entry(BEST_UNTRAINED), None
    elif asked in BY_SPELLING and BY_SPELLING[asked].kind != Kind.TRUE_MELS:
        entry, path = model_entry(asked), None
        if entry.kind == Kind.TRAINED and third_octaves != THIRD_OCTAVES:
            raise MissingFileError(
                f"no {asked} for levels every second: expected pinv, pinv_texture or a file"
            )
        if entry.kind == Kind.TRAINED:
            path = entry.require(classifier, folder)
    else:
        path = Path(asked)
        if not path.is_file():
            raise MissingFileError(f"no transcoder {asked}: expected {', '.join(TRANSCODERS)} or a file")

    if path is None:
        settings = TranscoderSettings(entry.name, front_end, third_octaves=third_octaves)
        return Transcoder(settings).to(device), f"{entry.title} for {front_end} Mels"
    transcoder = load_model(path).to(device)
    try:
        transcoder.check_serves(classifier_record(classifier))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    named = "classifier" in identifier_factors(path)
    return transcoder, f"{describe(path)}: {path}" if named else f"the checkpoint {path}"

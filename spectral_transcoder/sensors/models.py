"""Which classifier and which transcoder are used for a sensor: the best that are here, or those asked for."""

from pathlib import Path

from spectral_transcoder.models.classifiers import (
    EMBEDDED,
    Classifier,
    available_classifiers,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.registry import (
    FETCH_COMMAND,
    SUFFIX,
    describe,
    find_reference_model,
    parse_identifier,
)
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS

UNTRAINED = {"pinv": "PINV", "pinv_texture": "PINV with texture"}
TRANSCODERS = (*UNTRAINED, "cnn_mels", "cnn_logits")


def choose_classifier(
    name: str | None = None, weights: Path | None = None, device: str = "cpu"
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
    return load_classifier(name, weights, device)


def choose_transcoder(
    classifier: str,
    asked: str | None = None,
    folder: Path = REFERENCE_MODELS,
    device: str = "cpu",
    third_octaves: ThirdOctaves = THIRD_OCTAVES,
) -> tuple[Transcoder, str]:
    """Load the transcoder asked for, or the best for a classifier.

    The best is CNN-logits taught by that very classifier: one that another edition taught sounds like
    nothing to it. Without one it is PINV with texture, in which classifiers find more than in CNN-mels.

    Parameters
    ----------
    classifier : str
        The classifier's name.
    asked : str, optional
        pinv, pinv_texture, cnn_mels, cnn_logits, or the path of a trained transcoder.
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
    path = None
    if asked in ("cnn_mels", "cnn_logits") and third_octaves != THIRD_OCTAVES:
        raise MissingFileError(f"no {asked} for levels every second: expected pinv, pinv_texture or a file")
    if asked in ("cnn_mels", "cnn_logits"):
        path = find_reference_model(classifier, asked == "cnn_logits", folder)
        if path is None:
            raise MissingFileError(f"no {asked} for {classifier} in {folder}; fetch: {FETCH_COMMAND}")
    elif asked is None and third_octaves == THIRD_OCTAVES:
        taught = find_reference_model(classifier, True, folder)
        path = taught if taught and taught_by(taught) == classifier else None
    elif asked is not None and asked not in UNTRAINED:
        path = Path(asked)
        if not path.is_file():
            raise MissingFileError(f"no transcoder {asked}: expected {', '.join(TRANSCODERS)} or a file")

    if path is None:
        untrained = asked or "pinv_texture"
        settings = TranscoderSettings(untrained, front_end, third_octaves=third_octaves)
        transcoder = Transcoder(settings).to(device)
        return transcoder, f"{UNTRAINED[untrained]} for {front_end} Mels"
    transcoder = load_transcoder(path).to(device)
    if transcoder.front_end.name != front_end:
        raise UsageError(
            f"{path} makes {transcoder.front_end.name} Mels: {classifier} expects {front_end} Mels"
        )
    named = "classifier" in parse_identifier(path.name)
    return transcoder, f"{describe(path)}: {path}" if named else f"the checkpoint {path}"


def taught_by(path: Path) -> str | None:
    """Return the classifier whose outputs taught a CNN-logits, by the name of its file."""
    return parse_identifier(path.name.removesuffix(SUFFIX)).get("classifier")

"""Trained transcoders in `reference_models/`: the published ones once downloaded, and our own.

A file is called `<identifier>_model`, and its identifier says what it is: `factor=value` joined by `+`
(SPEC section 5).
"""

from spectral_transcoder.models.classifiers import CLASSIFIERS, classifier_record
from spectral_transcoder.utils.paths import REFERENCE_MODELS

SUFFIX = "_model"
FETCH_COMMAND = "python3 download_pretrained_models.py --models transcoders"
PUBLISHED_DATASET = "full"  # the published ones were trained on the whole of TAU; ours are not

NETWORKS = ("cnn_texture", "cnn_pinv")  # in the order of their agreement with the sound, see the README


def parse_identifier(identifier):
    """Return {factor: value} of an identifier, all strings; what is no `factor=value` is left out."""
    pairs = (part.partition("=") for part in identifier.split("+"))
    return {factor: value for factor, equals, value in pairs if equals}


def find_reference_model(
    classifier, taught, folder=REFERENCE_MODELS, networks=NETWORKS, published_only=False
):
    """Return the path of the best trained CNN for a classifier, or None.

    Parameters
    ----------
    classifier : str
        A classifier's name. Transcoders made for another classifier with the same front end serve too,
        after its own.
    taught : bool
        True: CNN-logits, taught by the classifier's outputs (`ts=1`), with texture or without. False: CNN-mels
        (`ts=0`).
    folder : Path
        Where to look.
    networks : tuple of str
        Which networks serve.
    published_only : bool
        Leave out our own models.

    Returns
    -------
    Path or None
        Published models come before our own, those taught by a full classifier before those taught by an
        embedded one, those with texture before those without.
    """
    front_end = classifier_record(classifier).front_end
    candidates = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        factors = parse_identifier(path.name.removesuffix(SUFFIX))
        record = CLASSIFIERS.get(factors.get("classifier"))
        if record is None or record.front_end != front_end:
            continue
        if factors.get("transcoder") not in networks or factors.get("ts") != str(int(taught)):
            continue
        own = factors.get("dataset") != PUBLISHED_DATASET
        if own and published_only:
            continue
        teacher = list(CLASSIFIERS).index(record.name)
        rank = (record.name != classifier, own, teacher, NETWORKS.index(factors["transcoder"]))
        candidates.append((rank, path))
    return min(candidates)[-1] if candidates else None


def describe(path):
    """Return one line saying which model a path of `reference_models/` is."""
    factors = parse_identifier(path.name.removesuffix(SUFFIX))
    kind = "CNN-logits" if factors.get("ts") == "1" else "CNN-mels"
    kind += " with texture" if factors.get("transcoder") == "cnn_texture" else ""
    origin = (
        "published" if factors.get("dataset") == PUBLISHED_DATASET else f"trained on {factors.get('dataset')}"
    )
    return f"{kind} for {factors.get('classifier')}, {origin}"

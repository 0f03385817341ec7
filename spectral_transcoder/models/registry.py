"""Transcoders and trained models: what each is called, how it is found, and which classifiers it serves.

One entry for each, used by every script, figure, report and table. Trained models lie in `reference_models/`, the
published ones once downloaded, and our own. A file is called `<identifier>_model`, and its identifier says what it
is: `factor=value` joined by `+` (docs/method.md, section 5).

The rule about teachers: a model that was trained on a classifier's outputs serves that very classifier and no
other, not even another edition with the same Mels, since to those it is worse than no training at all. A model that
was trained on Mels alone serves every classifier that takes these Mels. A student makes no use of its classifier but
for its labels and windows, so it serves every edition that has the same.

The rule about periods: a model that was trained on levels every second, whose dataset's name ends in `-1s`, serves such
levels and no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from spectral_transcoder.models.classifiers import CLASSIFIERS, classifier_record
from spectral_transcoder.models.names import PUBLISHED_CLASSIFIERS
from spectral_transcoder.signal.names import EVERY_SECOND
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS

SUFFIX = "_model"
FETCH_COMMAND = "python3 download_pretrained_models.py --models transcoders"
TRAIN_COMMAND = "exp_train_model/main_doce_training.py"
PUBLISHED_DATASET = "full"  # the published ones were trained on the whole of TAU; ours are not

ADAPTED, STUDENT = "adapted", "student"  # models from levels to scores, which make no Mels of their own
TRUE_MELS = "self"  # the name of the true Mels, as in the paper's experiment 2
TRUE_SUFFIX = "gt"  # their name in files of class outputs


class Kind(Enum):
    """What an entry is: nothing between sound and classifier, or a transcoder with weights or without."""

    TRUE_MELS = "true Mels"
    UNTRAINED = "untrained transcoder"
    TRAINED = "trained transcoder"


@dataclass(frozen=True)
class ModelEntry:
    """A way from sound or levels to what a classifier takes.

    Attributes
    ----------
    name : str
        Its name on command lines.
    title : str
        Its name in figures, reports and tables.
    kind : Kind
        True Mels, an untrained transcoder or a trained one.
    networks : tuple of str
        Its networks, best first: modalities of the factor `transcoder` in the identifiers of trained models.
    teacher_student : bool
        Whether it was trained on the classifier's outputs (factor `ts`), not on Mels alone.
    published_name : str
        Its modality in the paper's experiment 2, and in the names of class outputs; `name` by default.
    sound_name : str
        Its name in the files of generated sounds; `name` by default.
    aliases : tuple of str
        Further names that command lines take.
    """

    name: str
    title: str
    kind: Kind
    networks: tuple[str, ...] = ()
    teacher_student: bool = False
    published_name: str = ""
    sound_name: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("published_name", "sound_name"):
            object.__setattr__(self, field, getattr(self, field) or self.name)

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names that mean it, each once."""
        return tuple(dict.fromkeys((self.name, self.published_name, self.sound_name, *self.aliases)))

    def describes(self, factors: Mapping[str, str]) -> bool:
        """Say whether the factors of an identifier are of such a model."""
        return (
            self.kind == Kind.TRAINED
            and factors.get("transcoder") in self.networks
            and factors.get("ts") == str(int(self.teacher_student))
        )

    def serves(self, factors: Mapping[str, str], classifier: str, every_second: bool = False) -> bool:
        """Say whether such a model, of an identifier's factors, serves: the rules about teachers and periods."""
        theirs = CLASSIFIERS.get(factors.get("classifier", ""))
        if theirs is None or not self.describes(factors) or is_every_second(factors) != every_second:
            return False
        record = classifier_record(classifier)
        if self.name == STUDENT:
            return theirs.is_edition_of(record)
        if self.teacher_student:
            return theirs.name == classifier
        return theirs.front_end == record.front_end

    def find(
        self,
        classifier: str,
        folder: Path = REFERENCE_MODELS,
        published_only: bool = False,
        every_second: bool = False,
    ) -> Path | None:
        """Return the path of the best such model for a classifier, or None.

        Parameters
        ----------
        classifier : str
            A classifier's name.
        folder : Path
            Folder of trained models.
        published_only : bool
            Leave out our own models.
        every_second : bool
            For levels every second, not every 125 ms.
        """
        return find_by_identifier(self, classifier, folder, published_only, every_second)

    def require(self, classifier: str, folder: Path = REFERENCE_MODELS, every_second: bool = False) -> Path:
        """Return the path of the best such model; raise MissingFileError, naming what is there, where there is none."""
        path = self.find(classifier, folder, every_second=every_second)
        if path is not None:
            return path
        if every_second:
            raise MissingFileError(
                f"no {self.name} for {classifier} and levels every second in {folder}: expected pinv, pinv_texture or "
                f"the file of a model that {TRAIN_COMMAND} trained on a dataset made with --period 1"
            )
        others = [other for other in trained_models(folder) if self.describes(identifier_factors(other))]
        teachers = sorted({identifier_factors(other).get("classifier", "?") for other in others})
        why = f" (there are such for {', '.join(teachers)})" if teachers else ""
        if classifier in PUBLISHED_CLASSIFIERS:
            how = f"the published ones come with: {FETCH_COMMAND}"
        else:
            how = f"none was published; {TRAIN_COMMAND} trains one, to be given by its path"
        raise MissingFileError(f"no {self.name} for {classifier} in {folder}{why}: {how}")


REGISTRY = (
    ModelEntry(
        TRUE_MELS, "true Mels", Kind.TRUE_MELS, sound_name="groundtruth_mel", aliases=("oracle", TRUE_SUFFIX)
    ),
    ModelEntry("pinv", "PINV", Kind.UNTRAINED, ("pinv",)),
    ModelEntry("pinv_texture", "PINV with texture", Kind.UNTRAINED, ("pinv_texture",)),
    ModelEntry("cnn_mels", "CNN-mels", Kind.TRAINED, ("cnn_pinv",)),
    ModelEntry(
        "cnn_logits",
        "CNN-logits",
        Kind.TRAINED,
        ("cnn_pinv",),
        teacher_student=True,
        published_name="cnn",
        sound_name="transcoder",
    ),
    ModelEntry(
        "cnn_texture", "CNN-logits with texture", Kind.TRAINED, ("cnn_texture",), teacher_student=True
    ),
    ModelEntry(
        "cnn_grid", "CNN-logits on the sensor's grid", Kind.TRAINED, ("cnn_grid",), teacher_student=True
    ),
    ModelEntry(ADAPTED, "adapted classifier", Kind.TRAINED, ("adapted",), teacher_student=True),
    ModelEntry(STUDENT, "student", Kind.TRAINED, ("student",), teacher_student=True),
)
TRANSCODERS = tuple(entry.name for entry in REGISTRY if entry.kind != Kind.TRUE_MELS)
BY_SPELLING = {spelling: entry for entry in REGISTRY for spelling in entry.spellings}
BEST_UNTRAINED = "pinv_texture"  # classifiers agree with the sound on more of it than on CNN-mels


def model_entry(name: str) -> ModelEntry:
    """Return the entry that a name means, in any of its spellings; raise UsageError naming the choices."""
    if name not in BY_SPELLING:
        raise UsageError(
            f"transcoder {name!r}: expected one of {', '.join(entry.name for entry in REGISTRY)}"
        )
    return BY_SPELLING[name]


def entry_of(factors: Mapping[str, str]) -> ModelEntry | None:
    """Return the entry of the factors of an identifier: `cnn_pinv` is CNN-logits or CNN-mels by its `ts`."""
    return next((entry for entry in REGISTRY if entry.describes(factors)), None)


def parse_identifier(identifier: str) -> dict[str, str]:
    """Return {factor: value} of an identifier, all strings; what is no `factor=value` is left out."""
    pairs = (part.partition("=") for part in identifier.split("+"))
    return {factor: value for factor, equals, value in pairs if equals}


def identifier_factors(path: Path) -> dict[str, str]:
    """Return {factor: value} of the name of a model's file."""
    return parse_identifier(path.name.removesuffix(SUFFIX))


def trained_models(folder: Path = REFERENCE_MODELS) -> list[Path]:
    """Return the files of trained models in a folder, sorted."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def is_published(factors: Mapping[str, str]) -> bool:
    """Say whether a model is one of the paper's."""
    return factors.get("dataset") == PUBLISHED_DATASET


def is_every_second(factors: Mapping[str, str]) -> bool:
    """Say whether a model takes levels every second: the name of what it was trained on says so."""
    return factors.get("dataset", "").endswith(EVERY_SECOND)


def find_by_identifier(
    entry: ModelEntry, classifier: str, folder: Path, published_only: bool, every_second: bool
) -> Path | None:
    """Return the best model whose identifier is of an entry and that serves a classifier.

    Models made for this very classifier come before those for others with its Mels, published ones before our own.
    """
    candidates = []
    for path in trained_models(folder):
        factors = identifier_factors(path)
        own = not is_published(factors)
        if entry.serves(factors, classifier, every_second) and not (own and published_only):
            position = list(CLASSIFIERS).index(factors["classifier"])
            network = entry.networks.index(factors["transcoder"])
            rank = (factors["classifier"] != classifier, own, position, network)
            candidates.append((rank, path))
    return min(candidates)[-1] if candidates else None


def best_transcoder(
    classifier: str, folder: Path = REFERENCE_MODELS, every_second: bool = False
) -> tuple[ModelEntry, Path | None]:
    """Return the transcoder that serves a classifier best of what is there, and its file.

    It is a model that was trained on this classifier's outputs, a published one before our own and one with texture
    before one without; where there is none, PINV with texture.
    """
    candidates: list[tuple[bool, int, ModelEntry, Path]] = []
    for name in ("cnn_texture", "cnn_grid", "cnn_logits"):
        entry = model_entry(name)
        path = entry.find(classifier, folder, every_second=every_second)
        if path is not None:
            candidates.append((not is_published(identifier_factors(path)), len(candidates), entry, path))
    if not candidates:
        return model_entry(BEST_UNTRAINED), None
    *_, entry, path = min(candidates)
    return entry, path


def best_model(
    classifier: str, folder: Path = REFERENCE_MODELS, every_second: bool = False
) -> tuple[ModelEntry, Path | None]:
    """Return what agrees best with people in the street of what is there for a classifier, and its file.

    It is an adapted classifier, else a student that was trained for it (docs/model_zoo.md); where there is neither, the
    best transcoder.
    """
    for entry in map(model_entry, (ADAPTED, STUDENT)):
        path = entry.find(classifier, folder, every_second=every_second)
        if path is not None and identifier_factors(path)["classifier"] == classifier:
            return entry, path
    return best_transcoder(classifier, folder, every_second)


def find_model(
    classifier: str, asked: str | None = None, folder: Path = REFERENCE_MODELS, every_second: bool = False
) -> ModelEntry | Path:
    """Return what stands between levels and a classifier: an untrained transcoder, or the file of a trained model.

    Parameters
    ----------
    classifier : str
        The classifier's name.
    asked : str, optional
        One of `TRANSCODERS`, in any spelling, or the path of a trained model; by default the best that is there.
    folder : Path
        Where trained models are looked for.
    every_second : bool
        For levels every second, not every 125 ms.

    Raises
    ------
    MissingFileError
        There is none of that kind.
    """
    if asked is None:
        entry, path = best_model(classifier, folder, every_second)
        return path or entry
    if asked not in BY_SPELLING or BY_SPELLING[asked].kind == Kind.TRUE_MELS:
        if not Path(asked).is_file():
            raise MissingFileError(f"no transcoder {asked}: expected {', '.join(TRANSCODERS)} or a file")
        return Path(asked)
    entry = BY_SPELLING[asked]
    if entry.kind == Kind.UNTRAINED:
        return entry
    return entry.require(classifier, folder, every_second)


def describe(path: Path) -> str:
    """Return one line saying which model a file is, by its name."""
    factors = identifier_factors(path)
    if "classifier" not in factors:
        return f"the checkpoint {path}"
    entry = entry_of(factors)
    title = entry.title if entry else factors.get("transcoder", "a model")
    made = "published" if is_published(factors) else f"trained on {factors.get('dataset')}"
    return f"{title} for {factors['classifier']}, {made}"

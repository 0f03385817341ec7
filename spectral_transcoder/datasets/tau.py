"""TAU Urban Acoustic Scenes 2020 Mobile: its official lists, names and cities (docs/method.md, section 5)."""

import csv
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from spectral_transcoder.datasets.names import SPLIT_SEED, TAU_DATASET_TYPES
from spectral_transcoder.datasets.splits import Clip, Corpus, random_split
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import TAU

TAU_LISTS = ("fold1_train.csv", "fold1_evaluate.csv")
TAU_DEVICE = "a"
URBAN_SCENES = ("street_pedestrian", "public_square", "street_traffic", "park")
N_TEST_ROWS = 50
CITIES = {
    "train": ("london", "lyon", "milan", "paris", "stockholm", "vienna"),
    "valid": ("lisbon", "prague"),
    "eval": ("barcelona", "helsinki"),
}
FETCH_COMMAND = "python3 download_datasets.py --dataset TAU"


class TauName(NamedTuple):
    """What the name of a TAU clip says: `<scene>-<city>-<location>-<segment>-<device>.wav`."""

    scene: str
    city: str
    location: str
    segment: str
    device: str


def tau_corpus(
    folder: str | Path,
    dataset_type: str = "full",
    by_city: bool = False,
    seed: int = SPLIT_SEED,
    name: str | None = None,
) -> Corpus:
    """Return the clips of TAU Urban Acoustic Scenes 2020 Mobile, development set (docs/method.md, section 5).

    Parameters
    ----------
    folder : str or Path
        The folder that holds `audio/` and `evaluation_setup/`, or the one in which the corpus's folder lies.
    dataset_type : str
        "full": device a, 10,545 clips; "urban": its four outdoor scenes; "test": the first 50 rows of the
        lists, any device.
    by_city : bool
        False: a random split of 75, 12.5 and 12.5 %, which leaks locations. True: six, two and two cities.
    seed : int
        Seed of the random split; 71 as published.
    name : str, optional
        Name of the dataset; `Dcase-Task1-<modality>` by default.

    Returns
    -------
    Corpus

    Raises
    ------
    MissingFileError
        The lists are not there.
    UsageError
        Unknown `dataset_type`, a name that is not TAU's, a city outside `CITIES`, a split without clip.
    """
    if dataset_type not in TAU_DATASET_TYPES:
        raise UsageError(f"dataset type {dataset_type!r}: expected one of {', '.join(TAU_DATASET_TYPES)}")
    folder = find_tau(Path(folder))
    files = choose_tau_clips(read_tau_lists(folder), dataset_type)
    if by_city:
        clips = tuple(Clip(file, city_split(file), parse_tau_name(file).city) for file in files)
    else:
        split_of = random_split(files, seed)
        clips = tuple(Clip(file, split_of[file], file) for file in files)
    parameters = {
        "layout": "tau",
        "dataset_type": dataset_type,
        "split": "city" if by_city else "random",
        "seed": None if by_city else seed,
        "group_by": "city" if by_city else None,
    }
    return Corpus(name or tau_dataset_name(dataset_type, by_city), folder / "audio", clips, parameters)


def find_tau(folder: Path) -> Path:
    """Return the corpus's folder: the one given, or the one of TAU's name in it."""
    inside = folder / TAU.name
    return inside if inside.is_dir() and not (folder / "evaluation_setup").is_dir() else folder


def tau_dataset_name(dataset_type: str, by_city: bool = False) -> str:
    """Return the default name of a dataset of TAU clips: Dcase-Task1-full, -urban or -TEST."""
    return f"Dcase-Task1-{TAU_DATASET_TYPES[dataset_type]}" + ("-by-city" if by_city else "")


def read_tau_lists(folder: str | Path) -> list[str]:
    """Return the file names, without `audio/`, of the training list, then of the evaluation list."""
    files = []
    paths = [Path(folder) / "evaluation_setup" / name for name in TAU_LISTS]
    for path in (*paths, Path(folder) / "audio"):
        if not path.exists():
            raise MissingFileError(
                f"no TAU corpus at {folder}: {path} is missing. Fetch it with: {FETCH_COMMAND}; "
                "if it lies elsewhere, say where with --audio_dataset_path"
            )
    for path in paths:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, delimiter="\t")
            if "filename" not in (rows.fieldnames or ()):
                raise UsageError(f"{path} has no column `filename`: expected TAU's tab-separated list")
            files += [row["filename"].removeprefix("audio/") for row in rows]
    return files


def choose_tau_clips(files: list[str], dataset_type: str) -> list[str]:
    """Return those of `files`, in their order, that a dataset type is made of."""
    if dataset_type == "test":
        return files[:N_TEST_ROWS]
    names = {file: parse_tau_name(file) for file in files}
    return [
        file
        for file, name in names.items()
        if name.device == TAU_DEVICE and (dataset_type == "full" or name.scene in URBAN_SCENES)
    ]


def parse_tau_name(file: str) -> TauName:
    """Return the `TauName` of a file name; raise UsageError where it is none."""
    fields = PurePosixPath(file).stem.split("-")
    if len(fields) != len(TauName._fields):
        raise UsageError(f"{file}: expected <{'>-<'.join(TauName._fields)}>.wav, as TAU names its clips")
    return TauName(*fields)


def city_split(file: str) -> str:
    """Return the split of a TAU clip when whole cities are kept apart."""
    city = parse_tau_name(file).city
    for split, cities in CITIES.items():
        if city in cities:
            return split
    raise UsageError(f"{file}: the city {city} has no split; known are {CITIES}")

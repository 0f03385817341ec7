"""Corpora: which clips there are, and which split of experiment 1 each belongs to (SPEC section 5).

`tau_corpus` reads the official lists of TAU Urban Acoustic Scenes 2020 Mobile; `folder_corpus` makes a corpus
of any folder of sounds.
"""

import csv
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sklearn.model_selection import train_test_split

from spectral_transcoder.signal.audio import AUDIO_SUFFIXES
from spectral_transcoder.utils.errors import MissingFileError, UsageError

SPLITS = ("train", "valid", "eval")
PROPORTIONS = {"train": 0.75, "valid": 0.125, "eval": 0.125}
SEED = 71
TAU_LISTS = ("fold1_train.csv", "fold1_evaluate.csv")
TAU_DEVICE = "a"
TAU_DATASET_TYPES = {"full": "full", "urban": "urban", "test": "TEST"}  # option -> modality of `dataset`
# what selectors mean by these is a dataset of TAU, or another input of one
RESERVED_NAMES = (*TAU_DATASET_TYPES.values(), "urban_mel_time", "urban_mel_freq")
URBAN_SCENES = ("street_pedestrian", "public_square", "street_traffic", "park")
N_TEST_ROWS = 50
CITIES = {
    "train": ("london", "lyon", "milan", "paris", "stockholm", "vienna"),
    "valid": ("lisbon", "prague"),
    "eval": ("barcelona", "helsinki"),
}
FETCH_COMMAND = "python3 download_datasets.py --dataset TAU"


@dataclass(frozen=True)
class Clip:
    """A sound file of a corpus.

    Attributes
    ----------
    file : str
        Its name, unique in the corpus: relative to the folder of sounds, with slashes.
    split : str
        "train", "valid" or "eval".
    group : str
        What it must not be separated from: clips of one group are in one split.
    """

    file: str
    split: str
    group: str


@dataclass(frozen=True)
class Corpus:
    """Clips, each in its split, and how they were chosen.

    Attributes
    ----------
    name : str
        The dataset's name, the beginning of all its files.
    folder : Path
        Where the files of `clips` lie.
    clips : tuple of Clip
        In the order in which the corpus lists them.
    parameters : dict
        Layout, choice of clips, way of splitting, seed: what the manifest says.
    """

    name: str
    folder: Path
    clips: tuple
    parameters: dict

    def __post_init__(self):
        if not re.fullmatch(r"[\w-][\w.-]*", self.name):
            raise UsageError(
                f"{self.name!r} cannot name a dataset: give --dataset_name letters, digits, - . and _, "
                "of which . is not the first"
            )
        if self.name in RESERVED_NAMES:
            raise UsageError(
                f"{self.name!r} cannot name a dataset, since dataset={self.name} selects one of TAU's: "
                "give another --dataset_name"
            )
        missing = set(SPLITS) - {clip.split for clip in self.clips}
        if missing:
            raise UsageError(
                f"the corpus {self.name} has {len(self.clips)} clips and none of them for the splits "
                f"{', '.join(sorted(missing))}: it takes more clips, groups or cities"
            )


class TauName(NamedTuple):
    """What the name of a TAU clip says: `<scene>-<city>-<location>-<segment>-<device>.wav`."""

    scene: str
    city: str
    location: str
    segment: str
    device: str


def tau_corpus(folder, dataset_type="full", by_city=False, seed=SEED, name=None):
    """Return the clips of TAU Urban Acoustic Scenes 2020 Mobile, development set (SPEC section 5).

    Parameters
    ----------
    folder : str or Path
        The folder that holds `audio/` and `evaluation_setup/`.
    dataset_type : str
        "full": device a, 10,545 clips; "urban": its four outdoor scenes; "test": the first 50 rows of the
        lists, any device.
    by_city : bool
        False: a random split of 75, 12.5 and 12.5 %, which leaks locations. True: six, two and two cities.
    seed : int
        Of the random split; 71 as published.
    name : str, optional
        Of the dataset; `Dcase-Task1-<modality>` by default.

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
    folder = Path(folder)
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


def tau_dataset_name(dataset_type, by_city=False):
    """Return the default name of a dataset of TAU clips: Dcase-Task1-full, -urban or -TEST."""
    return f"Dcase-Task1-{TAU_DATASET_TYPES[dataset_type]}" + ("-by-city" if by_city else "")


def read_tau_lists(folder):
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
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, delimiter="\t")
            if "filename" not in (rows.fieldnames or ()):
                raise UsageError(f"{path} has no column `filename`: expected TAU's tab-separated list")
            files += [row["filename"].removeprefix("audio/") for row in rows]
    return files


def choose_tau_clips(files, dataset_type):
    """Return those of `files`, in their order, that a dataset type is made of."""
    if dataset_type == "test":
        return files[:N_TEST_ROWS]
    names = {file: parse_tau_name(file) for file in files}
    return [
        file
        for file, name in names.items()
        if name.device == TAU_DEVICE and (dataset_type == "full" or name.scene in URBAN_SCENES)
    ]


def parse_tau_name(file):
    """Return the `TauName` of a file name; raise UsageError where it is none."""
    fields = file.removesuffix(".wav").split("-")
    if len(fields) != len(TauName._fields):
        raise UsageError(f"{file}: expected <{'>-<'.join(TauName._fields)}>.wav, as TAU names its clips")
    return TauName(*fields)


def city_split(file):
    """Return the split of a TAU clip when whole cities are kept apart."""
    city = parse_tau_name(file).city
    for split, cities in CITIES.items():
        if city in cities:
            return split
    raise UsageError(f"{file}: the city {city} has no split; known are {CITIES}")


def random_split(files, seed):
    """Return {file: split} as published: a quarter apart, then that quarter half and half (SPEC section 5)."""
    try:
        train, rest = train_test_split(files, test_size=0.25, random_state=seed)
        valid, evaluation = train_test_split(rest, test_size=0.5, random_state=seed)
    except ValueError as error:
        raise UsageError(f"{len(files)} clips cannot be split in three: it takes five or more") from error
    return {
        file: split for split, part in zip(SPLITS, (train, valid, evaluation), strict=True) for file in part
    }


def folder_corpus(folder, name=None, group_by=None, seed=SEED, eval_files=None):
    """Return a corpus of all sounds in a folder and the folders below it.

    Parameters
    ----------
    folder : str or Path
        Where to look; hidden files are left alone.
    name : str, optional
        Of the dataset; the folder's name by default.
    group_by : str, optional
        Keeps clips of one group in one split. With a parenthesis it is a regular expression, searched in the
        path relative to `folder`: its parentheses capture the group. Else a separator: the group is the file
        name up to the first one ("-" for UrbanSound8K, whose names begin with the recording).
        By default every clip is a group.
    seed : int
        Of the split.
    eval_files : str, optional
        A regular expression, searched in the path relative to `folder`: these clips are the evaluation split,
        the others are training and validation. By default the evaluation split is drawn, too.

    Returns
    -------
    Corpus

    Raises
    ------
    MissingFileError
        No such folder, or no sound in it.
    UsageError
        A wrong pattern, too few groups, or a group that `eval_files` would divide.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"no folder {folder}: expected one that holds sounds")
    files = sorted(find_sounds(folder))
    if not files:
        raise MissingFileError(f"the folder {folder} holds no sound: expected wav, flac, ogg, mp3 …")
    group_of = {file: group_key(file, group_by) for file in files}
    held_out = eval_groups(group_of, eval_files) if eval_files else set()
    drawn = SPLITS[:2] if eval_files else SPLITS
    sizes = Counter(group for group in group_of.values() if group not in held_out)
    split_of = split_groups(sizes, seed, drawn) | dict.fromkeys(held_out, "eval")
    clips = tuple(Clip(file, split_of[group_of[file]], group_of[file]) for file in files)
    parameters = {
        "layout": "folder",
        "dataset_type": None,
        "split": "random",
        "seed": seed,
        "group_by": group_by,
        "eval_files": eval_files,
    }
    return Corpus(name or folder.resolve().name, folder, clips, parameters)


def find_sounds(folder):
    """Yield the sounds below a folder, relative to it, with slashes."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file():
            relative = path.relative_to(folder)
            if not any(part.startswith(".") for part in relative.parts):
                yield relative.as_posix()


def group_key(file, group_by):
    """Return the group of a file; see `folder_corpus`."""
    if not group_by:
        return file
    if "(" not in group_by:
        return Path(file).stem.partition(group_by)[0]
    match = compiled(group_by, "--group_by").search(file)
    if match is None or not match.groups():
        raise UsageError(
            f"--group_by {group_by!r} captures nothing in {file}: expected a group for each file"
        )
    return "|".join(part or "" for part in match.groups())


def compiled(pattern, option):
    """Return a regular expression, compiled; raise UsageError naming the option that gave a wrong one."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{option} {pattern!r} is no regular expression: {error}") from error


def eval_groups(group_of, pattern):
    """Return the groups whose files match `pattern`: all files of a group, or none; see `folder_corpus`."""
    expression = compiled(pattern, "--eval_files")
    matched = {file for file in group_of if expression.search(file)}
    groups = {group_of[file] for file in matched}
    divided = sorted(file for file, group in group_of.items() if group in groups and file not in matched)
    if not matched:
        raise UsageError(f"--eval_files {pattern!r} matches no file of the corpus")
    if divided:
        raise UsageError(
            f"--eval_files {pattern!r} divides groups: {divided[0]} does not match, others of its group do"
        )
    return groups


def split_groups(sizes, seed, splits=SPLITS):
    """Share groups out so that the clips of the splits are nearest to 75, 12.5 and 12.5 %.

    Of fewer splits, those shares in proportion.

    The largest go first, equal ones in random order, each to the split that lacks most; no split stays empty.

    Parameters
    ----------
    sizes : dict of str to int
        How many clips each group has.
    seed : int
        Of the order.

    Returns
    -------
    dict of str to str
        {group: split}.
    """
    groups = sorted(sizes)
    random.Random(seed).shuffle(groups)
    groups.sort(key=sizes.get, reverse=True)
    per_share = sum(sizes.values()) / sum(PROPORTIONS[split] for split in splits)
    lacking = {split: PROPORTIONS[split] * per_share for split in splits}
    split_of = {}
    for index, group in enumerate(groups):
        empty = [split for split in splits if split not in split_of.values()]
        candidates = empty if len(empty) == len(groups) - index else splits
        split_of[group] = max(candidates, key=lacking.get)
        lacking[split_of[group]] -= sizes[group]
    return split_of

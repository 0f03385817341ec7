"""A corpus of any folder of sounds: the clips in it, the groups that stay together, their splits."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spectral_transcoder.datasets.names import SPLIT_SEED, SPLITS
from spectral_transcoder.datasets.splits import Clip, Corpus, split_groups
from spectral_transcoder.signal.sound_files import SoundFiles, find_sounds
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.files import file_identity


@dataclass(frozen=True)
class FileChoice:
    """Which sounds of a folder are used, and which of them only to train.

    Attributes
    ----------
    train_files : str or None
        A regular expression, searched in the path relative to the folder: these clips are in the training split.
    exclude_files : str or None
        A regular expression: these are left out.
    exclude_recordings_of : tuple of Path
        Folders: clips of a group of which these have a clip, too, are left out, theirs excepted.
    """

    train_files: str | None = None
    exclude_files: str | None = None
    exclude_recordings_of: tuple[Path, ...] = ()


def folder_corpus(
    folder: str | Path,
    name: str | None = None,
    group_by: str | None = None,
    seed: int = SPLIT_SEED,
    eval_files: str | None = None,
    choice: FileChoice | None = None,
) -> Corpus:
    """Return a corpus of all sounds in a folder and the folders below it.

    Parameters
    ----------
    folder : str or Path
        Where to look, see `sound_files.find_sounds`.
    name : str, optional
        Name of the dataset; the folder's by default.
    group_by : str, optional
        Keeps clips of one group in one split. With a parenthesis it is a regular expression, searched in the
        path relative to `folder`: its parentheses capture the group. Else a separator: the group is the file
        name up to the first one ("-" for UrbanSound8K, whose names begin with the recording).
        By default every clip is a group.
    seed : int
        Seed of the split.
    eval_files : str, optional
        A regular expression, searched in the path relative to `folder`: these clips are the evaluation split,
        the others are training and validation. By default the evaluation split is drawn, too.
    choice : FileChoice, optional
        Which sounds are used; all by default.

    Returns
    -------
    Corpus

    Raises
    ------
    MissingFileError
        No such folder, or no sound in it.
    UsageError
        A wrong pattern, too few groups, or a group that `eval_files` or `train_files` would divide.
    """
    folder, choice = Path(folder), choice or FileChoice()
    sounds = sounds_in(folder)
    files = chosen_files(folder, sounds.files, group_by, choice)
    group_of = {file: group_key(file, group_by) for file in files}
    split_of = split_of_groups(group_of, seed, eval_files, choice.train_files)
    clips = tuple(Clip(file, split_of[group_of[file]], group_of[file]) for file in files)
    parameters = {
        "layout": "folder",
        "dataset_type": None,
        "split": "random",
        "seed": seed,
        "group_by": group_by,
        "eval_files": eval_files,
        **chosen_parameters(choice),
    }
    known = partial(group_elsewhere, group_by=group_by) if group_by else None
    return Corpus(name or folder.resolve().name, folder, clips, parameters, sounds.left_out, known)


def sounds_in(folder: Path) -> SoundFiles:
    """Return the sounds below a folder; raise MissingFileError where there is none."""
    if not folder.is_dir():
        raise MissingFileError(f"no folder {folder}: expected one that holds sounds")
    sounds = find_sounds(folder)
    if not sounds.files:
        why = f"; left out: {next(iter(sounds.left_out.values()))}" if sounds.left_out else ""
        raise MissingFileError(f"the folder {folder} holds no sound: expected wav, flac, ogg, mp3 …{why}")
    return sounds


def split_of_groups(
    group_of: dict[str, str], seed: int, eval_files: str | None, train_files: str | None
) -> dict[str, str]:
    """Return the split of each group: as the patterns say, the others drawn; see `folder_corpus`."""
    evaluated = matching_groups(group_of, eval_files, "--eval_files") if eval_files else set()
    trained = matching_groups(group_of, train_files, "--train_files") if train_files else set()
    if both := sorted(evaluated & trained):
        raise UsageError(f"--train_files and --eval_files both match the group {both[0]}")
    fixed = dict.fromkeys(evaluated, "eval") | dict.fromkeys(trained, "train")
    sizes = Counter(group for group in group_of.values() if group not in fixed)
    return split_groups(sizes, seed, SPLITS[:2] if eval_files else SPLITS) | fixed


def chosen_files(folder: Path, files: Sequence[str], group_by: str | None, choice: FileChoice) -> list[str]:
    """Return the files, relative to a folder, that a choice leaves; UsageError where it leaves none, or all."""
    chosen = list(files)
    if choice.exclude_files:
        expression = compiled(choice.exclude_files, "--exclude_files")
        chosen = [file for file in chosen if not expression.search(file)]
        if len(chosen) == len(files):
            raise UsageError(f"--exclude_files {choice.exclude_files!r} matches no file of the corpus")
    for other in choice.exclude_recordings_of:
        chosen = without_recordings_of(other, folder, chosen, group_by)
    if not chosen:
        raise UsageError("--exclude_files and --exclude_recordings_of leave no file of the corpus")
    return chosen


def without_recordings_of(other: Path, folder: Path, files: Sequence[str], group_by: str | None) -> list[str]:
    """Return those of the files in a folder whose group has no clip in another folder, or that lie there."""
    if not group_by:
        raise UsageError("--exclude_recordings_of needs --group_by, which says what a recording is")
    if not other.is_dir():
        raise MissingFileError(f"--exclude_recordings_of {other}: no such folder")
    theirs = find_sounds(other).files
    groups = {group_elsewhere(file, group_by) for file in theirs} - {None}
    own = {file_identity(other / file) for file in theirs}
    return [
        file
        for file in files
        if group_key(file, group_by) not in groups or file_identity(folder / file) in own
    ]


def chosen_parameters(choice: FileChoice) -> dict[str, str | int]:
    """Return what the manifest says of a choice: nothing where all sounds are used."""
    parameters: dict[str, str | int] = {}
    if choice.train_files:
        parameters["train_files"] = choice.train_files
    if choice.exclude_files:
        parameters["exclude_files"] = choice.exclude_files
    if choice.exclude_recordings_of:  # not where they lie: the list of clips has a checksum of its own
        parameters["exclude_recordings_of"] = " ".join(path.name for path in choice.exclude_recordings_of)
    return parameters


def group_key(file: str, group_by: str | None) -> str:
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


def compiled(pattern: str, option: str) -> re.Pattern[str]:
    """Return a regular expression, compiled; raise UsageError naming the option that gave a wrong one."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{option} {pattern!r} is no regular expression: {error}") from error


def group_elsewhere(file: str, group_by: str) -> str | None:
    """Return the group of a file of another folder, None where the pattern captures nothing in its name."""
    try:
        return group_key(file, group_by)
    except UsageError:
        return None


def matching_groups(group_of: dict[str, str], pattern: str, option: str) -> set[str]:
    """Return the groups whose files match a pattern, all files of a group or none; see `folder_corpus`."""
    expression = compiled(pattern, option)
    matched = {file for file in group_of if expression.search(file)}
    groups = {group_of[file] for file in matched}
    divided = sorted(file for file, group in group_of.items() if group in groups and file not in matched)
    if not matched:
        raise UsageError(f"{option} {pattern!r} matches no file of the corpus")
    if divided:
        raise UsageError(
            f"{option} {pattern!r} divides groups: {divided[0]} does not match, others of its group do"
        )
    return groups

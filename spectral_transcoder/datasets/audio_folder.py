"""A corpus of any folder of sounds: the clips in it, the groups that stay together, their splits."""

import re
from collections import Counter
from pathlib import Path

from spectral_transcoder.datasets.names import SPLIT_SEED, SPLITS
from spectral_transcoder.datasets.splits import Clip, Corpus, split_groups
from spectral_transcoder.signal.sound_files import find_sounds
from spectral_transcoder.utils.errors import MissingFileError, UsageError


def folder_corpus(
    folder: str | Path,
    name: str | None = None,
    group_by: str | None = None,
    seed: int = SPLIT_SEED,
    eval_files: str | None = None,
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
    sounds = find_sounds(folder)
    files = sounds.files
    if not files:
        why = f"; left out: {next(iter(sounds.left_out.values()))}" if sounds.left_out else ""
        raise MissingFileError(f"the folder {folder} holds no sound: expected wav, flac, ogg, mp3 …{why}")
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
    return Corpus(name or folder.resolve().name, folder, clips, parameters, sounds.left_out)


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


def eval_groups(group_of: dict[str, str], pattern: str) -> set[str]:
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

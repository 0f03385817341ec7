"""Clips of a corpus, the split of experiment 1 that each belongs to, ways of splitting (docs/method.md, section 5)."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from sklearn.model_selection import train_test_split

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.signal.names import EVERY_SECOND
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

PROPORTIONS = {"train": 0.75, "valid": 0.125, "eval": 0.125}
# What `dataset=<name>` in a selector means is a dataset of TAU, or another input of one.
RESERVED_NAMES = ("full", "urban", "TEST", "urban_mel_time", "urban_mel_freq")


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
    left_out : dict of str to str
        Why sounds that lie among the clips are not used, by file.
    group_of : callable or None
        Returns the group that a sound from elsewhere would be in, by its name, or None; None where files are no
        groups.
    """

    name: str
    folder: Path
    clips: tuple[Clip, ...]
    parameters: dict[str, Any]
    left_out: dict[str, str] = field(default_factory=dict)
    group_of: Callable[[str], str | None] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
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

    def for_levels(self, third_octaves: ThirdOctaves) -> Self:
        """Return the corpus by the name of its dataset of levels: `street` is `street-1s` for levels every second.

        By that ending models that are trained on it are known to take levels every second.

        Raises
        ------
        UsageError
            Its name says levels every second, and they are not.
        """
        named = self.name.endswith(EVERY_SECOND)
        if third_octaves.frames_per_second == 1:
            return self if named else replace(self, name=self.name + EVERY_SECOND)
        if named:
            raise UsageError(
                f"{self.name!r} cannot name a dataset of {third_octaves.frames_per_second} levels a second: names that "
                f"end in {EVERY_SECOND} are of levels every second (--period 1)"
            )
        return self


def random_split(files: Sequence[str], seed: int) -> dict[str, str]:
    """Return {file: split} as published: a quarter apart, then that quarter half and half."""
    try:
        train, rest = train_test_split(files, test_size=0.25, random_state=seed)
        valid, evaluation = train_test_split(rest, test_size=0.5, random_state=seed)
    except ValueError as error:
        raise UsageError(f"{len(files)} clips cannot be split in three: it takes five or more") from error
    return {
        file: split for split, part in zip(SPLITS, (train, valid, evaluation), strict=True) for file in part
    }


def split_groups(sizes: dict[str, int], seed: int, splits: Sequence[str] = SPLITS) -> dict[str, str]:
    """Share groups out so that the clips of the splits are nearest to 75, 12.5 and 12.5 %.

    Fewer splits have those shares in proportion.

    The largest go first, equal ones in random order, each to the split that lacks most; no split stays empty.

    Parameters
    ----------
    sizes : dict of str to int
        How many clips each group has.
    seed : int
        Seed of the order.

    Returns
    -------
    dict of str to str
        {group: split}.
    """
    groups = sorted(sizes)
    random.Random(seed).shuffle(groups)
    groups.sort(key=lambda group: sizes[group], reverse=True)
    per_share = sum(sizes.values()) / sum(PROPORTIONS[split] for split in splits)
    lacking = {split: PROPORTIONS[split] * per_share for split in splits}
    split_of: dict[str, str] = {}
    for index, group in enumerate(groups):
        empty = [split for split in splits if split not in split_of.values()]
        candidates = empty if len(empty) == len(groups) - index else splits
        split_of[group] = max(candidates, key=lambda split: lacking[split])
        lacking[split_of[group]] -= sizes[group]
    return split_of

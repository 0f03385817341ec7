"""Label names of the classifiers, and which of them make up a target class: packaged facts, or a user's own file."""

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from spectral_transcoder.utils.errors import MissingFileError, UsageError

DATA = Path(__file__).parents[1] / "resources"
LABEL_FILES = {527: "labels_audioset_527.txt", 521: "labels_yamnet_521.txt"}
Grouping: TypeAlias = str | Mapping[str, Sequence[str]]  # a packaged grouping's name, or {class: [labels]}


@lru_cache
def label_names(n_labels: int) -> tuple[str, ...]:
    """Return the names of AudioSet's 527 labels, or of YAMNet's 521, in the order of their scores."""
    return tuple((DATA / LABEL_FILES[n_labels]).read_text(encoding="utf-8").splitlines())


@lru_cache
def groupings() -> dict[str, dict[str, list[str]]]:
    """Return {grouping: {target class: [label names]}}: tvb, urbansound8k, sonyc_ust (docs/method.md, section 7)."""
    return yaml.safe_load((DATA / "groupings.yaml").read_text(encoding="utf-8"))


def group_indices(grouping: Grouping, names: Sequence[str]) -> dict[str, list[int]]:
    """Return {target class: [indices into `names`]}; labels that `names` lacks are skipped, as published.

    Parameters
    ----------
    grouping : str or dict
        A packaged grouping's name, or {target class: [label names]} of the user's own.
    names : sequence of str
        A classifier's labels.

    Raises
    ------
    UsageError
        Unknown grouping, or a class of which the classifier has no label.
    """
    if isinstance(grouping, str):
        if grouping not in groupings():
            raise UsageError(f"grouping {grouping!r}: expected one of {', '.join(groupings())}")
        grouping = groupings()[grouping]
    position = {name: index for index, name in enumerate(names)}
    indices = {
        target: [position[name] for name in members if name in position]
        for target, members in grouping.items()
    }
    empty = [target for target, members in indices.items() if not members]
    if empty:
        raise UsageError(f"the classifier has none of the labels of {', '.join(empty)}")
    return indices


class TextLoader(yaml.BaseLoader):
    """YAML in which every word is text: `no` is a name, not False; a class that is there twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; raise ConstructorError for a key that is there twice."""
        keys = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_grouping(path: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Read a user's own classes, {class: [labels]} in YAML, and check that each label exists.

    Parameters
    ----------
    path : Path
        Lines such as `sirens: [Siren, Ambulance (siren)]`. A label that holds commas may be written as it is.
    names : sequence of str
        The classifier's labels. Those that it lacks and another classifier has are kept, and skipped later.

    Raises
    ------
    MissingFileError
        No such file.
    UsageError
        No YAML, no classes with lists of labels, or an unknown label; the message names the nearest ones.
    """
    try:
        grouping = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=TextLoader)
    except FileNotFoundError as error:
        raise MissingFileError(f"no grouping at {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(grouping, dict) or not all(
        isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels)
        for labels in grouping.values()
    ):
        raise UsageError(f"{path}: expected classes with lists of labels, as in `birds: [Bird, Crow]`")
    known = {*names, *(label for n_labels in LABEL_FILES for label in label_names(n_labels))}
    return {
        str(target): find_labels(labels, known, f"{path}, {target}") for target, labels in grouping.items()
    }


def find_labels(words: Sequence[str], known: set[str], source: str) -> list[str]:
    """Return the labels that words between commas make up, each once: the longest that exists at each place.

    Raises
    ------
    UsageError
        A word that begins no label; the message names the nearest ones.
    """
    words = [" ".join(word.split()) for word in words]
    labels: list[str] = []
    start = 0
    while start < len(words):
        ends = range(len(words), start, -1)
        end = next((end for end in ends if ", ".join(words[start:end]) in known), None)
        if end is None:
            raise UsageError(
                f"{source}: no label is called {words[start]!r}{nearest_in_words(words[start], known)}"
            )
        labels.append(", ".join(words[start:end]))
        start = end
    return list(dict.fromkeys(labels))


def nearest_in_words(word: str, known: set[str]) -> str:
    """Return a question that names the labels nearest to a word; empty where none is near."""
    holding = sorted((name for name in known if word.lower() in name.lower()), key=len)[:2]
    close = difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.5)
    nearest = list(dict.fromkeys([*holding, *close]))[:3]
    return f": did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""

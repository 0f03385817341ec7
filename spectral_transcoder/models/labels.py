"""Label names of the classifiers, and which of them make up a target class: packaged facts, readable as text."""

from functools import lru_cache
from pathlib import Path

import yaml

from spectral_transcoder.utils.errors import UsageError

DATA = Path(__file__).parents[1] / "resources"
LABEL_FILES = {527: "labels_audioset_527.txt", 521: "labels_yamnet_521.txt"}


@lru_cache
def label_names(n_labels):
    """Return the names of AudioSet's 527 labels, or of YAMNet's 521, in the order of their scores."""
    return tuple((DATA / LABEL_FILES[n_labels]).read_text(encoding="utf-8").splitlines())


@lru_cache
def groupings():
    """Return {grouping: {target class: [label names]}}: tvb, urbansound8k, sonyc_ust (SPEC section 7)."""
    return yaml.safe_load((DATA / "groupings.yaml").read_text(encoding="utf-8"))


def group_indices(grouping, names):
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

"""Presence of sources: the outputs of hundreds of labels gathered in a few classes (docs/method.md, section 7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.models.labels import Grouping, group_indices

PRESENT_AMONG = 8  # highest entries after grouping, the revised aggregation
PRESENT_LABELS = 3  # highest labels without grouping, Gontier et al. (2021)


@dataclass(frozen=True)
class Presence:
    """Scores of classes, and whether each is present.

    Attributes
    ----------
    classes : tuple of str
        K names.
    scores : np.ndarray
        (n, K) in 0 … 1, the highest score of each class's labels.
    present : np.ndarray
        (n, K) bool.
    """

    classes: tuple[str, ...]
    scores: np.ndarray
    present: np.ndarray


def class_scores(
    scores: np.ndarray, names: Sequence[str], grouping: Grouping
) -> tuple[dict[str, list[int]], np.ndarray]:
    """Return {class: indices of its labels}, and the highest score of each class's labels, (n, K)."""
    indices = group_indices(grouping, names)
    return indices, np.stack([scores[:, members].max(axis=1) for members in indices.values()], axis=1)


def find_presence(scores: np.ndarray, names: Sequence[str], grouping: Grouping) -> Presence:
    """Gather label scores in classes, and say which classes are present.

    A class scores what its highest label scores. Classes and the labels of no class are then entries of one
    list (309 of PANN's 527 for SONYC-UST); a class is present when it is among its 8 highest.

    Parameters
    ----------
    scores : np.ndarray
        (n, n_labels) in 0 … 1.
    names : sequence of str
        The labels.
    grouping : str or dict
        A packaged grouping's name, or {class: [labels]}.

    Returns
    -------
    Presence
        Of (n, K).

    Raises
    ------
    UsageError
        Unknown grouping, or a class of which the classifier has no label.
    """
    indices, classes = class_scores(scores, names, grouping)
    grouped = {index for members in indices.values() for index in members}
    alone = scores[:, [index for index in range(len(names)) if index not in grouped]]
    entries = np.concatenate([classes, alone], axis=1)
    # the score of the eighth entry; fewer entries are all among the highest
    rank = max(0, entries.shape[1] - PRESENT_AMONG)
    threshold = np.partition(entries, rank, axis=1)[:, rank, None]
    return Presence(tuple(indices), classes, classes >= threshold)


def find_presence_ungrouped(scores: np.ndarray, names: Sequence[str], grouping: Grouping) -> Presence:
    """Say which classes are present as Gontier et al. (2021) do: one of its labels is among the 3 highest of all.

    Parameters and return value are those of `find_presence`.
    """
    indices, classes = class_scores(scores, names, grouping)
    rank = max(0, scores.shape[1] - PRESENT_LABELS)
    threshold = np.partition(scores, rank, axis=1)[:, rank, None]
    return Presence(tuple(indices), classes, classes >= threshold)


def find_highest(scores: np.ndarray, names: Sequence[str], grouping: Grouping) -> Presence:
    """Say that the highest class alone is present, where classes exclude each other; see `find_presence`."""
    indices, classes = class_scores(scores, names, grouping)
    highest = np.eye(len(indices), dtype=bool)[classes.argmax(axis=1)]
    return Presence(tuple(indices), classes, highest)

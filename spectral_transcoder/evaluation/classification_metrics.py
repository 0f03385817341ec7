"""Metrics of experiment 2: how well scores agree with people's labels (docs/method.md, section 7).

Labels are 1, 0, or NaN where nobody has voted: such entries count nowhere. What is not defined, the precision
and recall of a class that no clip has for instance, is NaN, and left out of means over classes.
"""

import numpy as np


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of clips (n, K) of one class each whose highest score is that class's."""
    return float(np.mean(labels.argmax(1) == scores.argmax(1)))


def auprc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the precision-recall curve by trapezoids; NaN without any positive.

    The curve has a point for each distinct score, and begins at recall 0 with precision 1.

    Parameters
    ----------
    labels, scores : np.ndarray
        (n,) each.
    """
    voted = ~np.isnan(labels)
    labels, scores = labels[voted], scores[voted]
    if not labels.sum():
        return np.nan
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    last_of_score = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits = np.cumsum(labels)[last_of_score]
    precision = np.append(1.0, hits / (last_of_score + 1))
    recall = np.append(0.0, hits / labels.sum())
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def auprc_per_class(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the `auprc` of each class: (n, K) -> (K,)."""
    return np.array([auprc(labels[:, k], scores[:, k]) for k in range(labels.shape[1])])


def micro_auprc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the `auprc` of all entries of (n, K) together."""
    return auprc(labels.ravel(), scores.ravel())


def best_thresholds(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the score of each class from which on it is taken to be present: that of the highest F1.

    Parameters
    ----------
    labels, scores : np.ndarray
        (n, K) of clips that are not tested: 1, 0, or NaN where nobody has voted; scores in 0 … 1.

    Returns
    -------
    np.ndarray
        (K,), one of the scores of each class; NaN for a class without any positive.
    """
    return np.array([_best_threshold(labels[:, k], scores[:, k]) for k in range(labels.shape[1])])


def _best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    voted = ~np.isnan(labels)
    labels, scores = labels[voted], scores[voted]
    if not labels.sum():
        return np.nan
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    f1 = 2 * np.cumsum(labels) / (np.arange(1, len(labels) + 1) + labels.sum())
    last_of_score = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # equal scores decide alike
    return scores[last_of_score[f1[last_of_score].argmax()]]


def decide(scores: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Return which classes are taken to be present: the highest one, or those from their thresholds on.

    Parameters
    ----------
    scores : np.ndarray
        (n, K).
    thresholds : np.ndarray, optional
        (K,) of `best_thresholds`; without them classes exclude each other, and the highest is present.

    Returns
    -------
    np.ndarray
        (n, K) bool.
    """
    if thresholds is None:
        return np.eye(scores.shape[1], dtype=bool)[scores.argmax(1)]
    return scores >= thresholds


def precision_recall_f1(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1 of each class: (n, K) labels and decisions -> (3, K)."""
    annotated = np.nan_to_num(labels).astype(bool)
    voted = ~np.isnan(labels)
    hits = (annotated & decisions).sum(0)
    said, present = (decisions & voted).sum(0), annotated.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([hits / said, hits / present, 2 * hits / (said + present)])


def confusion_matrix(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return how many clips of each class (rows) are taken for each class (columns): (K, K) int."""
    n_classes = labels.shape[1]
    pairs = labels.argmax(1) * n_classes + scores.argmax(1)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def mean_defined(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN where there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan


def f1_per_class(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Return the F1 of each class, (K,); NaN where no threshold is known. Parameters are those of `decide`."""
    f1 = precision_recall_f1(labels, decide(scores, thresholds))[2]
    return f1 if thresholds is None else np.where(np.isnan(thresholds), np.nan, f1)


def all_metrics(
    labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray | None = None
) -> dict[str, float]:
    """Return every metric that tables show, by its name.

    Parameters
    ----------
    labels, scores : np.ndarray
        (n, K).
    thresholds : np.ndarray, optional
        (K,) where several classes may be present, see `decide`; without them each clip has one class, and there is
        an accuracy.

    Returns
    -------
    dict of str to float
        acc_classif, macro_auprc, micro_auprc, macro_f1.
    """
    metrics = {"acc_classif": accuracy(labels, scores)} if thresholds is None else {}
    return metrics | {
        "macro_auprc": mean_defined(auprc_per_class(labels, scores)),
        "micro_auprc": micro_auprc(labels, scores),
        "macro_f1": mean_defined(f1_per_class(labels, scores, thresholds)),
    }

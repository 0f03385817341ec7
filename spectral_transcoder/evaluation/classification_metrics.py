"""Metrics of experiment 2: how well scores tell the classes that people heard (SPEC section 7).

Labels are 1, 0, or NaN where nobody has voted: such entries count nowhere. What is not defined, the precision
and recall of a class that no clip has for instance, is NaN, and left out of means over classes.
"""

import numpy as np

DECISION = 0.5  # a class is said to be there from this score on


def accuracy(labels, scores):
    """Return the share of clips (n, K) of one class each whose highest score is that class's."""
    return float(np.mean(labels.argmax(1) == scores.argmax(1)))


def auprc(labels, scores):
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


def auprc_per_class(labels, scores):
    """Return the `auprc` of each class: (n, K) -> (K,)."""
    return np.array([auprc(labels[:, k], scores[:, k]) for k in range(labels.shape[1])])


def micro_auprc(labels, scores):
    """Return the `auprc` of all entries of (n, K) together."""
    return auprc(labels.ravel(), scores.ravel())


def decide(scores, single_label):
    """Return which classes are said to be there: the highest one, or those of 0.5 and more; (n, K) bool."""
    if single_label:
        return np.eye(scores.shape[1], dtype=bool)[scores.argmax(1)]
    return scores >= DECISION


def precision_recall_f1(labels, decisions):
    """Return precision, recall and F1 of each class: (n, K) labels and decisions -> (3, K)."""
    heard = np.nan_to_num(labels).astype(bool)
    voted = ~np.isnan(labels)
    hits = (heard & decisions).sum(0)
    said, present = (decisions & voted).sum(0), heard.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([hits / said, hits / present, 2 * hits / (said + present)])


def confusion_matrix(labels, scores):
    """Return how many clips of each class (rows) are taken for each class (columns): (K, K) int."""
    n_classes = labels.shape[1]
    pairs = labels.argmax(1) * n_classes + scores.argmax(1)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def mean_defined(values):
    """Return the mean of the values that are not NaN; NaN where there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan


def all_metrics(labels, scores, single_label):
    """Return every metric that tables show, by its name.

    Parameters
    ----------
    labels, scores : np.ndarray
        (n, K).
    single_label : bool
        Whether each clip has one class: only then is there an accuracy.

    Returns
    -------
    dict of str to float
        acc_classif, macro_auprc, micro_auprc, macro_f1.
    """
    metrics = {"acc_classif": accuracy(labels, scores)} if single_label else {}
    return metrics | {
        "macro_auprc": mean_defined(auprc_per_class(labels, scores)),
        "micro_auprc": micro_auprc(labels, scores),
        "macro_f1": mean_defined(precision_recall_f1(labels, decide(scores, single_label))[2]),
    }

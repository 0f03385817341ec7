"""Presence of classes by two aggregations, beside people's labels (docs/method.md, section 7)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spectral_transcoder.datasets.labelled import LabelledCorpus
from spectral_transcoder.evaluation.classification_metrics import mean_defined, precision_recall_f1
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.presence import find_highest, find_presence, find_presence_ungrouped
from spectral_transcoder.models.labels import label_names

AGGREGATIONS = {
    "revised: 8 highest entries": find_presence,
    "Gontier et al.: 3 highest labels": find_presence_ungrouped,
}
HIGHEST = {"revised: the highest class": find_highest}  # where classes exclude each other
ALL_CLASSES = "all"
MEAN = "mean over classes"


def presence_rows(
    corpus: LabelledCorpus, outputs: np.ndarray, folds: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return how well each aggregation finds which classes are present.

    Parameters
    ----------
    corpus : LabelledCorpus
        The corpus of n clips; the test split is scored, or the folds.
    outputs : np.ndarray
        (n, n_labels), the outputs of a classifier.
    folds : list of str, optional
        Those that are scored, by default all that are here.

    Returns
    -------
    list of dict
        aggregation, class, clips, precision, recall, f1, in 0 … 1: of each class, their means, and all together.

    Raises
    ------
    UsageError
        Folds are asked for that are not here, or of a corpus that has none.
    """
    record = corpus.record
    scored = np.isin(corpus.parts, corpus.tested_parts(folds))
    labels, outputs = corpus.labels[scored], outputs[scored]
    rows = []
    for name, aggregate in ((HIGHEST if record.single_label else {}) | AGGREGATIONS).items():
        present = aggregate(outputs, label_names(outputs.shape[1]), record.grouping).present
        found = precision_recall_f1(labels, present)
        together = precision_recall_f1(labels.reshape(-1, 1), present.reshape(-1, 1))
        of_class = dict(zip(record.classes, found.T, strict=True))
        of_class[MEAN] = [mean_defined(values) for values in found]
        of_class[ALL_CLASSES] = together[:, 0]
        for target, (precision, recall, f1) in of_class.items():
            rows.append(
                {
                    "aggregation": name,
                    "class": target,
                    "clips": len(labels),
                    "precision": precision,
                    "recall": recall,
                    "f1": f1,
                }
            )
    return rows


def presence_table(
    folder: LogitFolder, kinds: Sequence[tuple[str, str]], folds: list[str] | None = None
) -> pd.DataFrame:
    """Return the rows of several kinds of outputs of one corpus as a table.

    Parameters
    ----------
    folder : LogitFolder
        The class outputs of the corpus.
    kinds : list of (str, str)
        Classifiers and transcoders.
    folds : list of str, optional
        Those that are scored, by default all that are here.

    Returns
    -------
    pd.DataFrame
    """
    rows = []
    for classifier, transcoder in kinds:
        corpus, outputs = folder.read(classifier, transcoder)
        where = {"dataset": folder.dataset, "classifier": classifier, "transcoder": transcoder}
        rows += [where | row for row in presence_rows(corpus, outputs, folds)]
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return what holds for all classes together, a row for each kind of outputs and aggregation."""
    rows = table[table["class"] == ALL_CLASSES]
    return rows.drop(columns="class").reset_index(drop=True)

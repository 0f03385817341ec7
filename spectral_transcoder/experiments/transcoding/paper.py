"""The paper's table of experiment 1: which settings are its rows, what was published, what differs by chance."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.engine.plans import Modality
from spectral_transcoder.experiments.engine.table_pictures import draw_table
from spectral_transcoder.experiments.engine.tables import heading
from spectral_transcoder.experiments.published import published_results

SIGNIFICANCE = 0.05

Choices = dict[str, Modality | list[Any]]  # a modality, or several, by factor and "plan"
LARGE_CNN: Choices = {"kernel_size": 5, "nb_layers": 5, "nb_channels": 64}


@dataclass(frozen=True)
class Row:
    """A row of the table: its name in the paper, its plan, and what its plan leaves open.

    `trained` rows take the number of epochs that is asked for.
    """

    name: str
    plan: str
    factors: Choices
    trained: bool = True

    def choices(self, dataset: str | list[str], classifier: str | list[str], epoch: int) -> Choices:
        """Return the alternative of a selection that is this row: {"plan": …, factor: modality}."""
        where: Choices = {"plan": self.plan, "dataset": dataset, "classifier": classifier}
        return where | self.factors | ({"epoch": epoch} if self.trained else {})


ROWS = (
    Row("PINV", "reference", {"transcoder": "pinv"}, trained=False),
    # dilation 1 throughout (docs/method.md, section 9, defect 7)
    Row("CNN-mels", "cnn", {"learning_rate": -3, "dilation": 1, **LARGE_CNN}),
    Row("CNN-logits", "hybridts", {"learning_rate": -3, "dilation": 1, "prop_logit": 100}),
    Row("self", "ts", {"transcoder": "self", "learning_rate": -4}),
    Row("EfficientNet-B0", "ts", {"transcoder": "effnet_b0", "learning_rate": -5}),
    Row("EfficientNet-B7", "ts", {"transcoder": "effnet_b7", "learning_rate": -5}),
)
# Not in the paper: they are in the table once they are computed.
FURTHER_ROWS = (
    Row("PINV with texture", "reference", {"transcoder": "pinv_texture"}, trained=False),
    Row(
        "CNN-logits with texture",
        "hybridts",
        {
            "transcoder": "cnn_texture",
            "recipe": "steady",
            "learning_rate": -3,
            "dilation": 1,
            "prop_logit": 100,
        },
    ),
    Row(
        "CNN-logits on the sensor's grid",
        "hybridts",
        {
            "transcoder": "cnn_grid",
            "recipe": "steady",
            "learning_rate": -3,
            "dilation": 1,
            "nb_channels": 32,
            "prop_logit": 100,
        },
    ),
    Row("CNN-mels, published weights", "published", {"transcoder": "cnn_mels"}, trained=False),
    Row("CNN-logits, published weights", "published", {"transcoder": "cnn_logits"}, trained=False),
)
REFERENCE_DATASETS = ("full", "urban", "urban_mel_time", "urban_mel_freq")
DETAILS = (  # beyond the restricted experiment: hyperparameters one at a time, and how hard each resolution is
    *FURTHER_ROWS[:2],
    Row("MLP", "mlp", {"learning_rate": -3, "hidden1": [100, 300], "hidden2": [1000, 3000]}),
    Row("CNN sizes", "cnn", {"learning_rate": -3, "dilation": 1}),
    Row("CNN rates", "cnn", {"learning_rate": [-4, -5], "dilation": 1, **LARGE_CNN}),
    Row("hybrid", "hybridts", {"learning_rate": -3, "dilation": 1, "prop_logit": 50}),
)
RESOLUTIONS = Row("resolutions", "cnn", {"learning_rate": -3, "dilation": 1, **LARGE_CNN})


def restricted(dataset: str, classifiers: Sequence[str], epoch: int) -> list[Choices]:
    """Return the selection of the paper's table: a list of alternatives for `-s`."""
    return [row.choices(dataset, list(classifiers), epoch) for row in ROWS]


def detailed(dataset: str, classifiers: Sequence[str], epoch: int) -> list[Choices]:
    """Return the selection of the detailed experiment: the paper's table, other sizes and rates, other inputs."""
    alternatives = restricted(dataset, classifiers, epoch)
    alternatives += [row.choices(dataset, list(classifiers), epoch) for row in DETAILS]
    if dataset == "full":
        alternatives.append(
            {"plan": "reference", "dataset": list(REFERENCE_DATASETS), "classifier": list(classifiers)}
        )
        alternatives.append(RESOLUTIONS.choices(list(REFERENCE_DATASETS[1:]), list(classifiers), epoch))
    return alternatives


SELECTIONS = {"restricted": restricted, "detailed": detailed}


def selection_of(options: argparse.Namespace) -> str:
    """Return the selector that these options stand for."""
    return repr(SELECTIONS[options.exp_type](options.dataset, options.classifier.split(","), options.epoch))


@dataclass(frozen=True)
class ComparedResult:
    """What was found for a row and a metric.

    Attributes
    ----------
    values : np.ndarray
        One value per clip; hits for `ptopafc`.
    mean : float
        The mean over the clips.
    best : bool
        No other row is better.
    tied : bool
        The difference from the best may be chance: paired t-test, or McNemar's test for hits.
    """

    values: np.ndarray
    mean: float
    best: bool = False
    tied: bool = False


def compare(
    column: Mapping[str, np.ndarray], record: MetricRecord, of_hits: bool
) -> dict[str, ComparedResult]:
    """Mark the best of a column of per-clip values, and what is not significantly different from it.

    Parameters
    ----------
    column : dict of str to np.ndarray
        Per-clip values by row; a single value, as class-weighted shares have, is compared without a test.
    record : MetricRecord
        Which values are best.
    of_hits : bool
        Whether the values are hits, for McNemar's test.

    Returns
    -------
    dict of str to ComparedResult
    """
    means = {name: float(np.mean(values)) for name, values in column.items()}
    if not means:
        return {}
    best = min(means, key=lambda name: record.badness(means[name]))
    test = transcoding_metrics.mcnemar if of_hits else transcoding_metrics.paired_difference
    return {
        name: ComparedResult(
            values,
            means[name],
            best=means[name] == means[best],
            tied=means[name] != means[best]
            and len(values) > 1
            and test(values, column[best]) >= SIGNIFICANCE,
        )
        for name, values in column.items()
    }


def paper_table(
    classifier: str,
    columns: Mapping[str, Mapping[str, ComparedResult]],
    records: Mapping[str, MetricRecord],
    n_clips: int,
) -> Figure:
    """Return the figure of the paper's table: what was found, beside what was published.

    Parameters
    ----------
    classifier : str
        The classifier whose table it is.
    columns : dict of str to dict of str to ComparedResult
        The results by metric, then by row; rows that were not computed are missing, and blank.
    records : dict of str to MetricRecord
        The record of each metric.
    n_clips : int
        Evaluation clips, for the title.
    """
    published = published_results().get(classifier, {})
    rows = [
        *ROWS,
        *(row for row in FURTHER_ROWS if any(row.name in cells_of for cells_of in columns.values())),
    ]
    header, cells = ["transcoder"], [[row.name] for row in rows]
    bold: set[tuple[int, int]] = set()
    for name, cells_of in columns.items():
        record = records[name].of([classifier])
        header += [heading(record).replace(" ", "\n", 1), "published"]
        for index, row in enumerate(rows):
            cell = cells_of.get(row.name)
            if cell is not None and cell.best:
                bold.add((index, len(cells[index])))
            figure = published.get(row.name, {}).get(name)
            scale = 100 if record.unit == "%" else 1  # published in percent, kept as a share
            found = (
                "" if cell is None else f"{scale * cell.mean:.{record.decimals}f}{' ~' if cell.tied else ''}"
            )
            cells[index] += [found, "" if figure is None else f"{figure:.{record.decimals}f}"]
    title = (
        f"Experiment 1, {classifier}, {n_clips} evaluation clips. Bold: the best; ~: may be equal to it by chance "
        f"(paired t-test, McNemar for PTopA/FC, p ≥ {SIGNIFICANCE}). Published: TAU, 200 epochs."
    )
    return draw_table(title, header, cells, 1, bold)

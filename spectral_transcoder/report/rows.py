"""Rows of the report's tables: runs that differ in their seed alone, their names, and what was published of them."""

from dataclasses import dataclass

import numpy as np

from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.published import published_classification, published_results
from spectral_transcoder.experiments.transcoding.paper import FURTHER_ROWS, ROWS, Row
from spectral_transcoder.models.registry import REGISTRY, model_entry
from spectral_transcoder.report.runs import FinishedRun

SEED = "seed"
IDENTIFYING = ("transcoder", "prop_logit")  # the factors by which a row of the paper is recognised
NAMES = {
    **{
        name: model_entry(name).title for name in ("oracle", "pinv", "pinv_texture", "cnn_mels", "cnn_logits")
    },
    "mlp": "MLP",
    "mlp_pinv": "MLP-PINV",
}
CLASSIFICATION_NAMES = NAMES | {entry.published_name: entry.title for entry in REGISTRY}
TRUE_MELS = model_entry("self").title
SYNTHETIC = "synthetic city in its layout"
# CNNs that are named by what they were trained on: Mels in the plan cnn, a classifier's outputs in hybridts
TRAINED_NAMES = {
    ("cnn", "cnn_texture"): "CNN-mels with texture",
    ("cnn", "cnn_grid"): "CNN-mels on the sensor's grid",
    ("hybridts", "cnn_texture"): model_entry("cnn_texture").title,
    ("hybridts", "cnn_grid"): model_entry("cnn_grid").title,
}
NAMED = ("transcoder", "ts")  # factors that the name of a row contains
PUBLISHED_FOR = {"YamNetMobile": "YamNet", "MiniYamNet": "YamNet"}  # whose published figures stand beside


@dataclass(frozen=True)
class TableRow:
    """A row of a table: runs that differ in their seed alone.

    Attributes
    ----------
    plan : str
        Plan of the runs.
    synthetic : bool
        Whether they were computed on a synthetic city, in the layout of a real corpus.
    factors : dict of str to str
        Modalities that they share, those at a hidden default too.
    runs : list of Run
        The runs, at least one.
    """

    plan: str
    synthetic: bool
    factors: dict[str, str]
    runs: list[FinishedRun]

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return name_of(self.plan, self.factors)

    def figures(self, record: MetricRecord) -> tuple[float, ...]:
        """Return a metric's mean and standard deviation in the table's units, or as many of the two as there are.

        The deviation is that of the seeds (n - 1) where there are several, else of the clips or folds.
        """
        values = [run.metrics[record.name] for run in self.runs if record.name in run.metrics]
        scale = 100 if record.unit == "%" else 1
        if len(values) > 1:
            means = [scale * np.nanmean(of_run) for of_run in values]
            return float(np.mean(means)), float(np.std(means, ddof=1))
        if not values:
            return ()
        mean = float(scale * np.nanmean(values[0]))
        if record.spread and len(values[0]) > 1:
            return mean, float(scale * np.nanstd(values[0]))
        return (mean,)


def rows_of(runs: list[FinishedRun]) -> list[TableRow]:
    """Return the rows of runs: those that differ in their seed alone share one."""
    groups: dict[tuple, list[FinishedRun]] = {}
    for run in runs:
        factors = {name: value for name, value in run.modalities.items() if name != SEED}
        key = (run.plan, run.synthetic, *sorted(factors.items()))
        groups.setdefault(key, []).append(run)
    return [
        TableRow(plan, synthetic, shared_factors(members), members)
        for (plan, synthetic, *_), members in groups.items()
    ]


def shared_factors(runs: list[FinishedRun]) -> dict[str, str]:
    """Return the modalities of runs that differ in their seed alone, which is among them where there is one run."""
    return {name: value for name, value in runs[0].modalities.items() if name != SEED or len(runs) == 1}


def rank(row: TableRow) -> tuple[str, int]:
    """Return a row's place in its table: the true Mels, then the paper's rows in their order, then others."""
    published = (*ROWS, *FURTHER_ROWS)
    paper_row = row_of_paper(row.plan, row.factors)
    place = published.index(paper_row) if paper_row is not None else len(published)
    return row.factors.get("deep", ""), -1 if row.name == TRUE_MELS else place


def row_of_paper(plan: str, factors: dict[str, str]) -> Row | None:
    """Return the row of the paper's table that a run of experiment 1 reproduces, or None."""
    for row in (*ROWS, *FURTHER_ROWS):
        known = {name: str(value) for name, value in row.factors.items() if name in IDENTIFYING}
        known.setdefault("transcoder", "cnn_pinv")
        if row.plan == plan and all(factors.get(name) == value for name, value in known.items()):
            return row
    return None


def name_of(plan: str, factors: dict[str, str]) -> str:
    """Return what a run is called in tables: as in the paper where it has a row there."""
    transcoder = factors.get("transcoder", plan)
    if "deep" in factors:
        return CLASSIFICATION_NAMES.get(transcoder, transcoder)
    row = row_of_paper(plan, factors)
    if row is not None:
        return row.name
    return TRAINED_NAMES.get((plan, transcoder)) or NAMES.get(transcoder, transcoder)


def published_training_figures(plan: str, factors: dict[str, str]) -> dict[str, float]:
    """Return {metric: figure} that the paper has for a run of experiment 1, in a table's units."""
    row, classifier = row_of_paper(plan, factors), factors["classifier"]
    figures = published_results().get(PUBLISHED_FOR.get(classifier, classifier), {})
    return figures.get(row.name.removesuffix(", published weights"), {}) if row else {}


def published_classification_figures(plan: str, factors: dict[str, str]) -> dict[str, float]:
    """Return {metric: figure} that the paper has for a run of experiment 2; of the published head only."""
    figures, classifier = published_classification().get(factors["dataset"], {}), factors["classifier"]
    found = figures.get(PUBLISHED_FOR.get(classifier, classifier), {}).get(factors["transcoder"])
    if found is None or factors.get("head", "published") != "published":
        return {}
    return {figures["metric"]: found[int(factors["deep"])]}

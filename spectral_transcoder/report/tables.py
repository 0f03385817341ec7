"""Tables of a report: a row for each run, the figures published beside its own."""

from dataclasses import dataclass

import numpy as np

from spectral_transcoder.experiments.paper import PUBLISHED_ROWS, ROWS, published_results
from spectral_transcoder.experiments.tables import heading

ORACLE = "true Mels"
NAMES = {"oracle": ORACLE, "pinv": "PINV", "mlp": "MLP", "mlp_pinv": "MLP-PINV"}
TELL_APART = ("transcoder", "prop_logit")  # of the factors that a row of the paper is known by
IMPLIED = ("plan", "transcoder", "ts", "deep", "prop_logit")  # the name of a row says so
PUBLISHED_FOR = {"YamNetMobile": "YamNet", "MiniYamNet": "YamNet"}  # whose published figures stand beside


@dataclass(frozen=True)
class Cell:
    """What stands in a table.

    Attributes
    ----------
    text : str
        A number or a word.
    spread : str
        The standard deviation, where there is one.
    best : bool
        No other row is better.
    """

    text: str
    spread: str = ""
    best: bool = False


@dataclass(frozen=True)
class ReportTable:
    """A table for a page.

    Attributes
    ----------
    caption : str
        What it holds.
    header : list of str
        Names of the columns.
    rows : list of list of Cell
        Row by row; the first cell names the row.
    n_left : int
        How many of the first columns are text.
    """

    caption: str
    header: list
    rows: list
    n_left: int


def row_of_paper(plan, factors):
    """Return the row of the paper's table that a run reproduces, or None."""
    for row in (*ROWS, *PUBLISHED_ROWS):
        known = {name: str(value) for name, value in row.factors.items() if name in TELL_APART}
        known.setdefault("transcoder", "cnn_pinv")
        if row.plan == plan and all(factors.get(name) == value for name, value in known.items()):
            return row
    return None


def name_of(plan, factors):
    """Return what a run is called in tables: as in the paper where it has a row there."""
    row = row_of_paper(plan, factors)
    if row is not None:
        return row.name
    transcoder = factors.get("transcoder", plan)
    name = NAMES.get(transcoder, transcoder)
    if "prop_logit" in factors:
        name += f", {factors['prop_logit']} % logits"
    return name


def published_training_figures(plan, factors):
    """Return {metric: figure} that the paper has for a run of experiment 1, in a table's units."""
    row, classifier = row_of_paper(plan, factors), factors["classifier"]
    figures = published_results().get(PUBLISHED_FOR.get(classifier, classifier), {})
    return figures.get(row.name.removesuffix(", published weights"), {}) if row else {}


def tables_of_runs(runs, records, group_by, published):
    """Return a table for each group of runs.

    Parameters
    ----------
    runs : list of Run
        They become rows in the paper's order, the others after them.
    records : sequence of MetricRecord
        The columns.
    group_by : sequence of str
        Factors that are the same throughout a table.
    published : callable
        (plan, factors) -> {metric: figure}.

    Returns
    -------
    list of ReportTable
    """
    groups = {}
    for run in sorted(runs, key=rank):
        groups.setdefault(tuple(run.factors.get(factor, "") for factor in group_by), []).append(run)
    return [group_table(group, records, group_by, key, published) for key, group in sorted(groups.items())]


def rank(run):
    """Return where a run stands in tables: the true Mels, then the paper's rows in their order, then others."""
    if run.factors.get("transcoder") == "oracle":
        return -1
    row = row_of_paper(run.plan, run.factors)
    rows = (*ROWS, *PUBLISHED_ROWS)
    return rows.index(row) if row is not None else len(rows)


def group_table(runs, records, group_by, key, published):
    """Return the table of one group, see `tables_of_runs`."""
    records = [record for record in records if any(record.name in run.metrics for run in runs)]
    factors = list(dict.fromkeys(factor for run in runs for factor in run.factors))
    shown = [name for name in factors if name not in (*group_by, *IMPLIED)]
    varying = [
        name for name in shown if len({run.factors.get(name) for run in runs if name in run.factors}) > 1
    ]
    figures = [published(run.plan, run.factors) for run in runs]

    header = ["transcoder", *varying]
    rows = [
        [Cell(name_of(run.plan, run.factors)), *(Cell(run.factors.get(name, "–")) for name in varying)]
        for run in runs
    ]
    for record in records:
        best = best_run(runs, record)
        header.append(heading(record))
        with_published = any(record.name in known for known in figures)
        if with_published:
            header.append("published")
        for row, run, known in zip(rows, runs, figures, strict=True):
            row.append(metric_cell(run.metrics.get(record.name), record, run is best))
            if with_published:
                figure = known.get(record.name)
                row.append(Cell("–" if figure is None else f"{figure:.{record.decimals}f}"))
    same = [
        f"{name} {runs[0].factors[name]}" for name in shown if name not in varying and name in runs[0].factors
    ]
    where = [f"{name} {value}" for name, value in zip(group_by, key, strict=True) if value]
    return ReportTable(", ".join([*where, *same]), header, rows, 1 + len(varying))


def best_run(runs, record):
    """Return the run whose mean is the best, the oracle's aside; None if there is nothing to compare."""
    contest = [
        run for run in runs if record.name in run.metrics and run.factors.get("transcoder") != "oracle"
    ]
    if len(contest) < 2:
        return None
    return (min if record.lower_is_better else max)(
        contest, key=lambda run: np.nanmean(run.metrics[record.name])
    )


def metric_cell(values, record, best):
    """Return a metric as a cell: its mean, with the standard deviation where there are several values."""
    if values is None:
        return Cell("–")
    scaled = values * (100 if record.unit == "%" else 1)
    several = record.spread and len(scaled) > 1
    spread = f"± {np.nanstd(scaled):.{record.decimals}f}" if several else ""
    return Cell(f"{np.nanmean(scaled):.{record.decimals}f}", spread, best)

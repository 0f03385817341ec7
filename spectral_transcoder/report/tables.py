"""Tables of a report: a row for each run, or for runs of several seeds, the published figures beside."""

from dataclasses import dataclass

import numpy as np

from spectral_transcoder.experiments.classification.experiment import published_classification
from spectral_transcoder.experiments.engine.tables import heading
from spectral_transcoder.experiments.transcoding.paper import FURTHER_ROWS, ROWS, published_results

SEED = "seed"
KNOWN_BY = ("transcoder", "prop_logit")  # of its factors, those that a row of the paper is known by
NAMES = {
    "oracle": "true Mels",
    "pinv": "PINV",
    "pinv_texture": "PINV with texture",
    "mlp": "MLP",
    "mlp_pinv": "MLP-PINV",
    "cnn_mels": "CNN-mels",
    "cnn_logits": "CNN-logits",
}
# as experiment 2 calls them
CLASSIFICATION_NAMES = NAMES | {
    "self": "true Mels",
    "cnn": "CNN-logits",
    "cnn_texture": "CNN-logits with texture",
}
TRUE_MELS = "true Mels"
SYNTHETIC = "synthetic city in its layout"
TEXTURES = {"cnn": "CNN-mels with texture", "hybridts": "CNN-logits with texture"}
NAMED = ("transcoder", "ts")  # factors that the name of a row tells
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


@dataclass(frozen=True)
class Entry:
    """A row: runs that differ in their seed alone.

    Attributes
    ----------
    plan : str
        Their plan.
    synthetic : bool
        Whether they were computed on a synthetic city, in the layout of a real corpus.
    factors : dict of str to str
        Their modalities, those at a hidden default too; without the seed where there are several.
    runs : list of Run
        At least one.
    """

    plan: str
    synthetic: bool
    factors: dict
    runs: list

    @property
    def name(self):
        """What it is called in tables."""
        return name_of(self.plan, self.factors)

    def figures(self, record):
        """Return a metric's mean and standard deviation, in the table's units, as far as there are any.

        Over seeds where there are several, as a sample; else over clips or folds.
        """
        values = [run.metrics[record.name] for run in self.runs if record.name in run.metrics]
        scale = 100 if record.unit == "%" else 1
        if len(values) > 1:
            means = [scale * np.nanmean(of_run) for of_run in values]
            return float(np.mean(means)), float(np.std(means, ddof=1))
        if not values:
            return ()
        spread = record.spread and len(values[0]) > 1
        return (
            float(scale * np.nanmean(values[0])),
            *([float(scale * np.nanstd(values[0]))] if spread else []),
        )


def row_of_paper(plan, factors):
    """Return the row of the paper's table that a run of experiment 1 reproduces, or None."""
    for row in (*ROWS, *FURTHER_ROWS):
        known = {name: str(value) for name, value in row.factors.items() if name in KNOWN_BY}
        known.setdefault("transcoder", "cnn_pinv")
        if row.plan == plan and all(factors.get(name) == value for name, value in known.items()):
            return row
    return None


def name_of(plan, factors):
    """Return what a run is called in tables: as in the paper where it has a row there."""
    transcoder = factors.get("transcoder", plan)
    if "deep" in factors:
        return CLASSIFICATION_NAMES.get(transcoder, transcoder)
    row = row_of_paper(plan, factors)
    if row is not None:
        return row.name
    if transcoder == "cnn_texture":
        return TEXTURES.get(plan, transcoder)
    return NAMES.get(transcoder, transcoder)


def published_training_figures(plan, factors):
    """Return {metric: figure} that the paper has for a run of experiment 1, in a table's units."""
    row, classifier = row_of_paper(plan, factors), factors["classifier"]
    figures = published_results().get(PUBLISHED_FOR.get(classifier, classifier), {})
    return figures.get(row.name.removesuffix(", published weights"), {}) if row else {}


def published_classification_figures(plan, factors):
    """Return {metric: figure} that the paper has for a run of experiment 2; of the published head only."""
    figures, classifier = published_classification().get(factors["dataset"], {}), factors["classifier"]
    found = figures.get(PUBLISHED_FOR.get(classifier, classifier), {}).get(factors["transcoder"])
    if found is None or factors.get("head", "published") != "published":
        return {}
    return {figures["metric"]: found[int(factors["deep"])]}


def tables_of_runs(runs, records, group_by, published):
    """Return a table for each group of runs.

    Parameters
    ----------
    runs : list of Run
        They become rows in the paper's order, the others after them; seeds of one setting share a row.
    records : sequence of MetricRecord
        The columns.
    group_by : sequence of str
        Factors that are the same throughout a table; a synthetic city never shares one with a real corpus.
    published : callable
        (plan, factors) -> {metric: figure}.

    Returns
    -------
    list of ReportTable
    """
    groups = {}
    for entry in sorted(entries_of(runs), key=rank):
        key = *(entry.factors.get(factor, "") for factor in group_by), entry.synthetic
        groups.setdefault(key, []).append(entry)
    return [
        group_table(entries, records, group_by, key, published) for key, entries in sorted(groups.items())
    ]


def entries_of(runs):
    """Return the entries of runs: those that differ in their seed alone are one."""
    entries = {}
    for run in runs:
        factors = {name: value for name, value in run.modalities.items() if name != SEED}
        key = (run.plan, run.synthetic, *sorted(factors.items()))
        entries.setdefault(key, []).append(run)
    return [
        Entry(plan, synthetic, entry_factors(of_entry), of_entry)
        for (plan, synthetic, *_), of_entry in entries.items()
    ]


def entry_factors(runs):
    """Return the modalities of runs that differ in their seed alone: with the seed where there is one."""
    return {name: value for name, value in runs[0].modalities.items() if name != SEED or len(runs) == 1}


def rank(entry):
    """Return where a row stands: the true Mels, then the paper's rows in their order, then others."""
    rows = (*ROWS, *FURTHER_ROWS)
    row = row_of_paper(entry.plan, entry.factors)
    place = rows.index(row) if row is not None else len(rows)
    return (entry.factors.get("deep", ""), -1 if entry.name == TRUE_MELS else place)


def group_table(entries, records, group_by, key, published):
    """Return the table of one group, see `tables_of_runs`."""
    classifiers = {entry.factors.get("classifier") for entry in entries}
    records = [
        record.of(classifiers) for record in records if any(entry.figures(record) for entry in entries)
    ]
    told = told_factors(entries)
    shown = [name for name in told if name not in (*group_by, *NAMED)]
    varying = varying_factors(entries, shown)
    columns = [("transcoder", [Cell(entry.name) for entry in entries])]
    columns += [(name, [Cell(entry.factors.get(name, "–")) for entry in entries]) for name in varying]
    if any(len(entry.runs) > 1 for entry in entries):
        columns.append(("seeds", [Cell(str(len(entry.runs))) for entry in entries]))
    n_left = len(columns)
    known = [published(entry.plan, entry.factors) for entry in entries]
    for record in records:
        best = best_entry(entries, record)
        columns.append((heading(record), [metric_cell(entry, record, entry is best) for entry in entries]))
        if any(record.name in figures for figures in known):
            columns.append(("published", [published_cell(figures, record) for figures in known]))
    first = entries[0].factors
    same = [
        f"{name} {first[name]}"
        for name in shown
        if name in first and all(entry.factors.get(name) == first[name] for entry in entries)
    ]
    *values, synthetic = key
    where = [f"{name} {value}" for name, value in zip(group_by, values, strict=True) if value]
    where += [SYNTHETIC] if synthetic else []
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    return ReportTable(", ".join([*where, *same]), [name for name, _ in columns], rows, n_left)


def told_factors(entries):
    """Return the factors that identifiers tell: hidden ones only where some run is away from the default."""
    told = dict.fromkeys(name for entry in entries for run in entry.runs for name in run.factors)
    several = any(len(entry.runs) > 1 for entry in entries)  # a column counts the seeds
    return [name for name in told if not (several and name == SEED)]


def varying_factors(entries, candidates):
    """Return the factors by which rows are told apart: those that differ among the entries that have them.

    A hidden factor that is away from its default is one too where not all entries have it. Rows that are alike
    all the same are told apart by whatever their names hide.
    """
    hidden = {name for entry in entries for run in entry.runs for name in run.defaults}
    varying = [
        name
        for name in candidates
        if len({entry.factors.get(name) for entry in entries} - (set() if name in hidden else {None})) > 1
    ]
    lefts = [(entry.name, *(entry.factors.get(name) for name in varying)) for entry in entries]
    alike = [entry for entry, left in zip(entries, lefts, strict=True) if lefts.count(left) > 1]
    return varying + [
        name
        for name in (*candidates, *NAMED)
        if name not in varying and len({entry.factors.get(name) for entry in alike}) > 1
    ]


def best_entry(entries, record):
    """Return the entry whose mean is the best, the true Mels aside; None if there is nothing to compare."""
    contest = [entry for entry in entries if entry.figures(record) and entry.name != TRUE_MELS]
    if len(contest) < 2:
        return None
    return (min if record.lower_is_better else max)(contest, key=lambda entry: entry.figures(record)[0])


def metric_cell(entry, record, best):
    """Return a metric as a cell: its mean, with the standard deviation where there is one."""
    mean, spread = (*(f"{figure:.{record.decimals}f}" for figure in entry.figures(record)), "", "")[:2]
    return Cell(mean or "–", f"± {spread}" if spread else "", best)


def published_cell(figures, record):
    """Return what was published of a metric as a cell."""
    figure = figures.get(record.name)
    return Cell("–" if figure is None else f"{figure:.{record.decimals}f}")

"""Tables of results: a row per computed setting, written as text, CSV, HTML, LaTeX or a picture."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spectral_transcoder.experiments.engine.doce_adapter import drop_constant_columns
from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord
from spectral_transcoder.experiments.engine.options import exportable
from spectral_transcoder.experiments.engine.plans import STEP, Setting
from spectral_transcoder.experiments.engine.run_store import RunStore
from spectral_transcoder.experiments.engine.table_pictures import draw_table
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.files import atomic_path, refuse_foreign, starts_with
from spectral_transcoder.utils.plotting import is_own_picture, save
from spectral_transcoder.utils.words import counted

PLAN = "plan"
MOST_PICTURE_ROWS = 150

Found = dict[str, tuple[float, ...]]  # (mean, standard deviation) or (mean,) by metric
Row = tuple[Setting, Found]


@dataclass(frozen=True)
class Table:
    """Results of a selection.

    Attributes
    ----------
    title : str
        The experiment, and the factors that have one modality throughout.
    shown : pd.DataFrame
        Texts: the factors that vary, remarks, and each metric as mean or mean ± standard deviation.
    values : pd.DataFrame
        All factors, and each metric's mean and standard deviation in two columns of numbers.
    n_factors : int
        How many columns of `shown` are factors or remarks.
    """

    title: str
    shown: pd.DataFrame
    values: pd.DataFrame
    n_factors: int

    def text(self) -> str:
        """Return the table for a terminal."""
        return f"{self.title}\n{self.shown.to_string(index=False)}"


def results_table(
    experiment: Experiment,
    settings: Iterable[Setting],
    metrics: Sequence[MetricRecord],
    over: str | None = None,
) -> Table:
    """Gather the results of a selection.

    Parameters
    ----------
    experiment : Experiment
        The experiment whose metrics they are.
    settings : list of Setting
        Whichever steps are among them: a chain's results are those of its last step.
    metrics : list of MetricRecord
        The columns; those without any value are left out.
    over : str, optional
        A factor to average over, `seed` say: settings that differ in it alone share a row, and each metric is
        the mean over them ± their standard deviation, instead of that over clips.

    Returns
    -------
    Table

    Raises
    ------
    SpectralTranscoderError
        Nothing of the selection has been computed.
    UsageError
        No plan of the selection has the factor `over`.
    """
    rows = read_rows(experiment, settings, metrics)
    classifiers = {setting.values.get("classifier") for setting, _ in rows}
    with_values = [metric for metric in metrics if any(metric.name in found for _, found in rows)]
    counts = None
    if over:
        rows, counts = _average(rows, over)
    factors, columns = _factor_rows([setting for setting, _ in rows], without=(STEP, over))
    title, varying, header = drop_constant_columns(factors, columns)
    title += f", mean ± standard deviation over {over}" if over else ""

    shown = pd.DataFrame(varying, columns=header)
    values = pd.DataFrame(factors, columns=columns)
    if over:
        shown[f"{over}s"] = values[f"{over}s"] = counts
    remarks = pd.DataFrame([experiment.remarks(setting, experiment) for setting, _ in rows])
    shown, values = shown.join(remarks), values.join(remarks)
    table = Table(f"{experiment.project.name}, {title}".rstrip(", "), shown, values, shown.shape[1])
    published = [experiment.published(setting) for setting, _ in rows]
    for metric in with_values:
        _add_metric(table, metric.of(classifiers), [found for _, found in rows], published)
    return table


def read_rows(
    experiment: Experiment, settings: Iterable[Setting], metrics: Sequence[MetricRecord]
) -> list[Row]:
    """Return what the last steps of the selected chains have: a row for each that is of today and has a metric."""
    chains = {setting.chain: setting.last() for setting in settings}
    rows = [
        (setting, read_metrics(experiment, setting, metrics))
        for setting in current(experiment, chains.values())
    ]
    rows = [(setting, found) for setting, found in rows if found]
    if not rows:
        raise SpectralTranscoderError("no results in this selection: -l lists its states, -c computes it")
    return rows


def _add_metric(
    table: Table, metric: MetricRecord, rows: Sequence[Found], published: Sequence[Mapping[str, float]]
) -> None:
    """Add the columns of a metric to a table, and of its published figures where any row has one."""
    reduced = [found.get(metric.name, ()) for found in rows]
    table.shown[heading(metric)] = [_format(metric, numbers) for numbers in reduced]
    for position, suffix in enumerate(("", "_std")[: max(map(len, reduced))]):
        table.values[f"{metric.name}{suffix}"] = [
            row[position] if position < len(row) else np.nan for row in reduced
        ]
    if any(metric.name in figures for figures in published):
        figures = pd.Series([figures.get(metric.name, np.nan) for figures in published])
        name = f"{metric.name} published"
        table.shown[name] = [_format(metric, [figure]) for figure in figures]
        table.values[name] = figures


def current(experiment: Experiment, settings: Collection[Setting]) -> list[Setting]:
    """Return the settings whose results are of today's data, weights and earlier steps; report how many are not."""
    store = RunStore(experiment)
    kept = [setting for setting in settings if not store.is_outdated(setting)]
    if n_outdated := len(settings) - len(kept):
        results = counted(n_outdated, "result is", "results are")
        print(f"{results} unfinished or outdated and left out, for -c to compute", file=sys.stderr)
    return kept


def _average(rows: Sequence[Row], over: str) -> tuple[list[Row], list[int]]:
    """Return one row for the settings that differ in the factor `over` alone, and how many each stands for."""
    if not any(over in setting.values for setting, _ in rows):
        raise UsageError(f"--over {over}: no plan of this selection has that factor")
    groups: dict[tuple[str, tuple[tuple[str, Any], ...]], list[Row]] = {}
    for setting, found in rows:
        rest = tuple((factor, value) for factor, value in setting.values.items() if factor != over)
        groups.setdefault((setting.plan, rest), []).append((setting, found))
    averaged = []
    for members in groups.values():
        means = {name: [found[name][0] for _, found in members if name in found] for name in members[0][1]}
        averaged.append((members[0][0], {name: _mean_and_spread(of) for name, of in means.items()}))
    return averaged, [len(members) for members in groups.values()]


def _mean_and_spread(numbers: Sequence[float]) -> tuple[float, ...]:
    """Return (mean, sample standard deviation), of a single number (itself,)."""
    if len(numbers) == 1:
        return tuple(numbers)
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1))


def read_metrics(experiment: Experiment, setting: Setting, metrics: Iterable[MetricRecord]) -> Found:
    """Return {metric name: (mean, standard deviation) or (mean,)} of the metrics that a setting has.

    A single value has no standard deviation: NaN.
    """
    found: Found = {}
    for metric in metrics:
        for array in experiment.metric_values(metric.name, setting):
            mean, *spread = (experiment.reduced(array, directive) for directive in metric.reductions)
            found[metric.name] = mean, *(spread if np.size(array) > 1 else [np.nan for _ in spread])
    return found


def export(table: Table, path: str | Path) -> Path:
    """Write a table in the format that the suffix of the path names, and return the path.

    Raises
    ------
    UsageError
        Another suffix than png, html, tex and csv; a picture of too many rows.
    """
    path = Path(path)
    claim_export(path)
    WRITERS[path.suffix](table, path)
    return path


def claim_export(path: Path) -> None:
    """Raise UsageError for another suffix than png, html, tex and csv, and where something else than a table is."""
    exportable(path.name)
    if path.suffix == ".png":
        refuse_foreign([path], is_own_picture)
    else:
        start = {".csv": PLAN, ".html": "<!DOCTYPE html>", ".tex": r"\begin{table}"}[path.suffix]
        refuse_foreign([path], lambda there: starts_with(there, start))


def _factor_rows(
    settings: Sequence[Setting], without: Collection[str | None]
) -> tuple[list[list[Any]], list[str]]:
    """Return the modalities, row by row, and the names of their columns.

    A factor that a plan does not have is blank there. Left out are those of `without`: the step is the last
    one of the chain; and a hidden factor that is nowhere away from its default.
    """
    columns = list(dict.fromkeys(factor for setting in settings for factor in setting.values))
    stated = {part.partition("=")[0] for setting in settings for part in setting.id().split("+")}
    columns = [factor for factor in columns if factor in stated and factor not in without]
    rows = [[s.plan, *(s.values.get(factor, "") for factor in columns)] for s in settings]
    return rows, [PLAN, *columns]


def heading(metric: MetricRecord) -> str:
    """Return a metric's name with its unit and which way is up, for the top of a column."""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.name}{unit} {metric.arrow}"


def _format(metric: MetricRecord, numbers: Iterable[float]) -> str:
    return " ± ".join(f"{number:.{metric.decimals}f}" for number in numbers if not np.isnan(number))


def _write_csv(table: Table, path: Path) -> None:
    with atomic_path(path) as temporary:
        table.values.to_csv(temporary, index=False)


def _write_tex(table: Table, path: Path) -> None:
    alignment = "l" * table.n_factors + "r" * (table.shown.shape[1] - table.n_factors)
    arrows = {"→": r"$\rightarrow$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "±": r"$\pm$", "²": r"$^2$"}
    text = table.shown.to_latex(index=False, escape=True, caption="CAPTION", column_format=alignment)
    text = text.replace("CAPTION", table.title.replace("_", r"\_").replace("%", r"\%"))
    for symbol, command in arrows.items():
        text = text.replace(symbol, command)
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def _write_html(table: Table, path: Path) -> None:
    style = (
        table.shown.style.hide(axis="index")
        .set_caption(table.title)
        .set_table_styles(
            [
                {"selector": "caption", "props": "text-align: left; font-weight: bold; padding: 0.5em"},
                {"selector": "th, td", "props": "padding: 0.2em 0.8em; border-bottom: 1px solid #ccc"},
                {"selector": "td", "props": "text-align: right; white-space: nowrap"},
            ]
        )
        .format(escape="html")
    )
    with atomic_path(path) as temporary:
        temporary.write_text(style.to_html(doctype_html=True))


def _write_png(table: Table, path: Path) -> None:
    if len(table.shown) > MOST_PICTURE_ROWS:
        raise UsageError(
            f"a picture of {len(table.shown)} rows: select at most {MOST_PICTURE_ROWS}, or export a .csv"
        )
    header = [name.replace(" ", "\n", 1) for name in table.shown.columns]
    cells = table.shown.astype(str).to_numpy().tolist()
    save(draw_table(table.title, header, cells, table.n_factors), path)


WRITERS: dict[str, Callable[[Table, Path], None]] = {
    ".png": _write_png,
    ".html": _write_html,
    ".tex": _write_tex,
    ".csv": _write_csv,
}

"""Tables of the report: a row for each setting, its metrics, and the published figures beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.engine.tables import heading
from spectral_transcoder.report.rows import NAMED, SEED, SYNTHETIC, TRUE_MELS, TableRow, rank, rows_of
from spectral_transcoder.report.runs import FinishedRun

PublishedFigures = Callable[[str, dict[str, str]], dict[str, float]]  # (plan, factors) -> {metric: figure}


@dataclass(frozen=True)
class ReportCell:
    """A cell of a table.

    Attributes
    ----------
    text : str
        A number or a word.
    spread : str
        The standard deviation, where there is one.
    best : bool
        Whether no other row is better.
    """

    text: str
    spread: str = ""
    best: bool = False


Column = tuple[str, list[ReportCell]]  # its heading, and its cells from top to bottom


@dataclass(frozen=True)
class ReportTable:
    """A table of the page.

    Attributes
    ----------
    caption : str
        The modalities that all rows share.
    header : list of str
        Names of the columns.
    rows : list of list of ReportCell
        Cells row by row; the first cell names the row.
    n_left : int
        Number of the first columns that hold text.
    """

    caption: str
    header: list[str]
    rows: list[list[ReportCell]]
    n_left: int


def tables_of_runs(
    runs: list[FinishedRun],
    records: Sequence[MetricRecord],
    group_by: Sequence[str],
    published: PublishedFigures,
) -> list[ReportTable]:
    """Return a table for each group of runs.

    Parameters
    ----------
    runs : list of FinishedRun
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
    groups: dict[tuple, list[TableRow]] = {}
    for row in sorted(rows_of(runs), key=rank):
        key = *(row.factors.get(factor, "") for factor in group_by), row.synthetic
        groups.setdefault(key, []).append(row)
    return [group_table(rows, records, group_by, published) for _, rows in sorted(groups.items())]


def group_table(
    rows: list[TableRow],
    records: Sequence[MetricRecord],
    group_by: Sequence[str],
    published: PublishedFigures,
) -> ReportTable:
    """Return the table of one group, see `tables_of_runs`."""
    shown = [name for name in identifying_factors(rows) if name not in (*group_by, *NAMED)]
    left = text_columns(rows, shown)
    columns = [*left, *metric_columns(rows, records, published)]
    cells = [list(row) for row in zip(*(column for _, column in columns), strict=True)]
    return ReportTable(caption_of(rows, shown, group_by), [name for name, _ in columns], cells, len(left))


def text_columns(rows: list[TableRow], shown: Sequence[str]) -> list[Column]:
    """Return the columns that say what each row is: its name, factors that vary, the number of seeds."""
    columns = [("transcoder", [ReportCell(row.name) for row in rows])]
    for name in varying_factors(rows, shown):
        columns.append((name, [ReportCell(row.factors.get(name, "–")) for row in rows]))
    if any(len(row.runs) > 1 for row in rows):
        columns.append(("seeds", [ReportCell(str(len(row.runs))) for row in rows]))
    return columns


def metric_columns(
    rows: list[TableRow], records: Sequence[MetricRecord], published: PublishedFigures
) -> list[Column]:
    """Return a column for each metric that was computed, followed by its published figures where there are any."""
    classifiers = {row.factors.get("classifier") for row in rows}
    published_figures = [published(row.plan, row.factors) for row in rows]
    columns = []
    for record in records:
        if not any(row.figures(record) for row in rows):
            continue
        metric = record.of(classifiers)
        best = best_rows(rows, metric)
        columns.append(
            (heading(metric), [metric_cell(row, metric, any(row is one for one in best)) for row in rows])
        )
        if any(metric.name in figures for figures in published_figures):
            columns.append(("published", [published_cell(figures, metric) for figures in published_figures]))
    return columns


def caption_of(rows: list[TableRow], shown: Sequence[str], group_by: Sequence[str]) -> str:
    """Return the caption of a table: the group's factors, then others that all its rows share."""
    first = rows[0]
    words = [f"{name} {first.factors[name]}" for name in group_by if first.factors.get(name)]
    words += [SYNTHETIC] if first.synthetic else []
    for name in shown:
        if name in first.factors and all(row.factors.get(name) == first.factors[name] for row in rows):
            words.append(f"{name} {first.factors[name]}")
    return ", ".join(words)


def identifying_factors(rows: list[TableRow]) -> list[str]:
    """Return the factors that identifiers name: hidden ones only where some run is away from their default."""
    named = dict.fromkeys(name for row in rows for run in row.runs for name in run.factors)
    seeds_are_counted = any(len(row.runs) > 1 for row in rows)
    return [name for name in named if not (seeds_are_counted and name == SEED)]


def varying_factors(rows: list[TableRow], candidates: Sequence[str]) -> list[str]:
    """Return the factors that distinguish rows: those that differ among the rows that have them.

    A hidden factor that is away from its default is one too where not all rows have it. Rows that would look
    the same nevertheless are distinguished by the factors that their names contain.
    """
    hidden = {name for row in rows for run in row.runs for name in run.defaults}
    varying = []
    for name in candidates:
        values = {row.factors.get(name) for row in rows}
        if name not in hidden:
            values.discard(None)
        if len(values) > 1:
            varying.append(name)
    texts = [(row.name, *(row.factors.get(name) for name in varying)) for row in rows]
    alike = [row for row, text in zip(rows, texts, strict=True) if texts.count(text) > 1]
    return varying + [
        name
        for name in (*candidates, *NAMED)
        if name not in varying and len({row.factors.get(name) for row in alike}) > 1
    ]


def best_rows(rows: list[TableRow], record: MetricRecord) -> list[TableRow]:
    """Return the rows with the best mean as it is shown, the true Mels aside; none if there is nothing to compare."""
    contest = [row for row in rows if row.figures(record) and row.name != TRUE_MELS]
    if len(contest) < 2:
        return []
    means = [row.figures(record)[0] for row in contest]
    best = f"{min(means, key=record.badness):.{record.decimals}f}"
    return [row for row, mean in zip(contest, means, strict=True) if f"{mean:.{record.decimals}f}" == best]


def metric_cell(row: TableRow, record: MetricRecord, best: bool) -> ReportCell:
    """Return a metric as a cell: its mean, with the standard deviation where there is one."""
    figures = [f"{figure:.{record.decimals}f}" for figure in row.figures(record)]
    if not figures:
        return ReportCell("–")
    spread = f"± {figures[1]}" if len(figures) > 1 else ""
    return ReportCell(figures[0], spread, best)


def published_cell(figures: dict[str, float], record: MetricRecord) -> ReportCell:
    """Return the published figure of a metric as a cell."""
    figure = figures.get(record.name)
    return ReportCell("–" if figure is None else f"{figure:.{record.decimals}f}")

"""A sensor's levels, the labels with the highest scores and the presence of sources on one time axis."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.results import LEVEL_COLUMNS, RANKS, Parts
from spectral_transcoder.utils.plotting import save

MOST_COLUMNS = 1200  # of the picture, however long it was measured
MOST_SENSORS = 16
N_LABELS = 10
TICKS = ("31.5", "125", "500", "2000", "8000")
DYNAMIC_RANGE_DB = 60


@dataclass
class Span:
    """What a first pass over the results finds of one sensor."""

    start_s: float = np.inf
    end_s: float = -np.inf
    longest_s: float = 0.0
    weights: Counter[str] = field(
        default_factory=Counter
    )  # sum of each label's scores while among the three first

    def add(self, table: pa.Table) -> None:
        """Take some windows."""
        epoch_s, duration_s = table["epoch_s"].to_numpy(), table["duration_s"].to_numpy()
        self.start_s = min(self.start_s, epoch_s.min())
        self.end_s = max(self.end_s, (epoch_s + duration_s).max())
        self.longest_s = max(self.longest_s, duration_s.max())
        for rank in RANKS:
            sums = table.group_by(f"{rank}_label").aggregate([(f"{rank}_score", "sum")])
            for label, weight in zip(*(sums[name].to_pylist() for name in sums.column_names), strict=True):
                self.weights[label] += weight


class Cells:
    """Means of windows over the columns of a picture, however many windows there are."""

    def __init__(self, span: Span, classes: Sequence[str]) -> None:
        self.width_s = max(span.longest_s, (span.end_s - span.start_s) / MOST_COLUMNS)
        n_columns = max(1, int(np.ceil((span.end_s - span.start_s) / self.width_s - 1e-6)))
        self.start_s, self.classes = span.start_s, classes
        self.labels = [label for label, _ in span.weights.most_common(N_LABELS)]
        self.n_windows = np.zeros(n_columns)
        self.power = np.zeros((n_columns, len(LEVEL_COLUMNS)))
        self.label_scores = np.zeros((n_columns, len(self.labels)))
        self.present = np.zeros((n_columns, len(classes)))

    def add(self, table: pa.Table) -> None:
        """Take some windows, each into the column of its middle."""
        middle = table["epoch_s"].to_numpy() + table["duration_s"].to_numpy() / 2
        column = ((middle - self.start_s) / self.width_s).astype(int).clip(0, len(self.n_windows) - 1)
        np.add.at(self.n_windows, column, 1)
        levels = np.stack([table[name].to_numpy() for name in LEVEL_COLUMNS], axis=1)
        np.add.at(self.power, column, 10 ** (levels.astype(float) / 10))
        for rank in RANKS:
            names, scores = table[f"{rank}_label"].to_numpy(), table[f"{rank}_score"].to_numpy()
            for index, label in enumerate(self.labels):
                rows = names == label
                np.add.at(self.label_scores[:, index], column[rows], scores[rows])
        for index, name in enumerate(self.classes):
            np.add.at(self.present[:, index], column, table[f"{name}_present"].to_numpy())

    def means(self) -> tuple[NDArray, NDArray, NDArray]:
        """Return levels in dB, label scores, and share of windows with each class; NaN where nothing is."""
        with np.errstate(divide="ignore", invalid="ignore"):
            count = np.where(self.n_windows > 0, self.n_windows, np.nan)[:, None]
            return 10 * np.log10(self.power / count), self.label_scores / count, self.present / count


def plot_results(parts: Parts, classes: Sequence[str], path: Path) -> list[Path]:
    """Draw a picture for each sensor of the results, in two passes over them.

    Parameters
    ----------
    parts : Parts
        The results.
    classes : sequence of str
        The classes whose presence they hold.
    path : Path
        The PNG to write; with several sensors each name is added to it.

    Returns
    -------
    list of Path
        What was written: at most 16 pictures.
    """
    columns = ["sensor", "epoch_s", "duration_s", *LEVEL_COLUMNS, *(f"{name}_present" for name in classes)]
    columns += [f"{rank}_{what}" for rank in RANKS for what in ("label", "score")]
    spans: dict[str, Span] = {}
    for sensor, table in by_sensor(parts.tables(columns)):
        spans.setdefault(sensor, Span()).add(table)
    cells = {sensor: Cells(spans[sensor], classes) for sensor in list(spans)[:MOST_SENSORS]}
    for sensor, table in by_sensor(parts.tables(columns)):
        if sensor in cells:
            cells[sensor].add(table)
    written = []
    for sensor, means in cells.items():
        written.append(path if len(spans) == 1 else path.with_stem(f"{path.stem}_{safe(sensor)}"))
        plot_timeline(means, sensor, written[-1])
    return written


def by_sensor(tables: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Give (sensor, table) of each sensor in each table."""
    for table in tables:
        for sensor in pc.unique(table["sensor"]).to_pylist():
            yield sensor, table.filter(pc.equal(table["sensor"], sensor))


def safe(name: str) -> str:
    """Return a sensor's name as part of a file's; names that would become the same get a checksum of their own."""
    plain = "".join(char if char.isalnum() or char in "-_." else "_" for char in name) or "sensor"
    if plain == name and not name.endswith("."):
        return plain
    return f"{plain}-{hashlib.sha1(name.encode(errors='surrogatepass')).hexdigest()[:6]}"


def plot_timeline(cells: Cells, sensor: str, path: Path) -> None:
    """Draw one sensor's picture: levels, labels with the highest scores, and presence."""
    levels, label_scores, present = cells.means()
    start = np.datetime64(round(cells.start_s * 1000), "ms")
    ends = dates.date2num([start, start + np.timedelta64(round(cells.width_s * len(levels) * 1000), "ms")])
    heights = [3, 0.25 * len(cells.labels) + 0.4, 0.45 * len(cells.classes) + 0.4]
    figure = Figure(figsize=(11, 1.2 + sum(heights)), layout="constrained")
    figure.suptitle(f"{sensor or 'sensor'}, {cells.width_s:.3g} s a column")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=heights)

    loudest = np.nanmax(levels, initial=-np.inf)
    ranges = {"vmin": max(np.nanmin(levels, initial=loudest), loudest - DYNAMIC_RANGE_DB), "vmax": loudest}
    draw_cells(axes[0], levels, ends, "level (dB)", figure, cmap="magma", **ranges)
    axes[0].set_yticks([NOMINAL_HZ.index(name) for name in TICKS], TICKS, fontsize="small")
    axes[0].set_ylabel("band (Hz)", fontsize="small")
    draw_cells(axes[1], label_scores[:, ::-1], ends, "mean score", figure, cmap="viridis", vmin=0)
    axes[1].set_yticks(
        range(len(cells.labels)), [label[:30] for label in cells.labels[::-1]], fontsize="small"
    )
    axes[1].set_title("labels among the three first", loc="left", fontsize="medium")
    draw_cells(axes[2], present[:, ::-1], ends, "share", figure, cmap="Greens", vmin=0, vmax=1)
    axes[2].set_yticks(range(len(cells.classes)), cells.classes[::-1], fontsize="small")
    axes[2].set_title("share of windows in which the class is present", loc="left", fontsize="medium")
    axes[2].xaxis_date()
    axes[2].xaxis.set_major_formatter(dates.ConciseDateFormatter(dates.AutoDateLocator()))
    axes[2].set_xlabel("time (UTC)")
    save(figure, path)


def draw_cells(
    axis: Axes, values: NDArray, ends: NDArray, label: str, figure: Figure, **colours: Any
) -> None:
    """Draw (columns, rows) as an image over the time axis; what was not measured stays grey."""
    axis.set_facecolor("0.85")
    image = axis.imshow(
        values.T,
        origin="lower",
        aspect="auto",
        extent=(*ends, -0.5, values.shape[1] - 0.5),
        interpolation="nearest",
        **colours,
    )
    figure.colorbar(image, ax=axis, label=label, pad=0.01)

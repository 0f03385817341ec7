"""Pictures of experiment 3: scores beside times of presence, and Pearson's r beside the published figures."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_transcoder.datasets.annotated_recordings import AnnotatedRecordings
from spectral_transcoder.evaluation.agreement import Estimate, agreement
from spectral_transcoder.utils.plotting import save

PUBLISHED = "published, all 30 recordings"


def draw_scatter(
    scores: dict[str, np.ndarray], annotations: AnnotatedRecordings, path: Path, title: str
) -> None:
    """Draw the scores of recordings over their times of presence, a row for each model, a column for each class.

    Parameters
    ----------
    scores : dict of str to np.ndarray
        (n, K) in 0 … 1 by the model's name.
    annotations : AnnotatedRecordings
        The n recordings.
    path : Path
        The PNG to write.
    title : str
        What stands above all of them.
    """
    n_rows, n_columns = len(scores), len(annotations.classes)
    figure = Figure(figsize=(1.2 + 2.8 * n_columns, 0.8 + 2.3 * n_rows), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False)
    for row, (name, own) in zip(axes, scores.items(), strict=True):
        for column, one in enumerate(agreement(own, annotations.times_of_presence, annotations.classes)):
            axis = row[column]
            draw_cloud(axis, annotations.times_of_presence[:, column], own[:, column])
            axis.set_title(f"{one.target}: r = {one.pearson}", fontsize="small", loc="left")
        row[0].set_ylabel(f"{name}\nmean score", fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("time of presence, by people")
    save(figure, path)


def draw_cloud(axis: Axes, times: np.ndarray, scores: np.ndarray) -> None:
    """Draw points with their least-squares line; scores keep their own scale, which differs from class to class."""
    axis.plot(times, scores, "o", alpha=0.7, markersize=5)
    if np.ptp(times) > 0:
        axis.plot([0, 1], np.polyval(np.polyfit(times, scores, 1), [0, 1]), color="0.6", linewidth=1)
    axis.set(xlim=(-0.05, 1.05), ylim=(-0.03 * max(scores.max(), 1e-6), 1.1 * max(scores.max(), 1e-6)))
    axis.grid(alpha=0.3)


def draw_correlations(
    rows: dict[str, dict[str, Estimate]], published: dict[str, dict[str, float]], path: Path, title: str
) -> None:
    """Draw Pearson's r of each model with its 95 % interval, a panel for each class, published figures below.

    Parameters
    ----------
    rows : dict of str to dict of str to Estimate
        Pearson's r by model, then by class.
    published : dict of str to dict of str to float
        The same as it was published.
    path : Path
        The PNG to write.
    title : str
        What stands above all of them.
    """
    classes = list(next(iter(rows.values())))
    names = [*rows, *published]
    figure = Figure(figsize=(4 + 2.4 * len(classes), 1.4 + 0.32 * len(names)), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(classes), sharey=True, squeeze=False)[0]
    for axis, target in zip(axes, classes, strict=True):
        for place, estimates in enumerate(rows.values()):
            one = estimates[target]
            axis.plot([one.low, one.high], [place, place], color="C0", linewidth=2, alpha=0.5)
            axis.plot(one.value, place, "o", color="C0")
        for place, figures in enumerate(published.values(), start=len(rows)):
            axis.plot(
                figures[target], place, "D", color="C1", label=PUBLISHED if place == len(rows) else None
            )
        axis.axvline(0, color="0.7", linewidth=1)
        axis.set(xlim=(-1, 1), xlabel="Pearson's r", title=target)
        axis.grid(alpha=0.3)
    axes[0].set_yticks(range(len(names)), names, fontsize="small")
    axes[0].invert_yaxis()
    if published:
        axes[-1].legend(fontsize="x-small", loc="lower left")
    save(figure, path)


def correlation_table(
    rows: dict[str, dict[str, Estimate]], published: dict[str, dict[str, float]]
) -> pd.DataFrame:
    """Return Pearson's r as a table for reading: a row for each model, then the published ones."""
    shown = [
        {"model": name} | {c: str(one) for c, one in estimates.items()} for name, estimates in rows.items()
    ]
    shown += [
        {"model": f"{name} ({PUBLISHED})"} | {c: f"{r:.2f}" for c, r in figures.items()}
        for name, figures in published.items()
    ]
    return pd.DataFrame(shown)

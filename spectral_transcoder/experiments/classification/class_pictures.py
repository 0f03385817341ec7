"""Pictures of experiment 2, class by class: confusion matrices, and bars of F1 and AUPRC."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spectral_transcoder.utils.plotting import save


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], title: str, path: Path) -> None:
    """Draw which classes are taken for which, shares of each row as colours and counts as numbers.

    Parameters
    ----------
    matrix : np.ndarray
        (K, K) clips, the mean over seeds: rows what people annotated, columns what was predicted.
    classes : sequence of str
        The names of the K classes.
    title : str
        What stands above the picture.
    path : Path
        The PNG to write.
    """
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(3 + 0.62 * len(classes), 2.5 + 0.55 * len(classes)), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{count:.3g}", ha="center", va="center", color=colour, fontsize="small")
    ticks = range(len(classes))
    axis.set_xticks(ticks, classes, rotation=45, ha="right")
    totals = zip(classes, matrix.sum(1), strict=True)
    axis.set_yticks(ticks, [f"{name} ({round(count)})" for name, count in totals])
    axis.set(xlabel="predicted", ylabel="heard by people (clips)")
    axis.set_title(title, fontsize="medium", loc="left", wrap=True)
    figure.colorbar(image, ax=axis, label="share of the class's clips", shrink=0.8)
    save(figure, path)


def draw_class_bars(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw groups of bars, a group for each class and a bar for each setting.

    Parameters
    ----------
    panels : dict of str to dict of str to (np.ndarray, np.ndarray)
        By metric, then by setting: mean and standard deviation, (K,) each; NaN where not defined.
    classes : sequence of str
        The names of the K classes.
    title : str
        What stands above all of them.
    path : Path
        The PNG to write.
    """
    figure = Figure(figsize=(3 + 1.1 * len(classes), 1.5 + 2.6 * len(panels)), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    places = np.arange(len(classes))
    for axis, (metric, bars) in zip(axes, panels.items(), strict=True):
        width = 0.85 / len(bars)
        for index, (name, (mean, spread)) in enumerate(bars.items()):
            offset = (index - (len(bars) - 1) / 2) * width
            axis.bar(places + offset, mean, width, yerr=spread, label=name, capsize=2)
        axis.set(ylabel=metric, ylim=(0, 1))
        axis.grid(axis="y", alpha=0.3)
    axes[-1].set_xticks(places, classes, rotation=20, ha="right")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", fontsize="small", ncols=2)
    save(figure, path)

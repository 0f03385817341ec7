"""Training curves as SVG, which takes the colours of the page: light, dark, or a reader's own."""

from dataclasses import dataclass

import numpy as np

from spectral_transcoder.utils.words import counted

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 40
N_TICKS = 4


@dataclass(frozen=True)
class Curve:
    """The losses of one training, ready to be drawn.

    Attributes
    ----------
    title : str
        Name of the training.
    summary : str
        The curve in words, for readers who do not see it.
    lines : dict of str to list of (float, float)
        Points in pixels by split.
    best : (float, float)
        The point of the epoch whose weights were kept, in pixels.
    x_ticks, y_ticks : list of (float, str)
        Positions in pixels, with their texts.
    table : list of list of str
        Epoch and losses, row by row.
    """

    title: str
    summary: str
    lines: dict[str, list[tuple[float, float]]]
    best: tuple[float, float]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    table: list[list[str]]


def draw_curve(title: str, losses: dict[str, np.ndarray]) -> Curve:
    """Return the `Curve` of {split: (n_epochs,)} losses; those that are not numbers are left out.

    A training that runs may have written its last epoch of some splits only: it is left out too.
    """
    n_epochs = min(len(values) for values in losses.values())
    losses = {split: values[:n_epochs] for split, values in losses.items()}
    finite = np.concatenate([values[np.isfinite(values)] for values in losses.values()])
    low, high = spread(finite)

    def x_of(epoch: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((epoch - 1) / max(n_epochs - 1, 1) if n_epochs > 1 else 0.5)

    def y_of(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low)

    lines = {
        split: [(x_of(epoch), y_of(loss)) for epoch, loss in enumerate(values, start=1) if np.isfinite(loss)]
        for split, values in losses.items()
    }
    chosen = losses.get("valid", next(iter(losses.values())))
    best = int(np.nanargmin(chosen)) if np.isfinite(chosen).any() else 0
    epochs = np.unique(np.linspace(1, n_epochs, min(n_epochs, 6)).round().astype(int))
    levels = np.linspace(low, high, N_TICKS)
    return Curve(
        title,
        f"{counted(n_epochs, 'epoch')}; lowest validation loss {chosen[best]:.4g} in epoch {best + 1}",
        lines,
        (x_of(best + 1), y_of(chosen[best])),
        [(x_of(epoch), str(epoch)) for epoch in epochs],
        [(y_of(level), f"{level:.3g}") for level in levels],
        [
            [str(epoch + 1), *(f"{values[epoch]:.5g}" for values in losses.values())]
            for epoch in range(n_epochs)
        ],
    )


def spread(values: np.ndarray) -> tuple[float, float]:
    """Return limits that hold all values, apart from each other."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin

"""Figures are written to files and never need a display; and the figure of where bands lie."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spectral_transcoder.utils.files import atomic_path, refuse_foreign

TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000, 12500)
DPI = 150
PNG, FIRST_BYTES = b"\x89PNG\r\n\x1a\n", 1024


def printable(text: str) -> str:
    """Return a text without what no font has: bytes of a file name that were no text become escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_own_picture(path: Path) -> bool:
    """Whether a file is a PNG of matplotlib's, as all of ours are."""
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
    return start.startswith(PNG) and b"Matplotlib" in start


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, atomically; raise UsageError where something else than such a picture is there."""
    refuse_foreign([path], is_own_picture)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def mean_level_db(levels_db: np.ndarray | None) -> np.ndarray | None:
    """Return the level in dB of the mean power over time, (n_bands,) of (n_frames, n_bands); None of None."""
    return None if levels_db is None else 10 * np.log10(np.mean(10 ** (levels_db / 10), axis=0))


def frequency_label(frequency_hz: int) -> str:
    """Return the text of a tick: 500, 2k, 12.5k."""
    return f"{frequency_hz / 1000:g}k" if frequency_hz >= 1000 else str(frequency_hz)


def plot_band_centres(rows: dict[str, tuple[np.ndarray, np.ndarray | None]], path: Path, title: str) -> None:
    """Draw where the bands of several analyses lie, and how loud a recording is in each.

    Parameters
    ----------
    rows : dict of str to (np.ndarray, np.ndarray or None)
        By the analysis' name: centres in Hz (n_bands,), and mean levels in dB (n_bands,) or None.
    path : Path
        The PNG to write.
    title : str
        The title over all of them.
    """
    figure = Figure(figsize=(9, 1 + 1.6 * len(rows)), layout="constrained")
    figure.suptitle(printable(title))
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for index, (axis, (name, (centres, levels))) in enumerate(zip(axes, rows.items(), strict=True)):
        colour = f"C{index}"
        if levels is None:
            axis.vlines(centres, 0, 1, color=colour)
            axis.set_yticks([])
        else:
            floor = levels.min() - 5
            axis.vlines(centres, floor, levels, color=colour)
            axis.plot(centres, levels, "o", color=colour, markersize=3)
            axis.set_ylim(bottom=floor)
            axis.set_ylabel("mean level (dB)", fontsize="small")
        axis.set_title(f"{name}: {len(centres)} bands", loc="left", fontsize="medium")
        axis.set_xscale("log")
    ticks = (20, 50, 100, *TICKS_HZ)
    axes[-1].set_xticks(ticks, [frequency_label(hz) for hz in ticks])
    axes[-1].minorticks_off()
    axes[-1].set_xlabel("band centre (Hz)")
    save(figure, path)

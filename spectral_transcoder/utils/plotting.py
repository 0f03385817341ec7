"""Pictures of spectrograms and bands. They are written to files and never need a display."""

import numpy as np
from matplotlib.figure import Figure

from spectral_transcoder.utils.files import atomic_path

TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000, 12500)
DYNAMIC_RANGE_DB = 80
DPI = 150


def save(figure, path):
    """Write a figure as a PNG, atomically."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def mel_centres_hz(front_end):
    """Return the centre of each Mel filter in Hz: (n_mels,)."""
    return front_end.edges_hz[1:-1]


def plot_mels(panels, front_end, path, title):
    """Draw Mel spectrograms under each other on one colour scale.

    Parameters
    ----------
    panels : dict of str to np.ndarray
        (n_frames, n_mels) log Mels by their title.
    front_end : MelFrontEnd
        Which Mels they are.
    path : Path
        The PNG to write.
    title : str
        Over all of them.
    """
    panels = {name: front_end.to_power_db(mels) for name, mels in panels.items()}
    loudest = max(mels.max() for mels in panels.values())
    softest = max(min(mels.min() for mels in panels.values()), loudest - DYNAMIC_RANGE_DB)

    figure = Figure(figsize=(9, 1.2 + 1.7 * len(panels)), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, mels) in zip(axes, panels.items(), strict=True):
        duration_s = len(mels) / front_end.frames_per_second
        image = axis.imshow(
            mels.T,
            origin="lower",
            aspect="auto",
            extent=(0, duration_s, -0.5, front_end.n_mels - 0.5),
            vmin=softest,
            vmax=loudest,
            cmap="magma",
            interpolation="nearest",
        )
        label_mel_axis(axis, front_end)
        axis.set_title(name, loc="left", fontsize="medium")
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=axes, label="level of the Mel band (dB)", pad=0.01)
    save(figure, path)


def label_mel_axis(axis, front_end):
    """Mark round frequencies in Hz on an axis that counts Mel bands."""
    centres = mel_centres_hz(front_end)
    ticks = [hz for hz in TICKS_HZ if centres[0] <= hz <= centres[-1]]
    axis.set_yticks(np.interp(ticks, centres, np.arange(len(centres))))
    axis.set_yticklabels([f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in ticks], fontsize="small")
    axis.set_ylabel("Hz", fontsize="small")


def plot_band_centres(rows, path, title):
    """Draw where the bands of several analyses lie, and how loud a recording is in each.

    Parameters
    ----------
    rows : dict of str to (np.ndarray, np.ndarray or None)
        By the analysis' name: centres in Hz (n_bands,), and mean levels in dB (n_bands,) or None.
    path : Path
        The PNG to write.
    title : str
        Over all of them.
    """
    figure = Figure(figsize=(9, 1 + 1.6 * len(rows)), layout="constrained")
    figure.suptitle(title)
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
    axes[-1].set_xticks(ticks, [f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in ticks])
    axes[-1].minorticks_off()
    axes[-1].set_xlabel("band centre (Hz)")
    save(figure, path)

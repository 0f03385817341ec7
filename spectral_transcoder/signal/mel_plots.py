"""Figures of Mel spectrograms under each other, on one colour scale."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.utils.plotting import TICKS_HZ, frequency_label, printable, save

DYNAMIC_RANGE_DB = 80


def mel_centres_hz(front_end: MelFrontEnd) -> np.ndarray:
    """Return the centre of each Mel filter in Hz: (n_mels,)."""
    return front_end.edges_hz[1:-1]


def plot_mels(panels: dict[str, np.ndarray], front_end: MelFrontEnd, path: Path, title: str) -> None:
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
        The title over all of them.
    """
    panels = {name: front_end.to_power_db(mels) for name, mels in panels.items()}
    loudest = max(mels.max() for mels in panels.values())
    softest = max(min(mels.min() for mels in panels.values()), loudest - DYNAMIC_RANGE_DB)

    figure = Figure(figsize=(9, 1.2 + 1.7 * len(panels)), layout="constrained")
    figure.suptitle(printable(title))
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


def label_mel_axis(axis: Axes, front_end: MelFrontEnd) -> None:
    """Mark round frequencies in Hz on an axis that counts Mel bands."""
    centres = mel_centres_hz(front_end)
    ticks = [hz for hz in TICKS_HZ if centres[0] <= hz <= centres[-1]]
    axis.set_yticks(np.interp(ticks, centres, np.arange(len(centres))))
    axis.set_yticklabels([frequency_label(hz) for hz in ticks], fontsize="small")
    axis.set_ylabel("Hz", fontsize="small")

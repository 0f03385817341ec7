"""The picture of PTopA/FC label by label: clips of each top label, and how many of them a model hits."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spectral_transcoder.evaluation.transcoding_metrics import ScoredClips, top_hits, weighted_share
from spectral_transcoder.utils.plotting import save

CLIPS_COLOR, HITS_COLOR = "0.85", "tab:blue"
LINE_LENGTH = 40  # characters of a title that fit above a panel


def draw_hits(scored: Mapping[str, ScoredClips], n_labels: int, path: Path) -> None:
    """Draw models side by side, the labels of the first one's commonest clips from top to bottom.

    Parameters
    ----------
    scored : mapping of str to ScoredClips
        By the model's name.
    n_labels : int
        How many labels are drawn, the commonest on true Mels first.
    path : Path
        The picture.
    """
    first = next(iter(scored.values()))
    labels = [label for label, _, _ in first.hits_by_label()[:n_labels]]
    size = (2.5 + 2.6 * len(scored), 1.2 + 0.22 * len(labels))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(scored), sharey=True, squeeze=False)[0]
    positions = np.arange(len(labels))
    for axis, (name, clips) in zip(axes, scored.items(), strict=True):
        counts = {label: (n_clips, n_hits) for label, n_clips, n_hits in clips.hits_by_label()}
        n_clips, n_hits = np.transpose([counts.get(label, (0, 0)) for label in labels])
        axis.barh(positions, n_clips, color=CLIPS_COLOR, label="clips")
        axis.barh(positions, n_hits, color=HITS_COLOR, label="same first label")
        axis.set_title(f"{wrapped(name)}\n{shares(clips)}", fontsize="x-small")
        axis.set_xlabel("clips")
    axes[0].set_yticks(positions, labels, fontsize="x-small")
    axes[0].invert_yaxis()
    axes[-1].legend(loc="lower right", fontsize="x-small")
    save(figure, path)


def shares(scored: ScoredClips) -> str:
    """Return PTopA/FC of a model, plain and class-weighted, in words."""
    top, hits = top_hits(scored.reference, scored.scores, scored.clips)
    return f"PTopA/FC {100 * hits.mean():.1f} %, class-weighted {100 * weighted_share(top, hits):.1f} %"


def wrapped(name: str) -> str:
    """Return a model's identifier in lines of a picture's width, broken between factors."""
    lines = [""]
    for part in name.split("+"):
        if lines[-1] and len(lines[-1]) + len(part) > LINE_LENGTH:
            lines.append("")
        lines[-1] += f"+{part}" if lines[-1] or len(lines) > 1 else part
    return "\n".join(lines)

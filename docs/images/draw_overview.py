"""Draw the README's picture: a recording through third octaves and transcoders, and what that is worth over many.

    python3 docs/images/draw_overview.py UrbanSound8K/audio/fold2/100652-3-0-0.wav

Input: a recording (the README's is the first clip of UrbanSound8K's fold 2), the mobile YAMNet
(python3 download_pretrained_models.py --models YamNetMobile), the transcoders of reference_models/, and
results/results_urbansound8k_fold2.csv. Output: docs/images/overview.png, in seconds.
"""

import argparse
import csv
from pathlib import Path

import matplotlib
import numpy as np

from spectral_transcoder.evaluation.regeneration import top_classes, transcoders_for
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.registry import TRUE_MELS, model_entry
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.paths import PROJECT_ROOT

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

CLASSIFIER = "YamNetMobile"
SHOWN = ("pinv", "cnn_mels", "cnn_texture")  # transcoders, in order
# rows of the results' table: their names, and the factors that find them
BARS = (
    ("PINV", {"transcoder": "pinv"}),
    ("CNN-mels", {"plan": "cnn"}),
    ("CNN-logits", {"transcoder": "cnn_pinv", "plan": "hybridts", "recipe": "steady"}),
    ("PINV with texture", {"transcoder": "pinv_texture"}),
    ("CNN-logits with texture", {"transcoder": "cnn_texture", "epoch": "20"}),
)
N_COLOURS = 96  # enough for the colour map; a small file
RESULTS = PROJECT_ROOT / "results" / "results_urbansound8k_fold2.csv"


def main() -> None:
    """Draw the panels, the labels below them, and the bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, help="sound file of some seconds")
    parser.add_argument("--weights", type=Path, help="of the mobile YAMNet (default: in pretrained_models)")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("overview.png"))
    options = parser.parse_args()
    recording = read_audio(options.recording)
    classifier = load_classifier(CLASSIFIER, options.weights)
    front_end = classifier.record.front_end
    there, _ = transcoders_for(CLASSIFIER)
    transcoders = {name: there[name] for name in SHOWN}
    labels = top_classes(recording, classifier, transcoders, 3)

    levels = ThirdOctaves().levels(recording.at(32000))
    panels = [("third octaves, all that a sensor sends", levels, [])]
    mels = {name: transcoder.transcode(recording.at(32000)) for name, transcoder in transcoders.items()}
    mels[TRUE_MELS] = front_end.mels(recording.at(front_end.sr))
    for name, log_mels in mels.items():
        title = model_entry(name).title
        panels.append((title, log_mels.reshape(-1, front_end.n_mels), labels[title]))
    draw(panels, agreements(), options.output)
    print(f"written: {options.output}")


def agreements() -> list[tuple[str, float]]:
    """Return the name and the PTopA/FC in percent of each row of `BARS`."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for name, factors in BARS:
        row = next(row for row in rows if factors.items() <= row.items())
        found.append((name, float(row["ptopafc"])))
    return found


def draw(
    panels: list[tuple[str, np.ndarray, list[tuple[str, float]]]], bars: list[tuple[str, float]], path: Path
) -> None:
    """Write the picture.

    Parameters
    ----------
    panels : list of (str, np.ndarray, list of (str, float))
        Title, spectrogram (n_frames, n_bands), and the highest labels with their scores.
    bars : list of (str, float)
        Name and height in percent of each bar.
    path : Path
        File to write.
    """
    figure, axes = plt.subplots(2, 3, figsize=(10, 5), dpi=100, layout="constrained")
    mel_range = np.quantile(panels[-1][1], (0.05, 0.999))
    for axis, (title, image, labels) in zip(axes.flat, panels, strict=False):
        low, high = mel_range if labels else np.quantile(image, (0.05, 0.999))
        axis.imshow(image.T, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
        text = "\n".join(f"{label} {score:.2f}" for label, score in labels)
        axis.text(0.98, 0.96, text, transform=axis.transAxes, ha="right", va="top", color="white", fontsize=9)
    draw_bars(axes.flat[-1], bars)
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    pixels.quantize(N_COLOURS).save(path, optimize=True)


def draw_bars(axis: Axes, bars: list[tuple[str, float]]) -> None:
    """Draw a bar for each name, the name above it and the percentage behind it."""
    for position, (name, percent) in enumerate(bars):
        axis.barh(position, percent, height=0.4, color="#b5367a")
        axis.text(0, position - 0.26, name, fontsize=9, va="bottom")
        axis.text(percent + 1, position, f"{percent:.0f} %", fontsize=9, va="center")
    axis.set_ylim(len(bars) - 0.5, -0.75)
    axis.set_xlim(0, 65)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title("888 clips: first label as on true Mels", fontsize=10, loc="left")


if __name__ == "__main__":
    cli.run(main)

"""Plot the paper's spectrograms: one second through PINV, CNN-mels and CNN-logits, beside the true Mels.

    python3 plot_spectro_dcase2023.py [--audio audio/myfile.wav] [--start_s 2] [--classifier YamNet]

Input: a sound (by default the first in audio/), and the trained models of reference_models/; those that
are missing are left out, and the command that fetches them is printed.
Output: results/spectro_dcase2023_<classifier>_<file>.png. Takes a few seconds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.models.names import CLASSIFIER_NAMES
from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import refuse_overwriting
from spectral_transcoder.utils.paths import AUDIO, RESULTS

if TYPE_CHECKING:
    import numpy as np

    from spectral_transcoder.signal.audio import Recording
    from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd


def main() -> None:
    """Draw the panels in the paper's order."""
    args = parse_arguments()
    from spectral_transcoder.evaluation.regeneration import transcoders_for
    from spectral_transcoder.models.classifiers import classifier_record
    from spectral_transcoder.models.registry import FETCH_COMMAND, model_entry
    from spectral_transcoder.signal.audio import read_audio
    from spectral_transcoder.signal.mel_plots import plot_mels
    from spectral_transcoder.signal.sound_files import find_audio

    front_end = classifier_record(args.classifier).front_end
    transcoders, _ = transcoders_for(args.classifier)
    sound = find_audio([args.audio], AUDIO)[0]
    recording = read_audio(sound, reading_of(args))
    path = args.output / f"spectro_dcase2023_{front_end.name}_{recording.name}.png"
    refuse_overwriting([sound], path)
    if not 0 <= args.start_s <= max(0, recording.duration_s - 1 / front_end.sr):
        raise UsageError(f"--start_s {args.start_s}: {recording.name} lasts {recording.duration_s:.2f} s")

    panels = {}
    for name in ("pinv", "cnn_mels", "cnn_logits", "cnn_texture"):
        title = model_entry(name).title
        if name in transcoders:
            sr = transcoders[name].third_octaves.sr
            panels[title] = one_second(transcoders[name].transcode, recording, args.start_s, sr, front_end)
        elif name != "cnn_texture":
            print(f"{title} is left out: no model here; the published ones come with: {FETCH_COMMAND}")
    panels[model_entry("self").title] = one_second(
        front_end.mels, recording, args.start_s, front_end.sr, front_end
    )
    plot_mels(panels, front_end, path, f"{front_end.name} Mels of {recording.name}, from {args.start_s:g} s")
    cli.print_notes(recording.remarks)
    print(f"written: {path}")


def one_second(
    analyse: "Callable[[np.ndarray], np.ndarray]",
    recording: "Recording",
    start_s: float,
    sr: int,
    front_end: "MelFrontEnd",
) -> "np.ndarray":
    """Return the Mels (n_frames, n_mels) of one second of a recording at `sr`."""
    start = round(start_s * sr)
    mels = analyse(recording.at(sr)[start : start + sr])
    return mels.reshape(-1, front_end.n_mels)[: front_end.chunk_frames]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""

    parser = cli.Parser(__doc__)
    parser.add_argument("--audio", default=str(AUDIO), help="a sound, or a folder whose first sound is taken")
    parser.add_argument(
        "--start_s", type=float, default=0.0, help="where the second begins, in seconds (default 0)"
    )
    parser.add_argument(
        "--classifier",
        choices=CLASSIFIER_NAMES,
        metavar="NAME",
        default="PANN",
        help="whose Mels are drawn (default PANN)",
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the figure (default results)")
    add_reading_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

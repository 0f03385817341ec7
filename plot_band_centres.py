"""Plot where the bands of third octaves, PANN's Mels and YamNet's Mels are centred.

    python3 plot_band_centres.py [--audio audio/myfile.wav]

Input: nothing, or a sound, whose mean level in each band is then drawn at the band's centre.
Output: results/band_centres.png, or results/band_centres_<file>.png. Takes a few seconds.
"""

import argparse
from pathlib import Path

from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import refuse_overwriting
from spectral_transcoder.utils.paths import AUDIO, RESULTS


def main() -> None:
    """Draw a row for each analysis."""
    args = parse_arguments()
    from spectral_transcoder.signal.audio import read_audio
    from spectral_transcoder.signal.mel_plots import mel_centres_hz
    from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
    from spectral_transcoder.signal.sound_files import find_audio
    from spectral_transcoder.signal.third_octaves import ThirdOctaves
    from spectral_transcoder.utils.plotting import mean_level_db, plot_band_centres

    third_octaves = ThirdOctaves()
    recording = read_audio(find_audio([args.audio], AUDIO)[0], reading_of(args)) if args.audio else None
    levels = third_octaves.levels(recording.at(third_octaves.sr)) if recording else None
    rows = {"third octaves": (third_octaves.centres_hz, mean_level_db(levels))}
    for front_end in (PANN_MELS, YAMNET_MELS):
        mels = front_end.to_power_db(front_end.mels(recording.at(front_end.sr))) if recording else None
        rows[f"{front_end.name} Mels"] = (mel_centres_hz(front_end), mean_level_db(mels))
    suffix, title = (f"_{recording.name}", f": {recording.name}") if recording else ("", "")
    path = args.output / f"band_centres{suffix}.png"
    refuse_overwriting([args.audio] if args.audio else [], path)
    plot_band_centres(rows, path, f"Band centres{title}")
    cli.print_notes(recording.remarks if recording else ())
    print(f"written: {path}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--audio", help="a sound whose mean levels are drawn (default: centres alone)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the figure (default results)")
    add_reading_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

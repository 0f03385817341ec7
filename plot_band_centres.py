"""Plot where the bands of third octaves, PANN's Mels and YamNet's Mels are centred.

    python3 plot_band_centres.py [--audio audio/myfile.wav]

Input: nothing, or a sound, whose mean level in each band is then drawn at the band's centre.
Output: results/band_centres.png, or results/band_centres_<file>.png. Takes a few seconds.
"""

from pathlib import Path

import numpy as np

from spectral_transcoder.signal.audio import find_audio, read_audio
from spectral_transcoder.signal.mel_plots import mel_centres_hz
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.paths import AUDIO, RESULTS
from spectral_transcoder.utils.plotting import plot_band_centres


def main():
    """Draw a row for each analysis."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--audio", help="a sound whose mean levels are drawn (default: centres alone)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the figure (default results)")
    args = parser.parse_args()

    third_octaves = ThirdOctaves()
    recording = read_audio(find_audio([args.audio], AUDIO)[0]) if args.audio else None
    levels = third_octaves.levels(recording.at(third_octaves.sr)) if recording else None
    rows = {"third octaves": (third_octaves.centres_hz, mean_level_db(levels))}
    for front_end in (PANN_MELS, YAMNET_MELS):
        mels = front_end.to_power_db(front_end.mels(recording.at(front_end.sr))) if recording else None
        rows[f"{front_end.name} Mels"] = (mel_centres_hz(front_end), mean_level_db(mels))
    suffix, title = (f"_{recording.name}", f": {recording.name}") if recording else ("", "")
    path = args.output / f"band_centres{suffix}.png"
    plot_band_centres(rows, path, f"Band centres{title}")
    print(f"written: {path}")


def mean_level_db(levels_db):
    """Return the level in dB of the mean power over time, (n_bands,) of (n_frames, n_bands); None of None."""
    return None if levels_db is None else 10 * np.log10(np.mean(10 ** (levels_db / 10), axis=0))


if __name__ == "__main__":
    cli.run(main)

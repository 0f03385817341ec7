"""Which regenerated sound is nearest to the recording? What a classifier finds in each, on a few sounds.

    python3 benchmarks/sound.py --audio_path TAU_CLIPS URBANSOUND8K_CLIPS --clips 40

Each recording is transcoded to PANN's Mels by PINV, PINV with texture and the CNN-mels of reference_models/, and made
a sound again, as generate_audio.py does. The classifier scores the recording and those sounds: `top1` is the share of
the recordings with the same first label, `score_difference` the mean absolute difference of all scores. The
sound from the true Mels says what the inversion alone costs. Output: export/sound.csv. Two seconds
for each sound of 4 s.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from spectral_transcoder.evaluation.regeneration import transcoders_for
from spectral_transcoder.models.classifiers import Classifier, load_classifier
from spectral_transcoder.models.registry import TRUE_MELS, model_entry
from spectral_transcoder.signal.audio import Recording, read_audio
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.signal.sound_files import find_sounds
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import EXPORT


def main() -> None:
    """Regenerate, classify, compare, and write a table."""
    args = parse_arguments()
    classifier = load_classifier(args.classifier, args.weights)
    transcoders, _ = transcoders_for("PANN")
    rows = []
    for folder in args.audio_path:
        names = find_sounds(folder).files
        names = names[:: max(1, len(names) // args.clips)][: args.clips]
        for name in tqdm(names, desc=folder.name, unit="sound", leave=False, disable=None):
            signal = read_audio(folder / name).at(PANN_MELS.sr)
            expected = scores_of(signal, classifier)
            mels = {TRUE_MELS: PANN_MELS.mels(signal)}
            mels |= {key: transcoder.transcode(signal) for key, transcoder in transcoders.items()}
            for key, log_mels in mels.items():
                found = scores_of(mel_to_audio(log_mels, PANN_MELS), classifier)
                same = found.argmax() == expected.argmax()
                rows.append((folder.name, model_entry(key).title, same, np.abs(found - expected).mean()))
    table = pd.DataFrame(rows, columns=["sounds", "sound from", "top1", "score_difference"])
    table = table.groupby(["sounds", "sound from"], sort=False).agg(
        n=("top1", "size"), top1=("top1", "mean"), score_difference=("score_difference", "mean")
    )
    print(table.to_string(float_format="%.4f"))
    with atomic_path(EXPORT / "sound.csv") as temporary:
        table.to_csv(temporary, float_format="%.4f")
    print(f"written: {EXPORT / 'sound.csv'}")


def scores_of(signal: np.ndarray, classifier: Classifier) -> np.ndarray:
    """Return a classifier's scores of a sound at PANN's rate: (n_labels,)."""
    front_end = classifier.record.front_end
    samples = Recording(np.asarray(signal, dtype=np.float32), PANN_MELS.sr).at(front_end.sr)
    return classifier.recording_scores(front_end.classifier_input(samples))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio_path", type=Path, nargs="+", required=True, help="folders of sounds")
    parser.add_argument("--clips", type=cli.positive, default=40, help="of each folder (default 40)")
    parser.add_argument(
        "--classifier", default="YamNetMobile", help="a classifier's name (default YamNetMobile)"
    )
    parser.add_argument("--weights", type=Path, help="its weights (default: in pretrained_models/)")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

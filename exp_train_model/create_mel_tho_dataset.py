"""Compute what transcoders are trained on: third octaves and Mels of each second of a corpus.

    python3 exp_train_model/create_mel_tho_dataset.py                         # TAU, 10,545 clips
    python3 exp_train_model/create_mel_tho_dataset.py --dataset_type urban    # its four outdoor scenes
    python3 exp_train_model/create_mel_tho_dataset.py --dataset_type test     # its first 50 clips
    python3 exp_train_model/create_mel_tho_dataset.py --layout folder \\
        --audio_dataset_path my_sounds --dataset_name my-sounds --group_by - --shifts 1 --mixtures 8000 --equalise
    python3 exp_train_model/create_mel_tho_dataset.py --layout folder --audio_dataset_path my_sounds --period 1

Input: TAU Urban Acoustic Scenes 2020 Mobile (python3 download_datasets.py --dataset TAU), or with
`--layout folder` any folder of sounds, of which all clips of one second or more are used.
Output: spectral_transcoder_data/data/<dataset_name>/, arrays of <dataset_name>_<train|valid|eval>_…: of each
second, third octaves (8 × 29), PANN's Mels (101 × 64) and YamNet's (96 × 64), with the names of the seconds,
the split of the clips and a manifest; `--front_ends PANN,YamNet,EfficientAT` adds EfficientAT's (100 × 128).
<dataset_name> is Dcase-Task1-full, -urban, -TEST, or the folder's name; for levels every second (`--period 1`, 1 × 29)
it ends in -1s. --shifts, --mixtures, --equalise and --backgrounds make more sound of the training split's recordings;
<dataset_name>_variations.csv says how.

51 kB for each second: 5.4 GB for TAU's 105,450 seconds. About 5 minutes for TAU on two cores, in constant
memory. The same command goes on with a creation that was interrupted, and verifies one that has ended.
Exit status: 1 if sounds could not be read; they are listed, and the dataset is complete without them.
"""

import argparse
from collections import Counter
from pathlib import Path

from spectral_transcoder.datasets.creation.options import (
    add_choice_options,
    add_third_octave_options,
    add_variation_options,
    choose_corpus,
    record_options,
    variations_of,
)
from spectral_transcoder.datasets.names import SPLIT_SEED, SPLITS, TAU_DATASET_TYPES
from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.parallel import available_cores
from spectral_transcoder.utils.paths import DATASETS
from spectral_transcoder.utils.words import counted


def main() -> int:
    """Make the dataset, then report what it holds and what was skipped."""
    args = parse_arguments()
    from spectral_transcoder.datasets.chunks import ChunkAnalysis
    from spectral_transcoder.datasets.creation.run import create_dataset
    from spectral_transcoder.datasets.creation.summary import print_contents, report_skipped
    from spectral_transcoder.signal.third_octaves import ThirdOctaves

    third_octaves = ThirdOctaves(**record_options(args))
    corpus = choose_corpus(args).for_levels(third_octaves)
    output_path = args.output_path or args.data_path / DATASETS
    clips = Counter(clip.split for clip in corpus.clips)
    print(
        f"{corpus.name}: {counted(len(corpus.clips), 'clip')}, "
        + ", ".join(f"{s} {clips[s]}" for s in SPLITS)
    )

    mel_time = args.dataset_type == "urban" if args.mel_time is None else args.mel_time
    analysis = ChunkAnalysis(third_octaves, mel_time, tuple(args.front_ends), reading_of(args))
    manifest = create_dataset(corpus, output_path, analysis, args.jobs, args.force, variations_of(args))

    print_contents(manifest, output_path / corpus.name)
    return report_skipped(manifest["skipped"])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    where = parser.add_argument_group("where")
    where.add_argument("--audio_dataset_path", type=Path, help="the corpus (default: TAU, at the root)")
    cli.add_data_path(where)
    where.add_argument("--output_path", type=Path, help="folder of datasets (default <data_path>/data)")
    where.add_argument(
        "--dataset_name", "--dataset", help="name of the dataset and beginning of its files' names"
    )

    what = parser.add_argument_group("which clips, in which split")
    what.add_argument("--layout", choices=["tau", "folder"], default="tau", help="default tau")
    what.add_argument("--dataset_type", choices=[*TAU_DATASET_TYPES], help="of TAU (default full)")
    what.add_argument("--split_by_city", action="store_true", help="TAU: no city in two splits")
    what.add_argument(
        "--group_by",
        help="folder: clips stay together by their names up to this separator, or by this pattern",
    )
    what.add_argument("--eval_files", help="folder: clips whose path matches are the evaluation split")
    add_choice_options(what)
    what.add_argument(
        "--seed", type=cli.seed, default=SPLIT_SEED, help=f"of split and variations (default {SPLIT_SEED})"
    )

    add_variation_options(parser.add_argument_group("more sound of the training split's recordings"))

    add_third_octave_options(parser.add_argument_group("third octaves, of another sensor"))
    add_reading_options(parser)
    parser.add_argument("--jobs", type=cli.positive, help=f"processes (default here: {available_cores()})")
    parser.add_argument("--force", action="store_true", help="replace a dataset of other parameters")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

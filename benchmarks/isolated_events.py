"""How well do heads and students agree with the classifier on isolated events, and the means of their scores?

    python3 benchmarks/isolated_events.py --dataset urbansound8k-eval-fold2 --classifier YamNetMobile \\
        --model head=MODEL_OF_SEED_0,MODEL_OF_SEED_1,MODEL_OF_SEED_2 --model student=MODEL,MODEL,MODEL
    python3 benchmarks/isolated_events.py --dataset urbansound8k-eval-fold2 --model texture=pinv_texture

Input: a dataset of create_mel_tho_dataset.py, the classifier's weights, and models that
exp_train_model/main_doce_training.py trained, heads, students or transcoders, several seeds under one name; or pinv
and pinv_texture, which need no training.
Output: for each name, and for the mean of the scores of each two names, PTopA/FC, the same class-weighted, and the mean
binary cross-entropy on the clips of a split, mean ± standard deviation over seeds; export/isolated_events_<split>.csv.
Scores through a noise texture are means over `--noises` noises. `--split valid` is for choosing among models.
Takes three minutes of one core for 1,000 seconds of sound and 4 noises; embeddings are kept beside the dataset.
"""

import argparse
from itertools import combinations
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import numpy as np
import pandas as pd
import torch

from spectral_transcoder.datasets.chunks import ChunkDataset, open_dataset
from spectral_transcoder.evaluation.teacher_comparison import measure, over_runs
from spectral_transcoder.evaluation.teacher_scores import Teacher
from spectral_transcoder.evaluation.transcoding_metrics import Clips
from spectral_transcoder.evaluation.window_scores import WindowLength
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows
from spectral_transcoder.models.classifiers import Classifier, classifier_record, load_classifier
from spectral_transcoder.models.level_models import load_trained
from spectral_transcoder.models.names import CLASSIFIER_NAMES
from spectral_transcoder.models.student import Student
from spectral_transcoder.models.transcoders import TEXTURES, Transcoder, TranscoderSettings
from spectral_transcoder.training.adaptation import cached_embeddings
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path, sha256
from spectral_transcoder.utils.paths import DATASETS, EXPORT

UNTRAINED = ("pinv", "pinv_texture")


def main() -> None:
    """Score the clips with every model, and print and write a table."""
    args = parse_arguments()
    dataset = open_dataset(args.dataset_path or args.data_path / DATASETS, args.dataset)
    record = classifier_record(args.classifier)
    weights = record.path_in(args.models_path)
    windows = ChunkWindows.of(dataset.split(args.split), WindowLength.of(record))
    reference = Teacher(record, args.models_path).window_scores(dataset, windows)
    classifier = load_classifier(record.name, weights)
    scores = {
        name: [scores_of(path, dataset, windows, classifier, args.noises, sha256(weights)) for path in paths]
        for name, paths in args.model
    }
    for first, second in combinations(list(scores), 2):
        pairs = zip(scores[first], scores[second], strict=False)
        scores[f"mean of {first} and {second}"] = [(one + other) / 2 for one, other in pairs]
    clips = Clips.from_fnames(windows.fnames)
    table = pd.DataFrame(
        {"model": name, **over_runs([measure(reference, one, clips) for one in own])}
        for name, own in scores.items()
    ).rename(columns={"runs": "seeds"})
    print(table.to_string(index=False, float_format="%.4f"))
    path = EXPORT / f"isolated_events_{args.split}.csv"
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    print(f"written: {path}")


@torch.no_grad()
def scores_of(
    path: Path,
    dataset: ChunkDataset,
    windows: ChunkWindows,
    classifier: Classifier,
    n_noises: int,
    weights_sha256: str,
) -> np.ndarray:
    """Return a model's scores of windows, with a texture the mean over noises: (n_windows, n_labels) in 0 … 1."""
    untrained = str(path) in UNTRAINED
    model = untrained_transcoder(str(path), dataset, classifier) if untrained else load_trained(path)
    if isinstance(model, Student):
        model.transcoder.check_serves(classifier.record)
        return torch.cat([model(windows.frames(block)) for block in windows.blocks()]).numpy()
    transcoder = model if isinstance(model, Transcoder) else model.transcoder
    behind = transcoder.classifier_behind(classifier)
    embeddings = cached_embeddings(dataset, windows, transcoder, classifier, n_noises, weights_sha256)
    scores = [behind.head(torch.from_numpy(np.array(rows))).sigmoid().numpy() for rows in embeddings]
    return np.mean(scores, axis=0)


def untrained_transcoder(network: str, dataset: ChunkDataset, classifier: Classifier) -> Transcoder:
    """Return PINV, or PINV with texture, for the third octaves of a dataset and a classifier's Mels."""
    options = {"noise_seed": 0} if network in TEXTURES else {}
    front_end = classifier.record.front_end.name
    return Transcoder(
        TranscoderSettings(network, front_end, third_octaves=dataset.third_octaves, options=options)
    )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--classifier", choices=CLASSIFIER_NAMES, metavar="NAME", default="YamNetMobile")
    parser.add_argument(
        "--model", type=cli.named_files, action="append", required=True, help="NAME=FILE,FILE,…"
    )
    parser.add_argument("--noises", type=cli.positive, default=4, help="where there is a texture (default 4)")
    parser.add_argument("--split", choices=("valid", "eval"), default="eval", help="default eval")
    cli.add_data_path(parser)
    parser.add_argument("--dataset_path", type=Path, help="folder of the datasets (default <data_path>/data)")
    cli.add_models_path(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

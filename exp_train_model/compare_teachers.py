"""How do transcoders generalise to classifiers that they were not trained on? A table of teachers by classifiers.

    python3 exp_train_model/compare_teachers.py --dataset urbansound8k-eval-fold2 --classifier YamNetMobile,MiniYamNet

Input: a dataset of create_mel_tho_dataset.py, the classifiers' weights, and transcoders trained on their outputs, in
reference_models/ or by --model, heads and students too.
Output: export/teachers_<dataset>.csv: for each transcoder and each classifier behind it, PTopA/FC, the same
class-weighted, and the mean binary cross-entropy of the scores on the evaluation clips, mean ± standard deviation
over three noises where there is a texture, or over the files of --model. Heads and students are compared with the
scores of each classifier. A minute for each transcoder and 1,000 seconds of sound.
"""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path, refuse_foreign_table
from spectral_transcoder.utils.paths import DATASETS, EXPORT

if TYPE_CHECKING:
    from spectral_transcoder.models.transcoders import Transcoder

FIRST_COLUMN = "transcoder"


def main() -> None:
    """Let every classifier score the evaluation clips through every transcoder."""
    args = parse_arguments()
    path = EXPORT / f"teachers_{args.dataset}.csv"
    refuse_foreign_table(path, FIRST_COLUMN)
    import numpy as np
    import pandas as pd
    import torch

    from spectral_transcoder.datasets.chunks import open_dataset
    from spectral_transcoder.evaluation.teacher_comparison import candidates, compare
    from spectral_transcoder.evaluation.teacher_scores import Teacher
    from spectral_transcoder.models.classifiers import classifier_record, load_classifier
    from spectral_transcoder.models.level_models import load_model

    dataset = open_dataset(args.dataset_path or args.data_path / DATASETS, args.dataset)
    split = dataset.split("eval")
    levels = torch.tensor(np.array(split.third_octaves))
    records = [classifier_record(name) for name in args.classifier]
    if len({record.front_end for record in records}) > 1:
        raise UsageError(
            f"--classifier {','.join(args.classifier)}: expected classifiers of one kind of Mels"
        )
    classifiers = {
        record.name: load_classifier(record.name, record.path_in(args.models_path)) for record in records
    }
    references = {
        record.name: Teacher(record, args.models_path).scores(dataset, "eval") for record in records
    }

    rows = []
    trained = {name: [load_model(path) for path in paths] for name, paths in args.model}
    for name in trained:
        check_classifiers(name, trained[name], classifiers)
    for transcoder, several in (candidates(records, dataset.third_octaves) | trained).items():
        for name, figures in compare(several, levels, split.fnames, classifiers, references).items():
            rows.append({FIRST_COLUMN: transcoder, "classifier": name, **figures})
            share, weighted = figures["ptopafc_percent"], figures["ptopafc_weighted_percent"]
            shares = f"PTopA/FC {share:.1f} %, class-weighted {weighted:.1f} %"
            print(f"{transcoder}, scored by {name}: {shares}, BCE {figures['bce']:.5f}")
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
    print(f"written: {path}")


def check_classifiers(name: str, models: list["Transcoder"], classifiers: Collection[str]) -> None:
    """Raise UsageError where a head or a student is of a classifier that is not compared."""
    for model in models:
        if model.only_classifier and model.only_classifier not in classifiers:
            raise UsageError(
                f"--model {name}: a head or student of {model.only_classifier}: expected it among --classifier "
                f"{','.join(classifiers)}"
            )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument(
        "--classifier",
        type=lambda text: text.split(","),
        default=["YamNetMobile", "MiniYamNet"],
        help="a comma list (default YamNetMobile,MiniYamNet)",
    )
    parser.add_argument(
        "--model", type=cli.named_files, action="append", default=[], metavar="NAME=FILE,…",
        help="a further model, or several that differ in their seed",
    )  # fmt: skip
    cli.add_data_path(parser)
    parser.add_argument("--dataset_path", type=Path, help="folder of the datasets (default <data_path>/data)")
    cli.add_models_path(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

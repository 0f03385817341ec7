"""Options of experiment 2: where the class outputs lie, and which folds are scored."""

import argparse

from spectral_transcoder.datasets.names import N_FOLDS
from spectral_transcoder.experiments.engine.options import add_dataset_path
from spectral_transcoder.utils.cli import Container

ALL_FOLDS = "all"


def add_options(parser: Container) -> None:
    """Add the options of experiment 2."""
    add_dataset_path(parser, "class outputs")
    parser.add_argument(
        "--test_folds",
        type=fold_list,
        default=ALL_FOLDS,
        help="UrbanSound8K: folds that are scored, e.g. 2 or 2,5; heads are trained on the others (default: each)",
    )


def fold_list(text: str) -> str:
    """Return the modality that a comma list of folds is: 2,5 is 2-5."""
    folds = text.split(",")
    if text != ALL_FOLDS and not all(
        fold.isdigit() and 1 <= int(fold) <= N_FOLDS and folds.count(fold) == 1 for fold in folds
    ):
        raise argparse.ArgumentTypeError(f"{text}: expected folds of 1 … {N_FOLDS}, such as 2,5, or all")
    return text if text == ALL_FOLDS else "-".join(sorted(folds, key=int))

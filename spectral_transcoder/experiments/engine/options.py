"""Options of the command line that both experiments have."""

import argparse
from pathlib import Path

from spectral_transcoder.utils.paths import DATASETS


def add_dataset_path(parser: argparse.ArgumentParser, contents: str) -> None:
    """Add the option that says where datasets lie; `contents` names what they hold, for the help."""
    parser.add_argument(
        "--dataset_path", type=Path, help=f"folder of the {contents} (default: {DATASETS} in --data_path)"
    )


def dataset_folder(options: argparse.Namespace) -> Path:
    """Return the folder that holds the datasets, each in a folder of its name."""
    return options.dataset_path or options.data_path / DATASETS

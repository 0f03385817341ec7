"""Options of the command line that the experiments share, read before anything heavy is imported."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from spectral_transcoder.utils.cli import Container, Parser, add_data_path, positive
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import DATASETS

WORKER = "--worker"
EXPORT_SUFFIXES = (".png", ".html", ".tex", ".csv")


def add_dataset_path(parser: Container, contents: str) -> None:
    """Add the option that says where datasets lie; `contents` names what they hold, for the help."""
    parser.add_argument(
        "--dataset_path", type=Path, help=f"folder of the {contents} (default: {DATASETS} in --data_path)"
    )


def dataset_folder(options: argparse.Namespace) -> Path:
    """Return the folder that holds the datasets, each in a folder of its name."""
    return options.dataset_path or options.data_path / DATASETS


def parse_options(
    description: str | None,
    add_options: Callable[[Parser], None] | None = None,
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Read the command line of an experiment.

    Parameters
    ----------
    description : str
        The script's description, for its help.
    add_options : callable, optional
        (parser): adds the experiment's own options.
    argv : sequence of str, optional
        The command line, by default the process's.

    Returns
    -------
    argparse.Namespace
        The options, and as `argv` the command line that they were read from.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = Parser(description)
    parser.add_argument("-s", "--select", help="plan/factor=value+factor=value,… (default: all settings)")
    parser.add_argument("-l", "--list", action="store_true", help="list the settings and their states")
    parser.add_argument(
        "-c", "--compute", type=positive, nargs="?", const=1, help="compute, so many settings at a time"
    )
    parser.add_argument("-f", "--force", action="store_true", help="compute what is done, too")
    parser.add_argument("-p", "--plain", action="store_true", help="progress in lines, without bars")
    parser.add_argument(
        "-d", "--display", nargs="?", const="", help="print the results; indices choose metrics: -d 0,3"
    )
    parser.add_argument(
        "-e", "--export", type=exportable, help="write the results to export/NAME.{png,html,tex,csv}"
    )
    parser.add_argument(
        "--over", help="with -d and -e: average over this factor, e.g. seed: mean ± standard deviation"
    )
    add_data_path(parser)
    parser.add_argument(WORKER, action="store_true", help=argparse.SUPPRESS)
    if add_options:
        add_options(parser)
    options = parser.parse_args(argv)
    options.argv = list(argv)
    return options


def exportable(name: str) -> str:
    """Return a file name unchanged; raise UsageError if it is a path, or of a format that there is not."""
    if Path(name).name != name:
        raise UsageError(f"export {name}: expected the name of a file in export/, without folders")
    if Path(name).suffix not in EXPORT_SUFFIXES:
        raise UsageError(f"export {name}: expected a name that ends in {', '.join(EXPORT_SUFFIXES)}")
    return name

"""Options of which clips a dataset is made of, and what more is made of them; nothing heavy is imported."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.datasets.names import MIXTURE_DB
from spectral_transcoder.utils import cli

if TYPE_CHECKING:
    from spectral_transcoder.datasets.variations import Variations

OF_FOLDERS = ("group_by", "eval_files", "train_files", "exclude_files", "exclude_recordings_of")


def add_choice_options(what: cli.Container) -> None:
    """Add the options of which sounds of a folder are used, see `audio_folder.FileChoice`."""
    what.add_argument("--train_files", help="folder: clips whose path matches are in the training split")
    what.add_argument("--exclude_files", help="folder: clips whose path matches are left out")
    what.add_argument(
        "--exclude_recordings_of",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="folder: leave out clips of a group that these folders hold, too; their own stay",
    )


def add_variation_options(more: cli.Container) -> None:
    """Add the options of what is made of recordings, see `variations.Variations`."""
    more.add_argument("--shifts", type=cli.natural, default=0, help="how many times each is cut again, later")
    more.add_argument("--mixtures", type=cli.natural, default=0, help="seconds of mixtures of two of them")
    more.add_argument("--backgrounds", type=Path, help="folder of sounds, of which one is put under each")
    more.add_argument(
        "--mixture_db",
        type=float,
        nargs=2,
        default=list(MIXTURE_DB),
        metavar=("LOW", "HIGH"),
        help="gain of the second sound or the background (default {:g} {:g})".format(*MIXTURE_DB),
    )
    more.add_argument("--equalise", action="store_true", help="equalise and turn down all that is made")


def variations_of(args: argparse.Namespace) -> "Variations":
    """Return what the options of `add_variation_options`, and `--seed`, want made."""
    from spectral_transcoder.datasets.variations import Variations

    low, high = args.mixture_db
    return Variations(args.shifts, args.mixtures, (low, high), args.equalise, args.backgrounds, args.seed)

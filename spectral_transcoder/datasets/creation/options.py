"""Options of dataset creation: which clips, what more is made of them, for which sensor; nothing heavy is imported."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectral_transcoder.datasets.names import MIXTURE_DB
from spectral_transcoder.signal.names import (
    EDGES,
    EVERY_SECOND_S,
    FRONT_END_NAMES,
    PUBLISHED_FRONT_ENDS,
    THIRD_OCTAVE_DEFAULTS,
    add_period_option,
)
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import TAU

if TYPE_CHECKING:
    from spectral_transcoder.datasets.splits import Corpus
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


def add_third_octave_options(how: cli.Container) -> None:
    """Add the options of the third octaves of another sensor, and of the Mels beside them."""
    for name, default in THIRD_OCTAVE_DEFAULTS.items():
        choices = EDGES if name == "edges" else None
        how.add_argument(
            f"--{name}", type=type(default), default=default, choices=choices, help="default %(default)s"
        )
    add_period_option(how)
    how.add_argument(
        "--mel_time",
        action=argparse.BooleanOptionalAction,
        help="also third octaves at the Mel's own frames (default: urban only)",
    )
    how.add_argument(
        "--front_ends",
        type=cli.names_of(FRONT_END_NAMES),
        default=list(PUBLISHED_FRONT_ENDS),
        help=f"whose Mels: a comma list of {', '.join(FRONT_END_NAMES)} (default {','.join(PUBLISHED_FRONT_ENDS)})",
    )


def record_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the third octaves that the options mean; --period gives frames without overlap."""
    record: dict[str, Any] = {name: getattr(args, name) for name in THIRD_OCTAVE_DEFAULTS}
    framing = ("frame_length", "hop_length")
    if args.period == EVERY_SECOND_S:
        if any(record[name] != THIRD_OCTAVE_DEFAULTS[name] for name in framing):
            raise UsageError("--period 1 with --frame_length or --hop_length: expected one of them")
        record |= dict.fromkeys(framing, args.sr)
    return record


def choose_corpus(args: argparse.Namespace) -> "Corpus":
    """Return the corpus that the options mean."""
    from spectral_transcoder.datasets.audio_folder import FileChoice, folder_corpus
    from spectral_transcoder.datasets.tau import tau_corpus

    if args.layout == "tau":
        if given := [name for name in OF_FOLDERS if getattr(args, name)]:
            raise UsageError(f"--{given[0]} is for --layout folder; --split_by_city groups TAU's clips")
        path = args.audio_dataset_path or TAU
        return tau_corpus(path, args.dataset_type or "full", args.split_by_city, args.seed, args.dataset_name)
    if args.dataset_type or args.split_by_city:
        raise UsageError("--dataset_type and --split_by_city are for --layout tau")
    if args.audio_dataset_path is None:
        raise UsageError("--layout folder: say which with --audio_dataset_path")
    choice = FileChoice(args.train_files, args.exclude_files, tuple(args.exclude_recordings_of))
    return folder_corpus(
        args.audio_dataset_path, args.dataset_name, args.group_by, args.seed, args.eval_files, choice
    )

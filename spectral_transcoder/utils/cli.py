"""What every script shares: its parser, how it ends, where its data lie, and the options that several have.

This module imports nothing heavy, so that `--help` and a wrong option are answered at once. Scripts import the
library in `main`, after the command line has been read.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol, TextIO

from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.paths import DATA_PATH

LARGEST_SEED = 2**32 - 1  # scikit-learn's
COMPLETE_FROM = 0.9  # share of the sounds from which on a corpus counts as complete
DEVICE_TYPES = ("cpu", "cuda")
ENGINES = ("auto", "torch", "onnxruntime")  # what runs a classifier that only infers
HELP_WIDTH = 112
HELP_COLUMN = 34


class Container(Protocol):
    """What options can be added to: a parser, or a group of one."""

    def add_argument(self, *names: str, **settings: object) -> argparse.Action:
        """Add an option."""


class Parser(argparse.ArgumentParser):
    """The parser of a script: it shows the script's docstring, and reads `--from-audio` as `--from_audio`.

    Parameters
    ----------
    description : str
        The script's docstring; its first lines show the first command to try.
    **settings
        As of `argparse.ArgumentParser`.
    """

    def __init__(self, description: str | None = None, **settings: object) -> None:
        settings = {"formatter_class": _formatter, **settings}
        super().__init__(description=description, **settings)  # type: ignore[arg-type]

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def,override]
        """Read a command line in which words of an option may be joined by `-` or by `_`."""
        words = sys.argv[1:] if args is None else args
        return super().parse_known_args([_with_underscores(str(word)) for word in words], namespace)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line, as every other error does."""
        self.exit(2, f"error: {message} (--help shows the options)\n")


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=HELP_COLUMN, width=HELP_WIDTH)


def _with_underscores(word: str) -> str:
    """Return the word of a command line with its option spelled as it was added: --from-audio is --from_audio."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    name = "--" + name[2:].replace("-", "_")
    if name.startswith("--no_"):  # argparse's own spelling of a switch that is off
        name = "--no-" + name[len("--no_") :]
    return name + equals + value


def run(main: Callable[[], int | None]) -> None:
    """Call a script's `main()` and exit: 0, or its own status; 1 for a failure, 2 for wrong usage.

    Errors that a user can mend, among them those of the system with a file, are reported in one line without a
    traceback; others are bugs and keep theirs. Characters that the terminal does not have are written as escapes.
    """
    for stream in (sys.stdout, sys.stderr):
        _escape_unknown_characters(stream)
    try:
        status = main()
    except SpectralTranscoderError as error:
        print(f"error: {error}", file=sys.stderr)
        status = error.status
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except OSError as error:
        if error.filename is None:
            raise
        print(
            f"error: {os.fsdecode(error.filename)}: {error.strerror}; expected a path that can be used: check "
            "what is there and its permissions, or give another",
            file=sys.stderr,
        )
        status = 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def _escape_unknown_characters(stream: TextIO) -> None:
    """Let a stream write any file name: what its encoding lacks, or what was no text, becomes `\\xe9`."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def add_data_path(parser: Container) -> None:
    """Add the option that says where all data are: by default in the project, from wherever a script is called."""
    parser.add_argument(
        "--data_path",
        type=Path,
        default=DATA_PATH,
        help=f"folder of all data (default: {DATA_PATH.name} in the project's folder)",
    )


def completeness(n_used: int, n_left_out: int) -> str:
    """Return how a summary ends: "complete" from 90 % of the sounds on, else "incomplete" with their numbers."""
    n_all = n_used + n_left_out
    if n_used >= COMPLETE_FROM * n_all:
        return "complete"
    return f"incomplete: only {n_used} of {n_all} sounds could be used"


def positive(text: str) -> int:
    """Return the count that an option's text is: 1 or more; a type for argparse."""
    return whole_number(text, 1)


def seed(text: str) -> int:
    """Return the seed that an option's text is: 0 … `LARGEST_SEED`; a type for argparse."""
    number = whole_number(text, 0)
    if number > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text}: expected {LARGEST_SEED} at most")
    return number


def whole_number(text: str, least: int) -> int:
    """Return the number that a text is; raise ArgumentTypeError where it is none, or less than `least`."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, {least} or more")
    return number


def comma_list(text: str) -> list[str]:
    """Return the names of a comma list, each once; a type for argparse."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them")
    return names


def add_engine_option(parser: Container) -> None:
    """Add --engine, what runs a classifier that only infers."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="runs classifiers that only infer (default auto: onnxruntime on a CPU where there is much to do)",
    )


def add_device_option(parser: Container) -> None:
    """Add --device; `choose_device` says which one is used where it was not given."""
    parser.add_argument(
        "--device", type=device_name, help="cpu or cuda (default: the GPU where there is one)"
    )


def device_name(text: str) -> str:
    """Return the device that an option's text is: cpu, cuda, or cuda:N; a type for argparse."""
    kind, colon, number = text.partition(":")
    if kind not in DEVICE_TYPES or (colon and not number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text}: expected cpu or cuda")
    return text


def choose_device(name: str | None) -> str:
    """Return the device of that name, by default the GPU where there is one.

    Raises
    ------
    UsageError
        This machine has no device of that name.
    """
    import torch  # here, since command lines are read without it

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name}: not on this machine, expected cpu or cuda") from error
    return name

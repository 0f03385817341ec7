"""What every script shares: its parser, how it ends, where its data lie, and the options that several have.

This module imports nothing heavy, so that `--help` and a wrong option are answered at once. Scripts import the
library in `main`, after the command line has been read.
"""

import argparse
import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TextIO

from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.paths import DATA_PATH, PRETRAINED_MODELS

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
LARGEST_SEED = 2**32 - 1  # scikit-learn's
COMPLETE_FROM = 0.9  # share of the sounds from which on a corpus counts as complete
DEVICE_TYPES = ("cpu", "cuda")
ENGINES = ("auto", "torch", "onnxruntime")  # what runs a classifier that only infers
HELP_WIDTH = 116
HELP_COLUMN = 32
MOST_LINES = 40  # of a help that fits a screen
FIRST_PARAGRAPHS = 2  # of a docstring: what the script does, and the commands to try
METAVARS = {
    "Path": "PATH",
    "int": "N",
    "positive": "N",
    "natural": "N",
    "seed": "N",
    "float": "X",
}  # by the type of an option
METAVARS |= {"comma_list": "NAMES", "known_names": "NAMES"}


class Container(Protocol):
    """What options can be added to: a parser, or a group of one."""

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action:
        """Add an option."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help with a line for each option: what an option takes is named by its type, not by its own name again."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=HELP_COLUMN, width=HELP_WIDTH)

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return METAVARS.get(getattr(action.type, "__name__", ""), "TEXT")


class Parser(argparse.ArgumentParser):
    """The parser of a script: its help is the script's docstring, and `--from-audio` is read as `--from_audio`.

    The help fits a screen: paragraphs at the end of the docstring are left out where they would not.

    Parameters
    ----------
    description : str or None
        The script's docstring: a sentence, the commands to try, and paragraphs on them.
    **settings
        As of `argparse.ArgumentParser`.
    """

    def __init__(self, description: str | None = None, **settings: Any) -> None:
        self._positionals_shown: list[str] = []
        super().__init__(description=description, formatter_class=HelpFormatter, add_help=False, **settings)
        self.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
        self.add_argument("--help_all", action=_HelpInFull, nargs=0, help=argparse.SUPPRESS)

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action:  # type: ignore[override]
        """Add an argument; positional ones are shown in the usage."""
        if not names[0].startswith("-"):
            several = {"+": " …", "*": " …"}.get(str(settings.get("nargs")), "")
            self._positionals_shown.append(f"{names[0]}{several}")
        return super().add_argument(*names, **settings)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def,override]
        """Read a command line in which words of an option may be joined by `-` or by `_`."""
        words = sys.argv[1:] if args is None else args
        return super().parse_known_args([_with_underscores(str(word)) for word in words], namespace)

    def format_help(self) -> str:
        """Return the help, of `MOST_LINES` lines at most: later paragraphs, then empty lines are left out."""
        self.usage = " ".join(["%(prog)s", *self._positionals_shown, "[options]"])
        paragraphs = (self.description or "").strip().split("\n\n")
        for n_kept in range(len(paragraphs), FIRST_PARAGRAPHS - 1, -1):
            self.description = "\n\n".join(paragraphs[:n_kept])
            text = super().format_help()
            if len(text.splitlines()) <= MOST_LINES:
                return text
        head, first_group, options = text.partition(
            "\n\npositional" if self._positionals_shown else "\n\noptions:"
        )
        groups = (first_group + options).strip("\n").split("\n\n")
        return (
            head.replace("\n\n", "\n", 1) + "\n" + _first_groups(groups, MOST_LINES - len(head.splitlines()))
        )

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line, as every other error does."""
        self.exit(2, f"error: {message} (--help shows the options)\n")


def _first_groups(groups: list[str], n_lines: int) -> str:
    """Return the groups of options that fit on so many lines, and a line that names the options of the others."""
    shown: list[str] = []
    for group in groups:
        if len("\n".join([*shown, group]).splitlines()) >= n_lines:
            break
        shown.append(group)
    further = re.findall(r"^  (?:-\w [^-]*)?(--\w+)", "\n".join(groups[len(shown) :]), re.MULTILINE)
    if further:
        shown.append(f"further options, in full by --help_all: {', '.join(further)}")
    return "\n".join(shown) + "\n"


class _HelpInFull(argparse.Action):
    """Print everything that there is to say of a script, on as many lines as it takes."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:  # type: ignore[override]
        parser.exit(message=argparse.ArgumentParser.format_help(parser))


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
        sys.stdout.flush()
    except SpectralTranscoderError as error:
        print_error(f"error: {error}")
        status = error.status
    except BrokenPipeError:  # a reader such as `head` has seen enough
        _discard_output()
        status = 141
    except OSError as error:
        if error.filename is None and error.errno not in FULL_DISK:
            raise
        if error.filename is None:
            _discard_output()
        print_error(f"error: {one_line(error)}")
        status = 1
    except KeyboardInterrupt:
        print_error("interrupted")
        status = 130
    sys.exit(status)


def print_error(line: str) -> None:
    """Print on standard error, on a line of its own where a progress bar has not ended its line.

    Names of files in it may hold ends of lines, which are written as `\\n`.
    """
    line = readable(line)
    tqdm = sys.modules.get("tqdm")  # there is no bar of a package that nothing has imported
    if tqdm is None:
        print(line, file=sys.stderr)
    else:
        tqdm.tqdm.write(line, file=sys.stderr)


def print_notes(remarks: Iterable[str]) -> None:
    """Print what a user should know of the inputs, such as a `Recording`'s remarks, on standard error."""
    for remark in remarks:
        print_error(f"note: {remark}")


def _discard_output() -> None:
    """Let what is still to be printed go nowhere, since its reader is gone, or its disk full."""
    with contextlib.suppress(OSError):  # what is printed goes elsewhere than to a file already
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def one_line(error: Exception) -> str:
    """Return the message of an error: the library's own, or the system's about a file."""
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{os.fsdecode(error.filename)}: {error.strerror}; expected a path that can be used: check "
            "what is there and its permissions, or give another"
        )
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return "no space left to write a file, or what is printed: free some, and repeat the command, which goes on"
    return " ".join(str(error).split())


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
        help=f"folder of all data (default {DATA_PATH.name})",
    )


def add_models_path(parser: Container) -> None:
    """Add the option that says where the classifiers' downloaded weights lie."""
    parser.add_argument(
        "--models_path",
        type=Path,
        default=PRETRAINED_MODELS,
        help=f"folder of the classifiers' weights (default {PRETRAINED_MODELS.name})",
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


def natural(text: str) -> int:
    """Return the count that an option's text is: 0 or more; a type for argparse."""
    return whole_number(text, 0)


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


def named_files(text: str) -> tuple[str, list[Path]]:
    """Read NAME=FILE,FILE,…; a type for argparse. Names of files may hold equals signs too, so the first one counts."""
    name, _, files = text.partition("=")
    if not (name and files):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FILE,FILE,…")
    return name, [Path(file) for file in files.split(",")]


def add_engine_option(parser: Container) -> None:
    """Add --engine, what runs a classifier that only infers."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="runs classifiers that only infer (default auto: onnxruntime on a CPU where there is much to do)",
    )


def names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a type for argparse: a comma list of known names."""

    def known_names(text: str) -> list[str]:
        names = comma_list(text)
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r}: expected names of {', '.join(known)}")
        return names

    return known_names


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

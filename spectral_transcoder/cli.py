"""What every script shares: how it ends, where its data lie, and the types of options that several have."""

import argparse
import os
import sys
from pathlib import Path

from spectral_transcoder.errors import SpectralTranscoderError
from spectral_transcoder.paths import DATA_PATH

LARGEST_SEED = 2**32 - 1  # scikit-learn's


def add_data_path(parser):
    """Add the option that says where all data are: by default in the project, from wherever a script is called."""
    parser.add_argument(
        "--data_path",
        type=Path,
        default=DATA_PATH,
        help=f"folder of all data (default: {DATA_PATH.name} in the project's folder)",
    )


def run(main):
    """Call a script's `main()` and exit: 0, or its own status; 1 for a failure, 2 for wrong usage.

    Errors that a user can mend are told in one line, without a traceback; others are bugs and keep theirs.
    """
    try:
        status = main()
    except SpectralTranscoderError as error:
        print(f"error: {error}", file=sys.stderr)
        status = error.status
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def positive(text):
    """Return the count that an option's text is: 1 or more; a type for argparse."""
    return whole_number(text, 1)


def seed(text):
    """Return the seed that an option's text is: 0 … `LARGEST_SEED`; a type for argparse."""
    number = whole_number(text, 0)
    if number > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text}: expected {LARGEST_SEED} at most")
    return number


def whole_number(text, least):
    """Return the number that a text is; raise ArgumentTypeError where it is none, or less than `least`."""
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or number < least:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, {least} or more")
    return number

"""What every script shares: how it ends, where its data lie, and the types of options that several have."""

import argparse
import os
import sys
from pathlib import Path

from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.paths import DATA_PATH

LARGEST_SEED = 2**32 - 1  # scikit-learn's
DEVICE_TYPES = ("cpu", "cuda")


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

    Errors that a user can mend, those of the system with a file among them, are told in one line, without a
    traceback; others are bugs and keep theirs.
    """
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


def comma_list(text):
    """Return the names of a comma list, each once; a type for argparse."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them")
    return names


def add_device_option(parser):
    """Add --device, by default the GPU where there is one."""
    import torch  # here, since scripts without a device do not wait for it

    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument(
        "--device", type=usable_device, default=default, help=f"cpu or cuda (default here: {default})"
    )


def usable_device(name):
    """Return the name of a device of this machine; raise UsageError where there is none of that name."""
    import torch

    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name}: not on this machine, expected cpu or cuda") from error
    if device.type not in DEVICE_TYPES:
        raise UsageError(f"--device {name}: expected cpu or cuda")
    return name

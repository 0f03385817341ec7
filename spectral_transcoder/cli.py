"""What every script shares: how it ends, and where its data lie."""

import os
import sys
from pathlib import Path

from spectral_transcoder.errors import SpectralTranscoderError
from spectral_transcoder.paths import DATA_PATH


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

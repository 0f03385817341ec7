"""Progress on the terminal, and calmly in logs."""

import sys

from tqdm import tqdm


def progress_bar(items, total, what, done=0):
    """Return a progress bar over items, `done` of `total` being done before; without a terminal, a calm one."""
    mininterval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(items, what, total, initial=done, mininterval=mininterval)

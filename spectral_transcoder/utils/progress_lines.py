"""Progress as a bar, or as plain lines for logs."""

import sys
import time

from tqdm import tqdm


class Progress:
    """How far a computation is; a context manager.

    Parameters
    ----------
    total : int
        How many units there are to do.
    description : str
        What is being done.
    unit : str
        What is counted.
    plain : bool
        A line per unit instead of a bar; also where there is no terminal.
    """

    def __init__(self, total, description, unit, plain=False):
        self.total, self.description, self.unit = total, description, unit
        self.done, self.start = 0, time.monotonic()
        plain = plain or not sys.stderr.isatty()
        self.bar = None if plain else tqdm(total=total, desc=description, unit=unit, leave=False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()

    def advance(self, message):
        """Count one unit, and say what came of it, its losses say."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(message)
            self.bar.update()
            return
        elapsed_s = time.monotonic() - self.start
        print(
            f"{self.description}: {self.unit} {self.done}/{self.total}, {elapsed_s:.0f} s: {message}",
            flush=True,
        )

    def say(self, message):
        """Print a line that stays, above the bar if there is one."""
        tqdm.write(message)

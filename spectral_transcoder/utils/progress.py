"""Progress on the terminal: bars where somebody looks, calm lines in logs."""

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

SECONDS_BETWEEN_UPDATES = 0.1
SECONDS_BETWEEN_LINES = 10  # without a terminal


def progress_bar(items: Iterable[Item], total: int, description: str, done: int = 0) -> Iterable[Item]:
    """Return `items` behind a progress bar.

    Parameters
    ----------
    items : iterable
        What is to be done.
    total : int
        How many items there are, with those that were done before.
    description : str
        What is being done.
    done : int
        How many of them were done before.
    """
    interval_s = SECONDS_BETWEEN_UPDATES if sys.stderr.isatty() else SECONDS_BETWEEN_LINES
    return tqdm(items, description, total, initial=done, mininterval=interval_s)


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
        Print a line per unit instead of a bar; this is also done where there is no terminal.
    """

    def __init__(self, total: int, description: str, unit: str, plain: bool = False) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.done, self.start_s = 0, time.monotonic()
        plain = plain or not sys.stderr.isatty()
        self.bar = None if plain else tqdm(total=total, desc=description, unit=unit, leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, message: str) -> None:
        """Count one unit, and show what came of it, for instance its losses."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(message)
            self.bar.update()
            return
        elapsed_s = time.monotonic() - self.start_s
        print(
            f"{self.description}: {self.unit} {self.done}/{self.total}, {elapsed_s:.0f} s: {message}",
            flush=True,
        )

    def say(self, message: str) -> None:
        """Print a line that stays, above the bar if there is one."""
        tqdm.write(message)

"""Progress of long transfers: bars on a terminal, a plain line now and then elsewhere."""

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30


def readable_size(size_bytes: int | None) -> str:
    """Return a number of bytes as text in decimal units ("1.7 GB"); "?" for None."""
    if size_bytes is None:
        return "?"
    if size_bytes < 1000:
        return f"{size_bytes} B"
    exponent = min(int(math.log10(size_bytes)) // 3, 3)
    return f"{size_bytes / 1000**exponent:.1f} {'KMG'[exponent - 1]}B"


class TransferProgress:
    """The state of one batch of transfers, for several threads.

    Parameters
    ----------
    total_bytes : int
        Size of all files together, as far as known.
    stream : file object, optional
        Standard error by default. Bars are drawn only if it is a terminal.
    """

    def __init__(self, total_bytes: int | None, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.bars = self.stream.isatty()
        self._lock = threading.Lock()
        self._last_line_s = time.monotonic()
        self._total = self._bar("all", total_bytes, leave=True)

    def say(self, text: str) -> None:
        """Print a line, above the bars where there are any."""
        tqdm.write(text, file=self.stream)

    @contextlib.contextmanager
    def file(
        self, name: str, total_bytes: int | None, start_bytes: int = 0, counted: bool = True
    ) -> Iterator[Callable[[int], None]]:
        """Yield a function that moves one file's bar to an absolute position in bytes.

        The steps count for the whole batch too, unless `counted` is off.
        """
        bar = self._bar(name, total_bytes, leave=False)

        def move_to(position_bytes: int) -> None:
            with self._lock:
                step = position_bytes - bar.n
                bar.update(step)
                if counted:
                    self._total.update(step)
                if not self.bars:
                    self._say_now_and_then()

        bar.n = start_bytes
        try:
            yield move_to
        finally:
            bar.close()

    def close(self) -> None:
        """Take the bars down."""
        self._total.close()

    def _bar(self, name: str, total_bytes: int | None, leave: bool) -> Any:
        if not self.bars:
            return _Counter(total_bytes)
        return tqdm(
            desc=name[-40:], total=total_bytes, unit="B", unit_scale=True, leave=leave, file=self.stream
        )

    def _say_now_and_then(self) -> None:
        if time.monotonic() - self._last_line_s > SECONDS_BETWEEN_LINES:
            self._last_line_s = time.monotonic()
            self.say(f"... {readable_size(self._total.n)} of {readable_size(self._total.total)}")


class _Counter:
    """A stand-in for a tqdm bar without a terminal: it counts and draws nothing."""

    def __init__(self, total: int | None) -> None:
        self.n, self.total = 0, total

    def update(self, step: int) -> None:
        self.n += step

    def close(self) -> None:
        """Nothing was drawn."""

"""Standard input, read from the start on: nothing heavy is imported, so that reading begins before models are there."""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator

from spectral_transcoder.utils.errors import MissingFileError

STDIN = "-"
READ_BYTES = 65536
MOST_WAITING = 256  # reads, of 64 kB at most: some minutes of sound
POLL_S = 0.1
PAUSE_S = 2.0  # without a byte of a sound, after which it is looked whether some of it is missing


class StandardInput:
    """What arrives on standard input, read in a thread of its own: a recorder drops what it has to wait with.

    Parameters
    ----------
    pauses : bool
        Give nothing, b"", before what arrives after `PAUSE_S` or more without anything.

    Raises
    ------
    MissingFileError
        There is no standard input.
    """

    def __init__(self, pauses: bool = False) -> None:
        if sys.stdin is None:
            raise MissingFileError("standard input is closed: expected levels, or a sound, from a pipe")
        self._pauses = pauses
        self._arrived: queue.Queue[bytes | OSError | None] = queue.Queue(MOST_WAITING)
        self._first_s, self._n_first_bytes = 0.0, 0
        threading.Thread(target=self._read, args=(sys.stdin.fileno(),), daemon=True).start()

    @property
    def first(self) -> tuple[float, int]:
        """When the first bytes arrived, in seconds since 1970, and how many they were, once some were given."""
        return self._first_s, self._n_first_bytes

    def _read(self, handle: int) -> None:
        """Put what arrives into the queue, and None at the end."""
        try:
            while True:
                asked_s = time.monotonic()
                read = os.read(handle, READ_BYTES)
                if not self._n_first_bytes:
                    self._first_s, self._n_first_bytes = time.time(), len(read)
                elif self._pauses and time.monotonic() - asked_s >= PAUSE_S:
                    self._arrived.put(b"")
                self._arrived.put(read or None)
                if not read:
                    return
        except OSError as error:
            self._arrived.put(error)

    def chunks(self, stopped: Callable[[], bool]) -> Iterator[bytes]:
        """Give what has arrived, and what arrives until the end, or until it is stopped.

        Raises
        ------
        MissingFileError
            It cannot be read.
        """
        while not stopped():
            try:
                read = self._arrived.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if read is None:
                return
            if isinstance(read, OSError):
                raise MissingFileError(f"standard input cannot be read: {read.strerror}") from read
            yield read

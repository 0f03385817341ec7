"""What is still being written, and until when: bytes of standard input or of a file that grows, as they arrive."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.text import FIRST_BYTES
from spectral_transcoder.sensors.standard_input import POLL_S, STDIN, StandardInput
from spectral_transcoder.utils.errors import AudioError, MissingFileError

# from one signal to the next: `timeout` and shells send one to the process and to its group
SAME_SIGNAL_S = 0.5


class Stop:
    """Whether Ctrl-C or SIGTERM came; within `with`, the first one asks to end, one that comes later ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self._asked_s = 0.0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._asked_s = True, time.monotonic()
        elif time.monotonic() - self._asked_s > SAME_SIGNAL_S:
            raise KeyboardInterrupt


def growing_file(path: Path, stop: Stop, whole_life: bool) -> Iterator[bytes]:
    """Give what is added to a file until `stop` is asked.

    Parameters
    ----------
    path : Path
        The file.
    stop : Stop
        Whether to end.
    whole_life : bool
        Go on with a file that takes its place, or with the file itself where it was emptied: nothing, b"", is given
        before its first bytes. While there is no file, one is waited for.

    Raises
    ------
    MissingFileError
        No such file.
    AudioError
        Another file took its place, and only this one was to be followed.
    """
    if not path.is_file():
        raise MissingFileError(f"no file at {path}: expected one that grows, or - for standard input")
    file = path.open("rb")
    try:
        while not stop.asked:
            read = file.read(FIRST_BYTES)
            if read:
                yield read
            elif not is_replaced(path, file):
                time.sleep(POLL_S)
            elif not whole_life:
                raise AudioError(
                    f"{path} was cut or replaced while it was followed: expected a file that grows"
                )
            else:
                if rest := file.read():  # written after the last look, before it was moved
                    yield rest
                    continue  # by now what took its place may be gone
                try:
                    another = path.open("rb")
                except FileNotFoundError:  # as it may be since the last look
                    time.sleep(POLL_S)
                    continue
                file.close()
                file = another
                yield b""
    finally:
        file.close()


def is_replaced(path: Path, file: IO[bytes]) -> bool:
    """Whether a path has another file than the one that is open, or one that was cut below what was read.

    As long as another one is empty, the first may still be written to: whoever rotates logs makes the next file, and
    then tells the writer.
    """
    try:
        there = path.stat()
    except OSError:  # moved away: what takes its place is waited for
        return False
    if os.path.samestat(there, os.fstat(file.fileno())):
        return there.st_size < file.tell()
    return there.st_size > 0


def follow_bytes(
    source: str | Path, stop: Stop, sound: bool = False, standard_input: StandardInput | None = None
) -> Iterator[bytes]:
    """Give what arrives on standard input until it ends, or what is added to a file until `stop` is asked.

    Parameters
    ----------
    source : str or Path
        A file, or - for standard input.
    stop : Stop
        Whether to end.
    sound : bool
        Of levels, nothing, b"", is given before another file that takes the place of the first, and a last line
        always ends.
    standard_input : StandardInput, optional
        Where it is read already.

    Raises
    ------
    MissingFileError
        No such file, or no standard input.
    AudioError
        A sound was cut or replaced.
    """
    if str(source) != STDIN:
        yield from growing_file(Path(source), stop, whole_life=not sound)
        return
    yield from (standard_input or StandardInput(sound)).chunks(lambda: stop.asked)
    if not (sound or stop.asked):
        yield b"\n"  # the last line may lack it


def in_words(source: str | Path) -> str:
    """Return what messages call a source."""
    return "standard input" if str(source) == STDIN else str(source)


def named_sensor(source: str | Path, options: ReadOptions, otherwise: str = "") -> str:
    """Return the sensor's name as the user says it, of a file else `otherwise`, of standard input else ""."""
    return options.sensor if str(source) == STDIN else options.sensor_of(Path(source)) or otherwise

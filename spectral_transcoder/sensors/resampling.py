"""Levels of one period to levels of another, exactly in energy.

    rows of 100 ms   |    0    |    1    |    2    |   …
    frames of 125 ms |     0      |     1      |   …      frame 0 = row 0 + a quarter of row 1

A frame's energy is that of the rows which it covers, in proportion to the time that they share.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.levels import FRAME_S, SECOND_S, LevelBlock
from spectral_transcoder.sensors.readers.options import TOLERANCE

LONGEST_TO_FRAMES_S = 0.13  # longer rows say nothing of 125 ms: they are averaged to a second
ROUNDING = 1e-9


def frame_period(period_s: float) -> float:
    """Return the period of the frames that rows of a period become: 125 ms, or 1 s for rows longer than 130 ms."""
    return FRAME_S if period_s <= LONGEST_TO_FRAMES_S else SECOND_S


class Resampler:
    """Averages the rows of one sensor without a gap to frames of another period, block after block.

    Parameters
    ----------
    period_s, frame_s : float
        Seconds between rows, and between frames. Rows as long as a frame, within 1 %, are passed on.
    """

    def __init__(self, period_s: float, frame_s: float) -> None:
        self.rows_per_frame = frame_s / period_s
        self.frame_s = frame_s
        self.unchanged = abs(period_s / frame_s - 1) <= TOLERANCE
        self.waiting: LevelBlock | None = None
        self.n_frames = 0  # given so far
        self.n_dropped = 0  # rows of which all energy was given

    def push(self, run: LevelBlock) -> LevelBlock:
        """Return the frames that rows complete."""
        if self.unchanged:
            return run
        rows = run if self.waiting is None else join(self.waiting, run)
        n_rows = self.n_dropped + len(rows)
        end = int(n_rows / self.rows_per_frame + ROUNDING)
        starts = np.arange(self.n_frames, end) * self.rows_per_frame - self.n_dropped
        frames = self._average(rows, starts)
        self.n_frames = end
        used = int(end * self.rows_per_frame + ROUNDING) - self.n_dropped
        self.waiting = rows.select(slice(used, None))
        self.n_dropped += used
        return frames

    def restart(self) -> None:
        """Forget the rows that complete no frame: a gap follows."""
        self.waiting, self.n_frames, self.n_dropped = None, 0, 0

    def _average(self, rows: LevelBlock, starts: NDArray[np.floating]) -> LevelBlock:
        """Return the frames that begin at `starts`, in rows from the first one."""
        covered = np.arange(int(np.ceil(self.rows_per_frame)) + 1)
        index = np.floor(starts + ROUNDING).astype(int)[:, None] + covered
        shares = np.minimum(index + 1, starts[:, None] + self.rows_per_frame) - np.maximum(
            index, starts[:, None]
        )
        shares = np.where(shares > ROUNDING, shares, 0) / self.rows_per_frame
        power = 10 ** (rows.levels_db.astype(float) / 10)
        own = power[np.minimum(index, len(rows) - 1)] if len(rows) else np.zeros((0, len(covered), 29))
        with np.errstate(divide="ignore"):
            levels = 10 * np.log10(np.einsum("ki,kib->kb", shares, own))
        epoch_s = np.interp(starts, np.arange(len(rows)), rows.epoch_s) if len(rows) else starts
        return replace(rows, epoch_s=epoch_s, levels_db=levels.astype(np.float32), period_s=self.frame_s)


def join(first: LevelBlock, second: LevelBlock) -> LevelBlock:
    """Return two blocks of one run as one; the file is that of the first."""
    return replace(
        first,
        epoch_s=np.concatenate([first.epoch_s, second.epoch_s]),
        levels_db=np.concatenate([first.levels_db, second.levels_db]),
    )

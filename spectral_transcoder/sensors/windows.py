"""From rows to windows: frames of 125 ms or of 1 s, cut at gaps, grouped as the classifier takes them.

    rows [r, 29] ──runs without a gap, resampling──▶ frames [n, 29] ──▶ seconds [S, F, 29] ──window_s, hop_s──▶ windows

F is 8 for frames of 125 ms, 1 for frames of 1 s. A run starts at the first row after a gap; its frames
F·k … F·k+F-1 make second k (docs/method.md, section 1). No window straddles a gap, or two files: the last one of a run
is padded with silence up to a whole second, and marked.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import CLIPPED, GAP, Findings, FrameFilter
from spectral_transcoder.sensors.levels import (
    FRAMES_PER_SECOND,
    MISSING_BAND_DBFS,
    N_BANDS,
    SILENCE_DBFS,
    LevelBlock,
    total_level,
)
from spectral_transcoder.sensors.resampling import Resampler, join
from spectral_transcoder.utils.errors import UsageError

GAP_FROM_PERIODS = 1.5
SECONDS_PER_BATCH = 512
FULL_SCALE_SINE_DBFS = -3.01


@dataclass(frozen=True)
class WindowBatch:
    """Windows of levels: n windows over S seconds, which overlapping windows share.

    Attributes
    ----------
    sensor, file : np.ndarray
        (n,) str, whose they are.
    epoch_s : np.ndarray
        (n,) float64, seconds since 1970 (UTC) at which each begins.
    first_second, n_seconds : np.ndarray
        (n,) int, the seconds that make it.
    n_frames : np.ndarray
        (n,) int, frames measured in it, at most F per second.
    complete : np.ndarray
        (n,) bool, whether it lasts as long as was asked for.
    seconds_db : np.ndarray
        (S, F, 29) float32 in dB re full scale.
    present : np.ndarray
        (n, 29) bool: bands that were measured; the others are at MISSING_BAND_DBFS.
    """

    sensor: NDArray[np.object_]
    file: NDArray[np.object_]
    epoch_s: NDArray[np.floating]
    first_second: NDArray[np.int64]
    n_seconds: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    complete: NDArray[np.bool_]
    seconds_db: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.epoch_s)

    @property
    def frames_per_second(self) -> int:
        """F, the frames of a second: 8 or 1."""
        return self.seconds_db.shape[1]

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """What was measured of each window, in seconds: (n,)."""
        return self.n_frames / self.frames_per_second

    @property
    def mean_levels_db(self) -> NDArray[np.float32]:
        """Mean level of each window and band in dB re full scale, NaN for missing bands: (n, 29)."""
        power = (10 ** (self.seconds_db.astype(float) / 10)).sum(axis=1)
        level = 10 * np.log10(self.sum_seconds(power) / self.n_frames[:, None])
        return np.where(self.present, level, np.nan).astype(np.float32)

    def sum_seconds(self, values: NDArray) -> NDArray:
        """Sum values of seconds (S, …) over each window's own: (n, …)."""
        ends = np.stack([self.first_second, self.first_second + self.n_seconds], axis=1)
        beyond = np.zeros_like(values[:1])  # reduceat has no end beyond the last second
        return np.add.reduceat(np.concatenate([values, beyond]), ends.ravel(), axis=0)[::2]


@dataclass(frozen=True)
class Windowing:
    """How long windows are, and what turns levels into dB re full scale.

    Attributes
    ----------
    window_s, hop_s : int
        Duration of a window and from one to the next, in whole seconds.
    offset_db : float
        Added to the sensor's levels to reach dB re full scale.
    frames_per_second : int
        8 for frames of 125 ms, 1 for frames of 1 s.

    Raises
    ------
    UsageError
        Durations that are no whole seconds.
    """

    window_s: int = 1
    hop_s: int = 1
    offset_db: float = 0.0
    frames_per_second: int = FRAMES_PER_SECOND

    def __post_init__(self) -> None:
        for name in ("window_s", "hop_s"):
            value = getattr(self, name)
            if value < 1 or value != int(value):
                raise UsageError(
                    f"{name}={value:g}: expected whole seconds, since Mels are made by the second"
                )
            object.__setattr__(self, name, int(value))

    @property
    def window_frames(self) -> int:
        """Frames of a complete window."""
        return self.window_s * self.frames_per_second

    @property
    def hop_frames(self) -> int:
        """Frames from one window to the next."""
        return self.hop_s * self.frames_per_second

    @property
    def frame_s(self) -> float:
        """Seconds of a frame."""
        return 1 / self.frames_per_second

    def to_dbfs(self, block: LevelBlock) -> NDArray[np.float32]:
        """Return the levels of a block in dB re full scale, missing bands and silence at their floors: (n, 29)."""
        levels = np.where(block.present, block.levels_db + np.float32(self.offset_db), MISSING_BAND_DBFS)
        return np.where(np.isneginf(levels), SILENCE_DBFS, levels).astype(np.float32)


class Timeline:
    """The frames of one sensor that no window holds yet, cut into windows as more arrive.

    Parameters
    ----------
    windowing : Windowing
        How long windows are.
    findings : Findings
        Where gaps and frames that cannot be are reported.
    """

    def __init__(self, windowing: Windowing, findings: Findings) -> None:
        self.windowing, self.findings = windowing, findings
        self.filter = FrameFilter(findings)
        self.resampler: Resampler | None = None
        self.waiting: LevelBlock | None = (
            None  # the frames of the current run from the next window's start on
        )
        self.skip = 0  # frames between two windows that no window holds (hop longer than window)
        self.covered = False  # whether a window of the run reaches beyond the next one's start
        self.end_s: float | None = None  # when the last row ended
        self.rotation = 0  # of the last rows

    def push(self, block: LevelBlock) -> list[WindowBatch]:
        """Take a block and return the windows that it completes."""
        block = self.filter.keep(block)
        if len(block) == 0:
            return []
        self.resampler = self.resampler or Resampler(block.period_s, self.windowing.frame_s)
        batches = []
        if block.rotation != self.rotation:  # a run that begins with this file cuts the same windows
            self.rotation = block.rotation
            batches += self._close_run()
        gap_s = GAP_FROM_PERIODS * block.period_s
        starts = np.flatnonzero(np.diff(block.epoch_s) > gap_s) + 1
        for start, end in zip([0, *starts], [*starts, len(block)], strict=True):
            run = block.select(slice(start, end))
            between_s = 0.0 if self.end_s is None else float(run.epoch_s[0]) - self.end_s
            if self.end_s is not None and not -gap_s < between_s < gap_s - block.period_s:
                if between_s > 0:
                    self.findings.add(GAP, run.file, self.end_s, float(run.epoch_s[0]), 0)
                batches += self._close_run()
            batches += self._extend_run(self.resampler.push(run))
            self.end_s = float(run.epoch_s[-1]) + block.period_s
        return batches

    def finish(self) -> list[WindowBatch]:
        """Return the last, incomplete window, if there is one."""
        self.filter.finish()
        return self._close_run()

    def _extend_run(self, run: LevelBlock) -> list[WindowBatch]:
        """Add frames that follow without a gap, and cut what windows are complete."""
        self.findings.n_frames += len(run)
        self.findings.add_rows(CLIPPED, run, clips(self.windowing.to_dbfs(run)))
        skipped = min(self.skip, len(run))
        self.skip -= skipped
        run = run.select(slice(skipped, None))
        frames = run if self.waiting is None else join(self.waiting, run)
        n_frames, hop = self.windowing.window_frames, self.windowing.hop_frames
        n_windows = max(0, (len(frames) - n_frames) // hop + 1)
        self.waiting = frames.select(slice(n_windows * hop, None))
        if n_windows == 0:
            return []
        self.skip = max(0, n_windows * hop - len(frames))
        self.covered = hop < n_frames
        return [self._batch(frames.select(slice((n_windows - 1) * hop + n_frames)), n_windows, complete=True)]

    def _close_run(self) -> list[WindowBatch]:
        """Return the run's last window, padded, if frames are left that no window holds."""
        if self.resampler is not None:
            self.resampler.restart()
        waiting, self.waiting, self.skip = self.waiting, None, 0
        overlap = self.windowing.window_frames - self.windowing.hop_frames if self.covered else 0
        self.covered = False
        if waiting is None or len(waiting) <= overlap:
            return []
        return [self._batch(waiting, 1, complete=False)]

    def _batch(self, frames: LevelBlock, n_windows: int, complete: bool) -> WindowBatch:
        """Cut frames, padded to whole seconds, into `n_windows`."""
        levels = self.windowing.to_dbfs(frames)
        per_second = self.windowing.frames_per_second
        levels = np.pad(levels, ((0, -len(levels) % per_second), (0, 0)), constant_values=SILENCE_DBFS)
        seconds = levels.reshape(-1, per_second, N_BANDS)
        first_second = start_second = self.windowing.hop_s * np.arange(n_windows)
        if complete and self.windowing.hop_s > self.windowing.window_s:  # seconds of no window are left out
            own = start_second[:, None] + np.arange(self.windowing.window_s)
            seconds, first_second = seconds[own.ravel()], self.windowing.window_s * np.arange(n_windows)
        return WindowBatch(
            sensor=np.full(n_windows, frames.sensor, object),
            file=np.full(n_windows, frames.file, object),
            epoch_s=frames.epoch_s[start_second * per_second],
            first_second=first_second,
            n_seconds=np.full(n_windows, self.windowing.window_s if complete else len(seconds)),
            n_frames=np.full(n_windows, self.windowing.window_frames if complete else len(frames)),
            complete=np.full(n_windows, complete),
            seconds_db=seconds,
            present=np.repeat(frames.present[None], n_windows, axis=0),
        )


def clips(levels_dbfs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether frames of (n, 29) dB re full scale are louder than any sine within full scale: (n,) bool."""
    return total_level(levels_dbfs) > FULL_SCALE_SINE_DBFS


def join_batches(batches: list[WindowBatch]) -> WindowBatch:
    """Return batches of windows as one, over all their seconds."""
    offsets = np.cumsum([0, *(len(batch.seconds_db) for batch in batches[:-1])])
    shifted = [
        dataclasses.replace(batch, first_second=batch.first_second + offset)
        for batch, offset in zip(batches, offsets, strict=True)
    ]
    names = [field.name for field in dataclasses.fields(WindowBatch)]
    return WindowBatch(*(np.concatenate([getattr(batch, name) for batch in shifted]) for name in names))


def window_batches(
    blocks: Iterable[LevelBlock], windowing: Windowing, findings: Findings
) -> Iterator[WindowBatch]:
    """Cut blocks of any number of sensors into windows, some thousand seconds at a time.

    Windows do not reach from one file into the next. What is cut where depends on the blocks alone, so a
    second run over the same files gives the same batches.

    Parameters
    ----------
    blocks : iterable of LevelBlock
        As `reading.read_levels` gives them.
    windowing : Windowing
        How long windows are.
    findings : Findings
        Where gaps and frames that cannot be are reported.

    Yields
    ------
    WindowBatch
        In order of time for each sensor.
    """
    timelines: dict[str, Timeline] = {}
    file: str | None = None
    waiting: list[WindowBatch] = []
    for block in blocks:
        if block.file != file:
            waiting += finish_all(timelines)
            file = block.file
        if block.sensor not in timelines:
            timelines[block.sensor] = Timeline(windowing, findings)
        waiting += timelines[block.sensor].push(block)
        if sum(len(batch.seconds_db) for batch in waiting) >= SECONDS_PER_BATCH:
            yield join_batches(waiting)
            waiting = []
    waiting += finish_all(timelines)
    if waiting:
        yield join_batches(waiting)


def finish_all(timelines: dict[str, Timeline]) -> list[WindowBatch]:
    """Return the last windows of all sensors, and forget them."""
    batches = [batch for timeline in timelines.values() for batch in timeline.finish()]
    timelines.clear()
    return batches

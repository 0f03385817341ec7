"""What each task of a city classifies: some files of levels, or the rows of a stretch of time of a long one."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.inputs import Inputs
from spectral_transcoder.sensors.overlaps import SHOWN_PAIRS, Overlaps
from spectral_transcoder.sensors.reading import LAST_EPOCH_S, SurveyedFile
from spectral_transcoder.utils.words import counted

MINUTE_S = 60.0


@dataclass(frozen=True)
class CityTask:
    """What one task of the array computes.

    Attributes
    ----------
    files : tuple of str
        Files of levels.
    between_s : tuple of float or None
        Begin and end of the rows that are its own, in seconds since 1970; None are all.
    hours : float
        What was measured of them when the task was planned.
    """

    files: tuple[str, ...]
    between_s: tuple[float, float] | None
    hours: float


def plan_tasks(inputs: Inputs, hours: float) -> list[CityTask]:
    """Share out files among tasks of about `hours` of levels; a file of more is cut in time.

    Parameters
    ----------
    inputs : Inputs
        The surveyed files.
    hours : float
        Hours of levels of each task, all sensors together.
    """
    tasks: list[CityTask] = []
    waiting: list[SurveyedFile] = []
    for file in inputs.surveyed:
        if file.duration_s > hours * 3600:
            tasks += _cut(file, hours)
            continue
        if waiting and _hours(waiting) + file.duration_s / 3600 > hours:
            tasks.append(_whole(waiting))
            waiting = []
        waiting.append(file)
    return [*tasks, _whole(waiting)] if waiting else tasks


def _hours(files: Sequence[SurveyedFile]) -> float:
    return sum(file.duration_s for file in files) / 3600


def _whole(files: Sequence[SurveyedFile]) -> CityTask:
    return CityTask(tuple(str(file.path.absolute()) for file in files), None, round(_hours(files), 3))


def _cut(file: SurveyedFile, hours: float) -> list[CityTask]:
    """Return the tasks of a file that is cut in time, each with about the same share of what was measured.

    The first task has no begin and the last one no end, so that rows that are added to the file are some task's.
    """
    n_tasks = int(-(-file.duration_s // (hours * 3600)))
    starts = list(_starts(file, file.duration_s / n_tasks))
    path = str(file.path.absolute())
    share = round(file.duration_s / 3600 / len(starts), 3)
    edges = [0.0, *starts[1:], LAST_EPOCH_S]
    return [CityTask((path,), between_s, share) for between_s in pairwise(edges)]


def _starts(file: SurveyedFile, share_s: float) -> Iterator[float]:
    """Give the times at which a new share of what was measured begins, whole minutes after the first row."""
    measured_s: Counter[int] = Counter()
    first_s: float | None = None
    for block in file.blocks(Findings()):
        if len(block):
            first_s = float(block.epoch_s[0]) if first_s is None else first_s
            minutes, n_rows = np.unique((block.epoch_s - first_s) // MINUTE_S, return_counts=True)
            measured_s.update(dict(zip(minutes.astype(int).tolist(), n_rows * block.period_s, strict=True)))
    n_starts, before_s = 0, 0.0
    for minute in sorted(measured_s):
        if before_s >= n_starts * share_s:
            yield (first_s or 0.0) + MINUTE_S * minute
            n_starts += 1
        before_s += measured_s[minute]


def tasks_beside(kept: Sequence[CityTask], tasks: Sequence[CityTask]) -> list[CityTask]:
    """Return what tasks have beyond those that are kept: whole ones first, then the new files of others."""
    known = {file for task in kept for file in task.files}
    whole = [task for task in tasks if not known & set(task.files)]
    grown = [task for task in tasks if known & set(task.files) and not set(task.files) <= known]
    return whole + [
        CityTask(tuple(file for file in task.files if file not in known), None, task.hours) for task in grown
    ]


def shared_by_tasks(overlaps: Overlaps, tasks: Sequence[CityTask]) -> list[str]:
    """Return what tasks count twice, line by line: each leaves out only what its own files have twice."""
    tasks_of: dict[str, set[int]] = defaultdict(set)
    for index, task in enumerate(tasks):
        for file in task.files:
            tasks_of[file].add(index)
    paths = [str(file.path.absolute()) for file in overlaps.files]
    shared_s: dict[tuple[str, str, str], float] = defaultdict(float)
    for (index, sensor), own in overlaps.certain.items():
        for overlap in own:
            longer = paths[overlap.longer]
            if tasks_of[paths[index]] != tasks_of[longer]:
                shared_s[paths[index], longer, sensor] += overlap.duration_s
    lines = [
        f"{path}: {duration_s:.10g} s of sensor {sensor} are in {longer} too, which another task has: both are "
        "counted, leave one out"
        for (path, longer, sensor), duration_s in list(shared_s.items())[:SHOWN_PAIRS]
    ]
    n_more = len(shared_s) - len(lines)
    return [*lines, f"the same is true of {counted(n_more, 'more file')}"] if n_more else lines

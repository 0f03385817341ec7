"""What is known of a city's tasks: which are done, failed or waiting, and which files have changed since."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from spectral_transcoder.experiments.engine.run_store import State
from spectral_transcoder.slurm.launcher import WAITING
from spectral_transcoder.slurm.queue import QueuedJob
from spectral_transcoder.utils.words import counted


class SubmittedTask(TypedDict):
    """What is recorded of a submitted task.

    Attributes
    ----------
    job : str
        The job's id.
    written_before_ns : int or None
        When the record of the output was written that was there already, in nanoseconds since 1970.
    """

    job: str
    written_before_ns: int | None


@dataclass(frozen=True)
class CityTaskState:
    """A task, and what is known of it.

    Attributes
    ----------
    index : int
        Its place in the plan.
    state : State
        Pending, running, done or failed.
    queued : bool
        Whether it waits or runs.
    job : str or None
        The id of its last job.
    detail : tuple of str
        Why it waits, the last line of its log, or what its rows lack.
    out_of_date : bool
        Whether it has an output, and one of its files has changed since.
    left_out : bool
        Whether it is done without a file that could not be used.
    """

    index: int
    state: State
    queued: bool
    job: str | None
    detail: tuple[str, ...] = ()
    out_of_date: bool = False
    left_out: bool = False


def state_in_queue(index: int, queued: QueuedJob) -> CityTaskState:
    """Return the state of a task whose job waits or runs."""
    waits = queued.state in WAITING
    detail = (queued.reason,) if waits else ()
    return CityTaskState(index, State.PENDING if waits else State.RUNNING, True, queued.job, detail)


def state_done(index: int, job: str | None, record: dict[str, Any], changed: Sequence[str]) -> CityTaskState:
    """Return the state of a task that is done, by the record of its output and the files that have changed since."""
    left_out = record.get("files_left_out", [])
    detail = [*out_of_date(changed), *(f"left out: {reason}" for reason in left_out)]
    return CityTaskState(index, State.DONE, False, job, tuple(detail), bool(changed), bool(left_out))


def out_of_date(changed: Sequence[str]) -> list[str]:
    """Return a line for each file that has changed since an output was made."""
    return [f"out of date, since {path} has changed: --slurm classifies it again" for path in changed]


def is_wanted(one: CityTaskState, resubmit: bool) -> bool:
    """Whether a task is to be submitted: one that has failed, or else one that is new or out of date."""
    return one.state is State.FAILED if resubmit else one.state is State.PENDING or one.out_of_date


def changed_files(made_from: dict[str, Any]) -> list[str]:
    """Return the files that are others than those an output was made from; what is gone has not changed."""
    return list(_changed(made_from.get("files", [])))


def _changed(files: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    for path, n_bytes, changed_ns in files:
        try:
            status = Path(path).stat()
        except OSError:
            continue
        if (status.st_size, status.st_mtime_ns) != (n_bytes, changed_ns):
            yield path


def summary_of(states: Sequence[CityTaskState]) -> str:
    """Return how many tasks are in each state, and how many of those that have an output lack something."""
    counts = Counter(one.state for one in states)
    words = [f"{counts[state]} {state.value}" for state in State]
    for name, what in (("out_of_date", "out of date"), ("left_out", "without files that cannot be used")):
        if n := sum(getattr(one, name) for one in states):
            words.append(f"{n} of them {what}")
    return f"{counted(len(states), 'task')}: " + ", ".join(words)

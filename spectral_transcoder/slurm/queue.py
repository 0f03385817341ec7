"""Questions to SLURM and orders to it, through its own commands."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError

COMMAND_TIMEOUT_S = 120
ATTEMPTS, PAUSE_S = 3, 5  # of a job's own commands, which fit into the notice that it has
MOST_TASKS = 1001  # of a job array: what SLURM takes where its MaxArraySize was not changed
# names and folders of a user's other jobs hold anything, line breaks too, but hardly these two
BETWEEN_JOBS, BETWEEN_FIELDS = "\x1e", "\x1f"


class Submittable(Protocol):
    """A job file.

    Attributes
    ----------
    path : Path
        The file.
    array : int or None
        Tasks of its array that run at a time, 0 for all; None is no array.
    """

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def array(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True)
class QueuedJob:
    """A job that waits or runs.

    Attributes
    ----------
    job : str
        Its id; a task of an array is <id>_<index>.
    state, reason : str
        SLURM's words: "PENDING" and "Dependency", say.
    name : str
        Its name, as in its header.
    folder : str
        The folder where it was submitted.
    command : str
        The job file, as sbatch was given it.
    """

    job: str
    state: str
    reason: str
    name: str
    folder: str
    command: str


def has_slurm() -> bool:
    """Say whether jobs can be submitted on this machine."""
    return shutil.which("sbatch") is not None


def queued_jobs() -> list[QueuedJob]:
    """Return the user's jobs that wait or run, each task of an array by itself: a list of `QueuedJob`."""
    # by number: squeue answers that an unknown user has no jobs, and LOGNAME may be another's
    user = f"--user={os.getuid()}"
    fields = BETWEEN_FIELDS.join(("%i", "%T", "%r", "%j", "%Z", "%o"))
    listing = _run("squeue", "--noheader", "--array", user, f"--format={BETWEEN_JOBS}{fields}")
    jobs = (job.removesuffix("\n") for job in listing.split(BETWEEN_JOBS)[1:])
    return [QueuedJob(*job.split(BETWEEN_FIELDS, 5)) for job in jobs]


def most_tasks() -> int:
    """Return how many tasks a job array may have: `MOST_TASKS`, or fewer where SLURM on this machine says so."""
    settings = ""
    with contextlib.suppress(SpectralTranscoderError):  # no SLURM here, or none that answers
        settings = _run("scontrol", "show", "config")
    found = re.search(r"^MaxArraySize\s*=\s*([1-9]\d*)", settings, re.MULTILINE)
    return min(MOST_TASKS, int(found[1])) if found else MOST_TASKS


def log_pattern(folder: Path, name: str) -> str:
    """Return the path of a job's log as sbatch takes it; its name may have SLURM's patterns, its folder has none.

    Raises
    ------
    UsageError
        The folder's path has a backslash, with which SLURM fills in no pattern, or starts no job.
    """
    if "\\" in str(folder):
        raise UsageError(f"{folder}: SLURM writes no logs to a path with a backslash: choose another folder")
    return f"{str(folder).replace('%', '%%')}/{name}.log"


def submission(
    job_file: Submittable, log: str, dependency: str | None = None, indices: Sequence[int] | None = None
) -> list[str]:
    """Return the command that submits a job file.

    Parameters
    ----------
    job_file : Submittable
        The file.
    log : str
        Path of the file that the job prints to, of `log_pattern`.
    dependency : str, optional
        The id of the job that has to succeed before.
    indices : sequence of int, optional
        The tasks of an array.

    Returns
    -------
    list of str
    """
    command = ["sbatch", "--parsable", f"--output={log}"]
    if dependency:
        command += [f"--dependency=afterok:{dependency}", "--kill-on-invalid-dep=yes"]
    if indices is not None:
        at_a_time = f"%{job_file.array}" if job_file.array else ""
        command.append(f"--array={','.join(map(str, indices))}{at_a_time}")
    return [*command, str(job_file.path)]


def submit(command: list[str], folder: Path | None = None) -> str:
    """Submit by the command of `submission` from a folder, by default this process's, and return the job's id."""
    last_line = _run(*command, folder=folder).strip().rpartition("\n")[2]  # some clusters say more before
    return last_line.partition(";")[0]


def own_job() -> str:
    """Return the id of the job that this process is in: of an array, the task's, not the whole array's."""
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    return os.environ["SLURM_JOB_ID"] if task is None else f"{os.environ['SLURM_ARRAY_JOB_ID']}_{task}"


def job_fields(job: str) -> dict[str, str]:
    """Return what SLURM says of a job: {"JobState": "RUNNING", …}."""
    words = _run_again("scontrol", "show", "job", "--oneliner", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def requeue(job: str) -> None:
    """Put a running job back into the queue; SLURM ends this process soon."""
    _run_again("scontrol", "requeue", job)


def _run_again(*command: str) -> str:
    """Return what `_run` does; ask again where that fails, since the tasks of an array end at the same time."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(SpectralTranscoderError):
            return _run(*command)
        time.sleep(PAUSE_S)
    return _run(*command)


def _run(*command: str, folder: Path | None = None) -> str:
    """Return what a command of SLURM prints, in a folder or in this process's.

    Raises
    ------
    SpectralTranscoderError
        It failed: its own words.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="surrogateescape",  # names that are no text
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpectralTranscoderError(f"SLURM does not answer: {error}") from error
    if done.returncode:
        raise SpectralTranscoderError(
            done.stderr.strip() or f"{command[0]} ended with status {done.returncode}"
        )
    return done.stdout

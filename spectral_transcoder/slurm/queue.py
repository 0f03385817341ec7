"""Questions to SLURM and orders to it, through its own commands."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spectral_transcoder.utils.errors import SpectralTranscoderError

COMMAND_TIMEOUT_S = 120


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
    """

    job: str
    state: str
    reason: str
    name: str
    folder: str


def has_slurm() -> bool:
    """Say whether jobs can be submitted on this machine."""
    return shutil.which("sbatch") is not None


def queued_jobs() -> list[QueuedJob]:
    """Return the user's jobs that wait or run, each task of an array by itself: a list of `QueuedJob`."""
    listing = _run(
        "squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i|%T|%r|%j|%Z"
    )
    return [QueuedJob(*line.strip().split("|", 4)) for line in listing.splitlines() if line.strip()]


def submission(
    job_file: Submittable, log: str, dependency: str | None = None, indices: Sequence[int] | None = None
) -> list[str]:
    """Return the command that submits a job file.

    Parameters
    ----------
    job_file : Submittable
        The file.
    log : str
        Path of the file that the job prints to, with SLURM's patterns.
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
    return _run(*command, folder=folder).strip().partition(";")[0]


def own_job() -> str:
    """Return the id of the job that this process is in: of an array, the task's, not the whole array's."""
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    return os.environ["SLURM_JOB_ID"] if task is None else f"{os.environ['SLURM_ARRAY_JOB_ID']}_{task}"


def job_fields(job: str) -> dict[str, str]:
    """Return what SLURM says of a job: {"JobState": "RUNNING", …}."""
    words = _run("scontrol", "show", "job", "--oneliner", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def requeue(job: str) -> None:
    """Put a running job back into the queue; SLURM ends this process soon."""
    _run("scontrol", "requeue", job)


def _run(*command: str, folder: Path | None = None) -> str:
    """Return what a command of SLURM prints, in a folder or in this process's.

    Raises
    ------
    SpectralTranscoderError
        It failed: its own words.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpectralTranscoderError(f"SLURM does not answer: {error}") from error
    if done.returncode:
        raise SpectralTranscoderError(
            done.stderr.strip() or f"{command[0]} ended with status {done.returncode}"
        )
    return done.stdout

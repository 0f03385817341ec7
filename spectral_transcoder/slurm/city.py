"""A city's levels on a cluster: tasks of so many hours each in job arrays, and their rows joined.

    files ──plan──▶ tasks ──job files, sbatch──▶ parts/000000.parquet, … ──join──▶ dataset/sensor=…/date=…/

Each task is a call of classify_thirdo.py, which goes on where it was stopped; a task that is stopped by its time
limit, or because its node is taken away, is requeued.
"""

import json
import pprint
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from spectral_transcoder.experiments.engine.run_store import State
from spectral_transcoder.models.labels import DATA
from spectral_transcoder.sensors.records import (
    intact_record,
    parts_folder,
    read_json,
    read_record,
    record_path,
)
from spectral_transcoder.slurm.city_dataset import write_dataset
from spectral_transcoder.slurm.city_plan import PLAN, CityPlan, read_plan, write_plan
from spectral_transcoder.slurm.city_states import (
    CityTaskState,
    SubmittedTask,
    changed_files,
    is_wanted,
    out_of_date,
    state_done,
    state_in_queue,
    summary_of,
)
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.slurm.launcher import last_line
from spectral_transcoder.slurm.queue import (
    QueuedJob,
    has_slurm,
    log_pattern,
    most_tasks,
    queued_jobs,
    submission,
    submit,
)
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError, UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.locks import sole_writer
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.paths import PROJECT_ROOT
from spectral_transcoder.utils.words import counted

JOB_NAME = "classify_city"
JOBS, PARTS, LOGS, DATASET = "jobs.json", "parts", "logs", "dataset"
MARKER = "# Written by classify_thirdo.py --slurm, which replaces it."
USAGE = "    classify_thirdo.py --slurm and --resubmit submit the tasks of its array."
NEVER_STARTED = "never started: it was cancelled"
DAMAGED = "its output is damaged, or gone"
UNKNOWN = "there is no SLURM on this machine that knows whether it waits, runs or has failed"


@dataclass(frozen=True)
class ArrayFile:
    """A job file of an array, as `queue.submission` needs it.

    Attributes
    ----------
    path : Path
        The file.
    array : int
        Tasks at a time, 0 for all.
    """

    path: Path
    array: int = 0


class City:
    """The folder of a city: its plan, its jobs, its parts and its dataset.

    Parameters
    ----------
    folder : Path
        Where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def plan(self, wanted: CityPlan) -> None:
        """Keep the tasks and the options of classify_thirdo.py; files of a plan that is there keep their tasks.

        Raises
        ------
        UsageError
            There is a plan of other options, or the folder is not ours.
        DatasetError
            Another process is planning or submitting.
        """
        self.refuse_other_options(wanted.options)
        self.folder.mkdir(parents=True, exist_ok=True)
        with sole_writer(self.folder):
            write_plan((self.planned() or CityPlan(wanted.options, [])).with_more(wanted), self.folder)

    def refuse_other_options(self, options: Sequence[str]) -> None:
        """Raise UsageError where the folder was planned with other options, or cannot be a city's."""
        log_pattern(self.folder / LOGS, "")
        if self.folder.is_file():
            raise UsageError(f"{self.folder} is a file: expected --output, the folder of the city")
        planned = self.planned()
        if planned is None and self.folder.is_dir() and any(self.folder.iterdir()):
            raise UsageError(f"{self.folder} is there already and holds no {PLAN}: choose another output")
        if planned is not None and planned.options != list(options):
            before, now = (" ".join(words) or "no options" for words in (planned.options, options))
            raise UsageError(f"{self.folder} was planned with {before}, not {now}: choose another output")

    def planned(self) -> CityPlan | None:
        """Return the plan, if there is one."""
        return self.read_plan() if (self.folder / PLAN).is_file() else None

    def read_plan(self) -> CityPlan:
        """Return the plan; MissingFileError and DatasetError as of `city_plan.read_plan`."""
        return read_plan(self.folder)

    def settings(self) -> Path | None:
        """Return the file of the cluster's settings that was named when the city was planned, if one was."""
        planned = self.planned()
        return Path(planned.settings) if planned and planned.settings else None

    def part(self, index: int) -> Path:
        """Return the output of a task."""
        return self.folder / PARTS / f"{index:06d}.parquet"

    def command(self, index: int) -> list[str]:
        """Return the command line of classify_thirdo.py that computes a task."""
        plan = self.read_plan()
        task = plan.tasks[index]
        between = [] if task.between_s is None else ["--between", *(f"{at:.3f}" for at in task.between_s)]
        return [*task.files, "-o", str(self.part(index)), *between, *plan.options]

    def _write_job_file(self, cluster: Cluster, first: int, n_tasks: int) -> ArrayFile:
        """Write the job file of some tasks, of which `first` is number 0 of the array, and return it."""
        job = {
            "city": str(self.folder),
            "first": first,
            "modules": list(cluster.modules),
            "environment": cluster.environment,
        }
        path = self.folder / f"job_{first:06d}.slurm"
        text = Template((DATA / "job.slurm").read_text(encoding="utf-8")).substitute(
            header=cluster.header(JOB_NAME, f"0-{n_tasks - 1}"),
            marker=MARKER,
            what=f"Classify the levels of a city under SLURM: {counted(n_tasks, 'task')}, the first is {first}.",
            usage=USAGE,
            job=pprint.pformat(job, width=110, sort_dicts=False),
        )
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return ArrayFile(path)

    def submit(self, cluster: Cluster, resubmit: bool = False) -> str:
        """Submit the tasks that are new or out of date, or those that have failed; return what was done, in words.

        Raises
        ------
        SpectralTranscoderError
            There is no SLURM, or it refuses.
        DatasetError
            Another process is planning or submitting.
        """
        require_slurm()
        self.read_plan()
        said: list[str] = []
        with sole_writer(self.folder):
            chosen = [one.index for one in self.states() if not one.queued and is_wanted(one, resubmit)]
            if not chosen:
                return f"nothing to submit: {self.summary()}"
            for index in chosen:
                self._forget_parts_of_changed_files(index)
            n_tasks, most = len(self.read_plan().tasks), most_tasks()
            for first in range(0, n_tasks, most):
                own = [index for index in chosen if first <= index < first + most]
                if not own:
                    continue
                try:
                    job = self._submit_array(cluster, first, min(most, n_tasks - first), own)
                except SpectralTranscoderError as error:
                    raise SpectralTranscoderError("; ".join([*said, str(error)])) from error
                said.append(f"submitted {job}: {counted(len(own), 'task')}")
        return "\n".join([*said, readable(f"logs in {self.folder / LOGS}")])

    def _submit_array(self, cluster: Cluster, first: int, n_tasks: int, chosen: Sequence[int]) -> str:
        """Submit some tasks of an array, keep which job has which, and return the array's id."""
        file = self._write_job_file(cluster, first, n_tasks)
        (self.folder / LOGS).mkdir(exist_ok=True)
        log = log_pattern(self.folder / LOGS, "%A_%a")
        before_ns = {index: self._written_ns(index) for index in chosen}
        # the job file finds the project from where it was submitted
        job = submit(submission(file, log, None, [index - first for index in chosen]), PROJECT_ROOT)
        jobs = self._jobs() | {
            str(index): SubmittedTask(job=f"{job}_{index - first}", written_before_ns=before_ns[index])
            for index in chosen
        }
        with atomic_path(self.folder / JOBS) as temporary:
            temporary.write_text(json.dumps(jobs, indent=1), encoding="utf-8")
        return job

    def _forget_parts_of_changed_files(self, index: int) -> None:
        """Remove what a stopped task has of files that are others now, with which it could not go on."""
        folder = parts_folder(self.part(index))
        record = read_json(folder / "record.json")
        if record and changed_files(record):
            shutil.rmtree(folder)

    def _jobs(self) -> dict[str, SubmittedTask]:
        jobs = read_json(self.folder / JOBS) or {}
        # an id alone: of a version that kept no more
        return {
            index: SubmittedTask(job=kept, written_before_ns=None) if isinstance(kept, str) else kept
            for index, kept in jobs.items()
        }

    def _written_ns(self, index: int) -> int | None:
        """Return when the record of a task's output was written, or None where there is none."""
        try:
            return record_path(self.part(index)).stat().st_mtime_ns
        except OSError:
            return None

    def states(self) -> list[CityTaskState]:
        """Return each task as it is now."""
        queue, jobs = self._queued() if has_slurm() else {}, self._jobs()
        return [
            state_in_queue(index, queue[index]) if index in queue else self._state(index, jobs)
            for index in range(len(self.read_plan().tasks))
        ]

    def _queued(self) -> dict[int, QueuedJob]:
        """Return the jobs that wait or run, by their tasks: those of the folder's job files, whether recorded or not.

        SLURM gives ids again, and may have taken jobs though sbatch failed to say so.
        """
        jobs = queued_jobs()
        first_of = {command: self._first_task(Path(command)) for command in {job.command for job in jobs}}
        queued = {}
        for job in jobs:
            first, number = first_of[job.command], job.job.partition("_")[2]
            if first is not None and number:
                queued[first + int(number)] = job
        return queued

    def _first_task(self, path: Path) -> int | None:
        """Return the first task of a job file of this folder; None for any other."""
        named = re.fullmatch(r"job_(\d+)\.slurm", path.name)
        return int(named[1]) if named and path.parent.resolve() == self.folder.resolve() else None

    def _state(self, index: int, jobs: dict[str, SubmittedTask]) -> CityTaskState:
        """Return the state of a task that neither waits nor runs."""
        submitted = jobs.get(str(index))
        job = submitted["job"] if submitted else None
        is_its_own = submitted is None or self._written_ns(index) != submitted["written_before_ns"]
        record = intact_record(self.part(index))
        changed = changed_files(record["made_from"]) if record else []
        if record and (is_its_own or not changed):
            return state_done(index, job, record, changed)
        if job is None:
            return CityTaskState(index, State.PENDING, False, None, ("not submitted",))
        log = self.folder / LOGS / f"{job}.log"
        was_whole = is_its_own and read_record(self.part(index)) is not None
        if not was_whole and not has_slurm():
            return CityTaskState(index, State.PENDING, False, job, (UNKNOWN,))
        reason = DAMAGED if was_whole else last_line(str(log)) or NEVER_STARTED
        detail = (reason, f"log: {log}", *out_of_date(changed))
        return CityTaskState(index, State.FAILED, False, job, detail, bool(changed))

    def summary(self) -> str:
        """Return how many tasks are in each state."""
        return summary_of(self.states())

    def status(self) -> str:
        """Return a line for each task that is not done, or of which there is something to say, and the summary."""
        tasks, states = self.read_plan().tasks, self.states()
        lines = []
        for one in states:
            if one.state is State.DONE and not one.detail:
                continue
            files = tasks[one.index].files
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            lines.append(f"{one.state.value:8} {one.job or '-':10} {one.index}: {files[0]}{more}")
            lines += [f"    {line}" for line in one.detail]
        return "\n".join([*map(readable, lines), summary_of(states)])

    def join(self) -> tuple[str, list[str]]:
        """Join the parts into a Parquet dataset, partitioned by sensor and day (UTC).

        Returns
        -------
        str
            What was written.
        list of str
            What its rows lack: files that were left out, or that have changed since.

        Raises
        ------
        DatasetError
            Tasks that are not done, a damaged part, a dataset that is there already, or one that another process is
            joining, or submitting tasks for.
        """
        self.read_plan()
        with sole_writer(self.folder):
            return self._join()

    def _join(self) -> tuple[str, list[str]]:
        states, target = self.states(), self.folder / DATASET
        if not states:
            raise DatasetError(f"{self.folder} has no tasks: see --slurm")
        if unfinished := [one for one in states if one.state is not State.DONE]:
            how_many = counted(len(unfinished), "task is", "tasks are")
            raise DatasetError(f"{how_many} not done, the first is {unfinished[0].index}: see --status")
        if target.exists():
            raise DatasetError(f"{target} is there already: remove it to join again")
        write_dataset([self.part(one.index) for one in states], target)
        how_many = counted(len(states), "part is", "parts are")
        return f"{how_many} joined: {target}", [line for one in states for line in one.detail]


def require_slurm() -> None:
    """Raise SpectralTranscoderError where jobs cannot be submitted on this machine."""
    if not has_slurm():
        raise SpectralTranscoderError("there is no SLURM on this machine: leave out --slurm to compute here")

"""A city's levels on a cluster: tasks of so many hours each in one job array, and their rows joined.

    files ──plan──▶ tasks ──job file, sbatch──▶ parts/000000.parquet, … ──join──▶ dataset/sensor=…/date=…/

Each task is a call of classify_thirdo.py, which goes on where it was stopped; a task that is stopped by its time
limit, or because its node is taken away, is requeued.
"""

import json
import os
import pprint
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet

from spectral_transcoder.experiments.engine.run_store import State
from spectral_transcoder.models.labels import DATA
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.inputs import Inputs
from spectral_transcoder.sensors.reading import SurveyedFile
from spectral_transcoder.sensors.records import read_record
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.slurm.launcher import NEVER_STARTED, WAITING, last_line
from spectral_transcoder.slurm.queue import QueuedJob, has_slurm, queued_jobs, submission, submit
from spectral_transcoder.utils.errors import (
    DatasetError,
    MissingFileError,
    SpectralTranscoderError,
    UsageError,
)
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.locks import sole_writer
from spectral_transcoder.utils.paths import PROJECT_ROOT

JOB_NAME = "classify_city"
SCRIPT = "classify_thirdo.py"
PLAN, JOB_FILE, JOBS, PARTS, DATASET = "plan.json", "job.slurm", "jobs.json", "parts", "dataset"
MARKER = "# Written by classify_thirdo.py --slurm, which replaces it."
ROWS_PER_FILE = 1 << 20


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
        What was measured of them.
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
    """Return the tasks of a file that is cut in equal spans of time, of whole minutes."""
    first, last = float("inf"), float("-inf")
    for block in file.blocks(Findings()):
        if len(block):
            first, last = min(first, float(block.epoch_s.min())), max(last, float(block.epoch_s.max()))
    n_tasks = int(-(-file.duration_s // (hours * 3600)))
    span_s = 60.0 * ((last - first) // (60 * n_tasks) + 1)
    path = str(file.path.absolute())
    starts = [first + index * span_s for index in range(n_tasks) if first + index * span_s <= last]
    share = round(file.duration_s / 3600 / len(starts), 3)
    return [CityTask((path,), (start, start + span_s), share) for start in starts]


def tasks_beside(kept: Sequence[CityTask], tasks: Sequence[CityTask]) -> list[CityTask]:
    """Return what tasks have beyond those that are kept: whole ones first, then the new files of others."""
    known = {file for task in kept for file in task.files}
    whole = [task for task in tasks if not known & set(task.files)]
    grown = [task for task in tasks if known & set(task.files) and not set(task.files) <= known]
    return whole + [
        CityTask(tuple(file for file in task.files if file not in known), None, task.hours) for task in grown
    ]


@dataclass(frozen=True)
class CityTaskState:
    """A task, and what is known of it.

    Attributes
    ----------
    index : int
        Its place in the array.
    state : State
        Pending, running, done or failed.
    queued : bool
        Whether it waits or runs.
    job : str or None
        The id of its last job.
    detail : str
        Why it waits, or the last line of its log.
    """

    index: int
    state: State
    queued: bool
    job: str | None
    detail: str


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
    array: int


class City:
    """The folder of a city: its plan, its jobs, its parts and its dataset.

    Parameters
    ----------
    folder : Path
        Where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def plan(self, tasks: Sequence[CityTask], options: Sequence[str]) -> None:
        """Keep the tasks and the options of classify_thirdo.py; files of a plan that is there keep their tasks.

        Raises
        ------
        UsageError
            There is a plan of other options, or the folder is not ours.
        """
        if self.folder.is_dir() and not self._plan_path.is_file() and any(self.folder.iterdir()):
            raise UsageError(f"{self.folder} is there already and holds no {PLAN}: choose another output")
        kept: list[CityTask] = []
        if self._plan_path.is_file():
            kept, before = self.read_plan()
            if before != list(options):
                raise UsageError(
                    f"{self.folder} was planned with {' '.join(before)}, not {' '.join(options)}: choose another output"
                )
        tasks = [*kept, *tasks_beside(kept, tasks)]
        content = {"options": list(options), "tasks": [asdict(task) for task in tasks]}
        with atomic_path(self._plan_path) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")

    @property
    def _plan_path(self) -> Path:
        return self.folder / PLAN

    def read_plan(self) -> tuple[list[CityTask], list[str]]:
        """Return the tasks and the options of the plan.

        Raises
        ------
        MissingFileError
            There is none.
        """
        if not self._plan_path.is_file():
            raise MissingFileError(f"no plan in {self.folder}: {SCRIPT} … --slurm -o {self.folder} makes it")
        content = json.loads(self._plan_path.read_text(encoding="utf-8"))
        tasks = [
            CityTask(tuple(task["files"]), task["between_s"] and tuple(task["between_s"]), task["hours"])
            for task in content["tasks"]
        ]
        return tasks, content["options"]

    def part(self, index: int) -> Path:
        """Return the output of a task."""
        return self.folder / PARTS / f"{index:06d}.parquet"

    def command(self, index: int, task: CityTask, options: Sequence[str]) -> list[str]:
        """Return the command line of classify_thirdo.py that computes a task."""
        between = [] if task.between_s is None else ["--between", *(f"{at:.3f}" for at in task.between_s)]
        return [*task.files, "-o", str(self.part(index)), *between, *options]

    def write_job_file(self, cluster: Cluster, at_a_time: int = 0) -> ArrayFile:
        """Write the job file of all tasks, and return it."""
        tasks, options = self.read_plan()
        job = {
            "script": SCRIPT,
            "commands": [self.command(index, task, options) for index, task in enumerate(tasks)],
            "modules": list(cluster.modules),
            "environment": cluster.environment,
        }
        limit = f"%{at_a_time}" if at_a_time else ""
        path = self.folder / JOB_FILE
        text = Template((DATA / "job.slurm").read_text(encoding="utf-8")).substitute(
            header=cluster.header(JOB_NAME, f"0-{len(tasks) - 1}{limit}"),
            marker=MARKER,
            what=f"Classify the levels of a city in {len(tasks)} tasks under SLURM.",
            path=path,
            job=pprint.pformat(job, width=110, sort_dicts=False),
        )
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return ArrayFile(path, at_a_time)

    def submit(self, cluster: Cluster, resubmit: bool = False, at_a_time: int = 0) -> str:
        """Submit the tasks that are new, or those that have failed; return what was done, in words.

        Raises
        ------
        SpectralTranscoderError
            There is no SLURM, or it refuses.
        """
        if not has_slurm():
            raise SpectralTranscoderError(
                "there is no SLURM on this machine: leave out --slurm to compute here"
            )
        with sole_writer(self.folder):
            wanted = State.FAILED if resubmit else State.PENDING
            chosen = [one.index for one in self.states() if one.state is wanted and not one.queued]
            if not chosen:
                return f"nothing to submit: {self.summary()}"
            file = self.write_job_file(cluster, at_a_time)
            (self.folder / "logs").mkdir(exist_ok=True)
            log = f"{str(self.folder / 'logs').replace('%', '%%')}/%A_%a.log"
            os.chdir(PROJECT_ROOT)  # the job file finds the project from where it was submitted
            job = submit(submission(file, log, None, chosen))
            jobs = self._jobs() | {str(index): f"{job}_{index}" for index in chosen}
            with atomic_path(self.folder / JOBS) as temporary:
                temporary.write_text(json.dumps(jobs, indent=1), encoding="utf-8")
        return f"submitted {job}: {len(chosen)} tasks; logs in {self.folder / 'logs'}"

    def _jobs(self) -> dict[str, str]:
        path = self.folder / JOBS
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def states(self) -> list[CityTaskState]:
        """Return each task as it is now."""
        queue = {job.job: job for job in queued_jobs()} if has_slurm() else {}
        jobs = self._jobs()
        return [self._state(index, jobs.get(str(index)), queue) for index in range(len(self.read_plan()[0]))]

    def _state(self, index: int, job: str | None, queue: dict[str, QueuedJob]) -> CityTaskState:
        queued = queue.get(job) if job else None
        if queued:
            waits = queued.state in WAITING
            detail = queued.reason if waits else ""
            return CityTaskState(index, State.PENDING if waits else State.RUNNING, True, job, detail)
        if read_record(self.part(index)) is not None and self.part(index).is_file():
            return CityTaskState(index, State.DONE, False, job, "")
        if job is None:
            return CityTaskState(index, State.PENDING, False, None, "not submitted")
        log = self.folder / "logs" / f"{job}.log"
        detail = f"{last_line(str(log)) or NEVER_STARTED}\nlog: {log}"
        return CityTaskState(index, State.FAILED, False, job, detail)

    def summary(self) -> str:
        """Return how many tasks are in each state."""
        counts = Counter(one.state for one in self.states())
        return f"{sum(counts.values())} tasks: " + ", ".join(
            f"{counts[state]} {state.value}" for state in State
        )

    def status(self) -> str:
        """Return a line for each task that is not done, and the summary."""
        tasks, _ = self.read_plan()
        lines = []
        for one in self.states():
            if one.state is State.DONE:
                continue
            files = tasks[one.index].files
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            lines.append(f"{one.state.value:8} {one.job or '-':10} {one.index}: {files[0]}{more}")
            lines += [f"    {line}" for line in one.detail.splitlines()]
        return "\n".join([*lines, self.summary()])

    def join(self) -> str:
        """Join the parts into a Parquet dataset, partitioned by sensor and day (UTC); return what was written.

        Raises
        ------
        DatasetError
            Tasks that are not done, or a dataset that is there already.
        """
        states, target = self.states(), self.folder / DATASET
        if unfinished := [one for one in states if one.state is not State.DONE]:
            raise DatasetError(
                f"{len(unfinished)} tasks are not done, the first is {unfinished[0].index}: see --status"
            )
        if target.exists():
            raise DatasetError(f"{target} is there already: remove it to join again")
        parts = [self.part(one.index) for one in states]
        schema = _dated_schema(pyarrow.parquet.read_schema(parts[0]))
        unfinished_folder = target.with_name(f".{DATASET}.unfinished")
        partitioning = pa.dataset.partitioning(
            pa.schema([("sensor", pa.string()), ("date", pa.string())]), flavor="hive"
        )
        pa.dataset.write_dataset(
            _dated_batches(parts, schema),
            unfinished_folder,
            schema=schema,
            format="parquet",
            partitioning=partitioning,
            existing_data_behavior="delete_matching",
            max_rows_per_file=ROWS_PER_FILE,
            max_partitions=1 << 16,
            preserve_order=True,
        )
        unfinished_folder.rename(target)
        return f"{len(parts)} parts are joined: {target}"


def _dated_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of parts with the day of each row."""
    return schema.append(pa.field("date", pa.string()))


def _dated_batches(parts: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give the rows of all parts with their day, some thousand at a time."""
    for part in parts:
        with pa.parquet.ParquetFile(part) as file:
            if not file.schema_arrow.equals(schema.remove(len(schema) - 1)):
                raise DatasetError(
                    f"{part} has other columns than the first part: was it made by the same plan?"
                )
            for batch in file.iter_batches():
                days = pc.utf8_slice_codeunits(batch["start_utc"], 0, len("2024-01-01"))
                yield pa.RecordBatch.from_arrays([*batch.columns, days], schema=schema)

"""Submits job files, each setting once and the reference first, and says what became of them."""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.engine.plans import STEP, Setting
from spectral_transcoder.experiments.engine.run_store import RunRecord, RunStore, State
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding.experiment import FOLDER, build_experiment
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.slurm.job_files import JobFile, in_words
from spectral_transcoder.slurm.queue import QueuedJob, has_slurm, log_pattern, queued_jobs, submission, submit
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.locks import Lock, exclusive_lock
from spectral_transcoder.utils.paths import PROJECT_ROOT
from spectral_transcoder.utils.words import counted

WAITING = {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
NEVER_STARTED = "never started: it was cancelled, or the reference job failed"
OUT_OF_DATE = "out of date: the dataset, or an earlier step, is another since"
LOG_END_BYTES = 4096


class Submission(TypedDict):
    """What is recorded of a submitted chain.

    Attributes
    ----------
    job, log : str
        The job's id, and the path of its log.
    run_before : str or None
        The computation that the chain's last step had its record from when the job was submitted.
    file : str
        The job file.
    """

    job: str
    log: str
    run_before: str | None
    file: str


@dataclass(frozen=True)
class JobChain:
    """A chain of settings, and what is known of it.

    Attributes
    ----------
    file : JobFile
        The job file that computes it.
    index : int
        Its place there, which is the task's in an array.
    selector : str
        Its settings.
    queued : QueuedJob or None
        The job that waits or runs.
    last_job : str or None
        The id of that job, or of the one that has ended.
    state : State
        Its state, from SLURM's queue and the records of its settings.
    detail : str
        Why it waits, what is being computed, or what the error was and where its log is.
    """

    file: JobFile
    index: int
    selector: str
    queued: QueuedJob | None
    last_job: str | None
    state: State
    detail: str


class Launcher:
    """The jobs of one call of slurms_create.py; relative paths begin at the project.

    Parameters
    ----------
    files : list of JobFile
        All of them, the reference first.
    """

    def __init__(self, files: list[JobFile]) -> None:
        self.files = files
        options = parse_options(__doc__, add_options, files[0].options)
        self.experiment = build_experiment(options)
        self.store = RunStore(self.experiment)
        self.folder = (options.data_path / FOLDER / "slurm").resolve()

    def launch(self, only: set[Path] | None = None, resubmit: bool = False, dry_run: bool = False) -> int:
        """Submit what is new or out of date, or what has failed, the reference first; return the exit status.

        Parameters
        ----------
        only : set of Path, optional
            Files to submit, even failed ones; by default all that are new or out of date.
        resubmit : bool
            Submit what has failed instead of what is new.
        dry_run : bool
            Print the commands instead.
        """
        wanted = states_to_submit(only, resubmit)
        lock = contextlib.nullcontext() if dry_run else self._one_at_a_time()
        with lock:
            chains = self.chains()
            to_submit = [chain for chain in chains if chain.state in wanted and chain.queued is None]
            if only:
                to_submit = [chain for chain in to_submit if chain.file.path in only]
            submitted, failure = self._submit_in_order(to_submit, *reference_of(chains), dry_run)
        print_summary(chains, submitted)
        return 1 if failure else 0

    def _submit_in_order(
        self, chains: list[JobChain], after: str | None, failure: str | None, dry_run: bool
    ) -> tuple[list[JobChain], str | None]:
        """Submit chains, the reference's first; stop where the reference has failed and is not submitted again.

        Parameters
        ----------
        chains : list of JobChain
            Those to submit.
        after, failure : str or None
            The reference job that waits or runs, and how it failed, of `reference_of`.
        dry_run : bool
            Print the commands instead.

        Returns
        -------
        submitted : list of JobChain
        failure : str or None
            How the reference failed, where it was not submitted again.
        """
        submitted = []
        for file in self.files:
            of_file = [chain for chain in chains if chain.file == file]
            if not of_file:
                continue
            if file.is_reference:
                after, failure = self._submit(file, of_file, None, dry_run), None
            elif failure:
                print(f"the reference job failed, and nothing can follow it: {failure}")
                break
            else:
                self._submit(file, of_file, after, dry_run)
            submitted += of_file
        return submitted, failure

    def status(self, only: set[Path] | None = None) -> None:
        """Print each chain of settings, or of `only` these files, with its state."""
        chains = [chain for chain in self.chains() if not only or chain.file.path in only]
        for chain in chains:
            print(f"{chain.state.value:8} {chain.last_job or '-':10} {chain.selector}")
            if chain.detail:
                print("\n".join(f"    {line}" for line in chain.detail.splitlines()))
        counts = Counter(chain.state for chain in chains)
        summary = ", ".join(f"{counts[state]} {state.value}" for state in State)
        print(f"{chains_in_words(chains)}: {summary}")

    def chains(self) -> list[JobChain]:
        """Return every `JobChain`, as it is now."""
        queue = queued_jobs() if has_slurm() else []
        record = read_record(self.folder)
        return [
            self._chain(file, index, selector, queue, record.get(selector))
            for file in self.files
            for index, selector in enumerate(file.settings)
        ]

    def _chain(
        self, file: JobFile, index: int, selector: str, queue: list[QueuedJob], recorded: Submission | None
    ) -> JobChain:
        queued = next((job for job in queue if _computes(job, file, index, recorded)), None)
        last_job = queued.job if queued else recorded["job"] if recorded else None
        state, detail = self._state(selector, queued, recorded)
        return JobChain(file, index, selector, queued, last_job, state, detail)

    def _state(
        self, selector: str, queued: QueuedJob | None, recorded: Submission | None
    ) -> tuple[State, str]:
        """Return the state of a chain, and what there is to say of it."""
        settings = select(self.experiment.plans, selector)
        states, first = self._look(settings)
        if states == {State.DONE}:
            return State.DONE, ""
        if queued and queued.state in WAITING:
            return State.PENDING, queued.reason
        if queued or State.RUNNING in first:
            return State.RUNNING, _running(*first[State.RUNNING]) if State.RUNNING in first else ""
        if State.FAILED in first:
            setting, record = first[State.FAILED]
            return State.FAILED, f"{record.error}\nlog: {self.store.log_path(setting)}"
        if recorded and self._has_succeeded(settings, recorded):
            return State.PENDING, OUT_OF_DATE
        if recorded:
            return State.FAILED, f"{last_line(recorded['log']) or NEVER_STARTED}\nlog: {recorded['log']}"
        return State.PENDING, "not submitted"

    def _look(self, settings: list[Setting]) -> tuple[set[State], dict[State, tuple[Setting, RunRecord]]]:
        """Return the states of settings, and the first setting of each state that has a record."""
        states: set[State] = set()
        first: dict[State, tuple[Setting, RunRecord]] = {}
        for setting in settings:
            state, record = self.store.look(setting)
            states.add(state)
            if record is not None:
                first.setdefault(state, (setting, record))
        return states, first

    def _has_succeeded(self, settings: list[Setting], recorded: Submission) -> bool:
        """Whether the last step has ended well since the recorded job was submitted, whatever changed later."""
        record = self.store.record(settings[-1])
        if record is None or record.state != State.DONE.value:
            return False
        return record.run != recorded.get("run_before")

    def _submit(self, file: JobFile, chains: list[JobChain], after: str | None, dry_run: bool) -> str:
        """Submit some chains of a file, and return the job's id."""
        array = file.array is not None
        pattern = log_pattern(self.folder, f"{file.name}_{'%A_%a' if array else '%j'}")
        command = submission(file, pattern, after, [chain.index for chain in chains] if array else None)
        if dry_run:
            print(in_words(command))
            return "REFERENCE"
        job = submit(command)
        record = read_record(self.folder)
        for chain in chains:
            own = f"{job}_{chain.index}" if array else job
            log = self.folder / f"{file.name}_{own}.log"
            record[chain.selector] = {
                "job": own,
                "log": str(log),
                "run_before": self._last_run(chain.selector),
                "file": str(file.path),
            }
        with atomic_path(self.folder / "jobs.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1))
        print(f"submitted {job}{f', after {after}' if after else ''}: {file.name}")
        return job

    def _last_run(self, selector: str) -> str | None:
        """Return which computation the last step of a chain has its record from, or None."""
        record = self.store.record(select(self.experiment.plans, selector)[-1])
        return record.run if record else None

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Hold the lock under which launchers submit: the next one sees in the queue what this one has submitted."""
        with exclusive_lock(self.folder / ".lock") as answer:
            if answer is Lock.NONE:
                raise SpectralTranscoderError(
                    f"{self.folder} is on a file system without locks: choose another folder with --data_path"
                )
            yield


def states_to_submit(only: set[Path] | None, resubmit: bool) -> set[State]:
    """Return the states of chains that are submitted: failed ones too where they, or their files, were asked for."""
    if resubmit:
        return {State.FAILED}
    if only:
        return {State.PENDING, State.FAILED}
    return {State.PENDING}


def print_summary(chains: list[JobChain], submitted: list[JobChain]) -> None:
    """Print how many of the chains were submitted, and the states of the others."""
    left = Counter(chain.state.value for chain in chains)
    left -= Counter(chain.state.value for chain in submitted)
    others = "".join(f", {count} {state}" for state, count in left.items())
    print(f"{chains_in_words(chains)}: {len(submitted)} submitted{others}")
    if left[State.FAILED.value]:
        print("what has failed is submitted again by launch_exp_slurms.py --resubmit")


def chains_in_words(chains: list[JobChain]) -> str:
    """Return how many chains there are."""
    return counted(len(chains), "chain of settings", "chains of settings")


def read_record(folder: Path) -> dict[str, Submission]:
    """Return the `Submission` of each chain that was submitted, by selector."""
    path = folder / "jobs.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def reference_of(chains: list[JobChain]) -> tuple[str | None, str | None]:
    """Return the id of the reference job that others wait for, and how it failed: each may be None."""
    unfinished = [chain for chain in chains if chain.file.is_reference and chain.state is not State.DONE]
    job = next((chain.queued.job for chain in unfinished if chain.queued), None)
    failure = next((chain.detail for chain in unfinished if chain.state is State.FAILED), None)
    return job, failure


def last_line(log: str) -> str:
    """Return the last line of a log in which there is something, or nothing."""
    path = Path(log)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_END_BYTES))
        lines = re.split(
            r"[\r\n]", file.read().decode(errors="replace")
        )  # a progress bar returns to its start
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _computes(job: QueuedJob, file: JobFile, index: int, recorded: Submission | None) -> bool:
    """Whether a queued job is that of a chain: recorded, or submitted from the project by hand."""
    # SLURM gives ids again: the job has to be that of the file, too
    if recorded and (job.job, job.command) == (recorded["job"], recorded.get("file", job.command)):
        return True
    by_hand = job.name == file.name and Path(job.folder).is_relative_to(PROJECT_ROOT)
    return by_hand and (file.array is None or job.job.endswith(f"_{index}"))


def _running(setting: Setting, record: RunRecord) -> str:
    return f"{getattr(setting, STEP)} since {record.started} on {record.host}"

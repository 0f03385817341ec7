"""Whether a setting is pending, running, done or failed, as records and locks on disk show.

A record is a JSON file per setting, `state/<identifier>.json`, written atomically: "running" when a step
starts, "done" or "failed" when it ends. A process that is killed leaves "running" behind, so a setting runs
only while somebody holds its chain's lock as well. One lock serves all steps of a chain: nobody trains a
model that another launcher is evaluating.
"""

import contextlib
import enum
import json
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

import spectral_transcoder
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.locks import Lock, take_lock
from spectral_transcoder.utils.versions import versions_of

LOCK_TRIES, LOCK_PAUSE_S = 5, 0.05  # somebody who lists the states holds a lock for a moment
PACKAGES = ("torch", "numpy", "doce")
HELD: set[Path] = set()  # paths of the locks that this process holds


class State(enum.Enum):
    """The state of a setting."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RunningElsewhere(Exception):
    """Another process holds the lock of the chain."""


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of what results depend on, by name."""
    return {"spectral_transcoder": spectral_transcoder.__version__} | versions_of(PACKAGES)


@dataclass(frozen=True)
class RunRecord:
    """What is known of the last computation of a setting.

    Attributes
    ----------
    plan, identifier : str
        The setting.
    provenance : dict
        What the result was made from beyond the factors: hashes of data and weights.
    previous : str or None
        `run` of the result of the step before, from which this one was computed.
    state : str
        "running", "done" or "failed".
    run : str
        A name of this computation that no other has.
    host, pid, started, versions
        Where, in which process, when and with what it was computed.
    duration_s : float or None
        How long it took, once it has ended.
    error : str or None
        The last line of the error, once it has failed.
    """

    plan: str
    identifier: str
    provenance: dict[str, Any]
    previous: str | None
    state: str = State.RUNNING.value
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=_now)
    versions: dict[str, str] = field(default_factory=versions)
    duration_s: float | None = None
    error: str | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the record that a file holds; earlier versions called its `provenance` `configuration`."""
        values = {"configuration": {}, **content}
        earlier = values.pop("configuration")
        renamed = {{"origin": "outputs"}.get(key, key): value for key, value in earlier.items()}
        return cls(**{"provenance": renamed, **values})


class RunStore:
    """The records and locks of an experiment's settings."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.folder = Path(experiment.path.state)

    def record(self, setting: Setting) -> RunRecord | None:
        """Return the record of a setting, or None where there is none that can be read."""
        try:
            return RunRecord.from_json(json.loads(self._record_path(setting).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def state(self, setting: Setting) -> State:
        """Return the `State` of a setting."""
        return self.look(setting)[0]

    def look(self, setting: Setting) -> tuple[State, RunRecord | None]:
        """Return the `State` of a setting and the record that says so: (State, RunRecord or None)."""
        record = self.record(setting)
        if record is None:
            return State.PENDING, None
        state = State(record.state)
        if state is State.RUNNING and not self._is_locked(setting):
            state = State.PENDING
        if state is State.DONE and not self._is_current(setting, record):
            state = State.PENDING
        return state, record

    def is_outdated(self, setting: Setting) -> bool:
        """Whether what a setting has written is, by its record, not its result of today."""
        state, record = self.look(setting)
        return record is not None and state is not State.DONE

    @contextlib.contextmanager
    def locked(self, setting: Setting) -> Iterator[None]:
        """Hold the lock of a setting's chain.

        Raises
        ------
        RunningElsewhere
            Another process holds it.
        SpectralTranscoderError
            The file system has no locks.
        """
        path = self._lock_path(setting)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            _lock(file, path)
            HELD.add(path)
            try:
                # NFS remembers which names exist: making one here renews that, so that the record which the
                # last holder of the lock wrote is seen.
                tempfile.TemporaryFile(dir=self.folder).close()
                yield
            finally:
                HELD.discard(path)

    def start(self, setting: Setting) -> RunRecord:
        """Write that a setting is running, which ends what was true of it before; return the record."""
        provenance = self.experiment.provenance_of(setting)
        record = RunRecord(setting.plan, setting.id(), provenance, self._previous_run(setting))
        return self._write(setting, record)

    def finish(self, setting: Setting, record: RunRecord, duration_s: float) -> None:
        """Write that a setting is done: the last thing that its computation does."""
        self._write(setting, replace(record, state=State.DONE.value, duration_s=round(duration_s, 3)))

    def fail(self, setting: Setting, record: RunRecord, duration_s: float, error: str) -> None:
        """Write that a setting has failed, with the last line of the error."""
        lines = error.strip().splitlines() or ["unknown error"]
        failed = replace(record, state=State.FAILED.value, duration_s=round(duration_s, 3), error=lines[-1])
        self._write(setting, failed)

    def log_path(self, setting: Setting) -> Path:
        """Return where what a setting's computation prints is kept."""
        return Path(self.experiment.path.log) / f"{setting.id()}.log"

    def _is_current(self, setting: Setting, record: RunRecord) -> bool:
        """Whether a done setting has today's provenance, and was computed from today's previous step.

        What is None today is not here, so that nothing can be said of it: results may be looked at elsewhere
        than where they were computed.
        """
        today = self.experiment.provenance_of(setting)
        if any(value is not None and record.provenance.get(key) != value for key, value in today.items()):
            return False
        if record.previous != self._previous_run(setting):
            return False
        previous = setting.previous()
        return record.previous is None or previous is None or self.state(previous) is State.DONE

    def _previous_run(self, setting: Setting) -> str | None:
        previous = setting.previous()
        record = previous and self.record(previous)
        return record.run if record else None

    def _is_locked(self, setting: Setting) -> bool:
        path = self._lock_path(setting)
        if path in HELD:  # opening and closing it here would let go of it
            return True
        try:
            with self.locked(setting):
                return False
        except RunningElsewhere:
            return True

    def _write(self, setting: Setting, record: RunRecord) -> RunRecord:
        with atomic_path(self._record_path(setting)) as temporary:
            temporary.write_text(json.dumps(asdict(record), indent=1))
        return record

    def _record_path(self, setting: Setting) -> Path:
        return self.folder / f"{setting.id()}.json"

    def _lock_path(self, setting: Setting) -> Path:
        return self.folder / f"{setting.chain}.lock"


def _lock(file: IO[str], path: Path) -> None:
    for _ in range(LOCK_TRIES):
        answer = take_lock(file)
        if answer is Lock.OURS:
            return
        if answer is Lock.NONE:
            raise SpectralTranscoderError(
                f"{path.parent} is on a file system without locks: choose another folder with --data_path"
            )
        time.sleep(LOCK_PAUSE_S)
    raise RunningElsewhere(str(path))

"""Several settings at a time, each in a process of its own: the script itself, asked for one setting.

A worker prints into its setting's log and ends with an `Outcome` as its status. It reads a pipe that its
launcher holds open, so that it stops when the launcher is gone, kill -9 included.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import FrameType
from typing import Any, NoReturn

import joblib

from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.engine.run_store import RunningElsewhere, RunStore, State
from spectral_transcoder.experiments.engine.runner import Outcome, Report
from spectral_transcoder.utils.errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # SIGUSR1: SLURM's, before the time limit


class Workers:
    """Computes settings in processes, several at a time; SIGTERM reaches them through this one.

    Parameters
    ----------
    experiment : Experiment
        The experiment whose settings they are.
    command : sequence of str
        Computes one setting, whose selector is appended.
    n_processes : int
        How many at a time.
    force : bool
        Compute what is done, too.
    """

    def __init__(
        self, experiment: Experiment, command: Sequence[str], n_processes: int, force: bool = False
    ) -> None:
        self.store, self.command, self.n_processes = RunStore(experiment), list(command), n_processes
        self.force = force
        self.alive: set[subprocess.Popen[bytes]] = set()
        self.stopping = False
        threads = max(1, joblib.cpu_count() // n_processes)
        self.environment = {"OMP_NUM_THREADS": str(threads), **os.environ}

    def __call__(self, settings: Sequence[Setting], report: Report) -> None:
        """Compute settings, and report each as it ends; raise Interrupted after a signal, once all ended."""
        with self._handling_signals(), ThreadPoolExecutor(self.n_processes) as pool:
            futures = {pool.submit(self._work, setting): setting for setting in settings}
            for future in as_completed(futures):
                outcome = future.result()
                if outcome is Outcome.INTERRUPTED:
                    self._stop()
                else:
                    report(futures[future], outcome)
        if self.stopping:
            raise Interrupted("stopped; the same command goes on from here")

    @contextlib.contextmanager
    def _handling_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            give_back(before, self.stopping)

    def _stop(self, *signal_arguments: object) -> None:
        """Start no more workers, and ask those that are running to stop."""
        self.stopping = True
        for process in list(self.alive):
            process.terminate()

    def _work(self, setting: Setting) -> Outcome:
        if self.stopping:
            return Outcome.INTERRUPTED
        if not self.force and self.store.state(setting) is State.DONE:  # no need to start a process
            return Outcome.UP_TO_DATE
        process = subprocess.Popen(
            [*self.command, setting.selector],
            stdin=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,  # Ctrl-C reaches it through this process, once
        )
        self.alive.add(process)
        if self.stopping:  # the signal came before the process was known
            process.terminate()
        with process:  # closes the pipe at the end
            status = process.wait()
        self.alive.discard(process)
        if status in list(Outcome):
            return Outcome(status)
        return Outcome.INTERRUPTED if self.stopping else self._died(setting, status)

    def _died(self, setting: Setting, status: int) -> Outcome:
        """Mark a setting as failed whose worker could not do so itself: killed, or ended before it began."""
        try:
            with self.store.locked(setting):
                record = self.store.start(setting)
                self.store.fail(setting, record, 0.0, f"its process ended {_in_words(status)}")
        except RunningElsewhere:
            return Outcome.RUNNING_ELSEWHERE
        return Outcome.FAILED


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted where this process computes when it is asked to stop: by SIGTERM, or by SLURM's SIGUSR1.

    So temporary files go, and locks are let go of. The processes of a training on several devices end too.
    """

    stopped = False

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal stopped
        stopped = True
        for further in before:
            signal.signal(further, signal.SIG_IGN)  # SLURM signals every process, and a launcher its workers
        raise Interrupted(f"stopped by {signal.Signals(number).name}; the same command goes on from here")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    except Interrupted:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        give_back(before, stopped)


def give_back(before: Mapping[signal.Signals, Any], stopped: bool) -> None:
    """Let the former handlers of signals take over again.

    Of a process that a signal has stopped, SIGUSR1 stays ignored: SLURM repeats it, and it would kill what is about
    to end in good order.
    """
    for number, handler in before.items():
        if not (stopped and number == signal.SIGUSR1):
            signal.signal(number, handler)


def _in_words(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    hint = ", as when memory runs out" if -status == signal.SIGKILL else ""
    return f"by {signal.Signals(-status).name}{hint}"


def stop_with_launcher() -> None:
    """Send this worker a SIGTERM when its launcher is gone, that is when its standard input ends."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()

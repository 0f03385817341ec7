"""Inside a job: compute in a process of its own, and go on in the same job after a signal.

    python3 -m spectral_transcoder.slurm.supervisor -c -p -s SELECTOR …     the main script's command line

SLURM sends SIGUSR1 before the time limit and SIGTERM when it takes the node away. Either stops the
computation, whose last epoch is on the disk; once it has ended, and not before, the job is requeued: a
requeue ends what is still running.
"""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable

from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.engine.run_store import RunStore, State
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding.experiment import build_experiment
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.slurm.cluster import PATIENCE_S
from spectral_transcoder.slurm.queue import job_fields, own_job, requeue
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import Interrupted, SpectralTranscoderError
from spectral_transcoder.utils.paths import PROJECT_ROOT

LONGEST_WAIT_S = 5
MAIN_SCRIPT = PROJECT_ROOT / "exp_train_model" / "main_doce_training.py"


def main() -> int:
    """Compute what the command line says; return its exit status, or 143 if the job goes on later."""
    options = parse_options(__doc__, add_options)
    experiment = build_experiment(options)
    settings = select(experiment.plans, options.select)
    before = progress_made(experiment, settings)
    status, signals = run_until_signal([sys.executable, str(MAIN_SCRIPT), *options.argv])
    if status == 0 or not signals:
        return status
    go_on_later(signals, made_progress=progress_made(experiment, settings) != before)
    return Interrupted.status


def run_until_signal(command: list[str]) -> tuple[int, list[signal.Signals]]:
    """Run a command, which the first SIGTERM or SIGUSR1 stops.

    Returns
    -------
    status : int
        The command's exit status.
    signals : list of signal.Signals
        Those received, in their order.
    """
    signals, process = [], None

    def stop(number: int, frame: object) -> None:
        signals.append(signal.Signals(number))
        if process is not None and len(signals) == 1:
            process.terminate()
            kill = threading.Timer(PATIENCE_S, process.kill)
            kill.daemon = True
            kill.start()

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, stop)
    process = subprocess.Popen(command)
    if signals:  # it came before the process was known
        process.terminate()
    while True:
        # not one long wait: a signal that arrives as it begins would be handled only when it ends
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(timeout=LONGEST_WAIT_S)
            break
    if status < 0 and not signals:  # of itself it can say nothing
        cli.print_error(
            f"error: ended by signal {-status} ({signal.strsignal(-status)}); where memory is short, ask for more by "
            "`sbatch: [--mem=8G]` in the cluster's settings"
        )
    return status, signals


def progress_made(experiment: Experiment, settings: Iterable[Setting]) -> list[str | int | None]:
    """Return a value that changes with every epoch and every finished setting."""
    store = RunStore(experiment)
    made: list[str | int | None] = []
    for setting in settings:
        record, state = store.record(setting), experiment.file("model", setting, "training_state")
        made.append(record.run if record and record.state == State.DONE.value else None)
        made.append(state.stat().st_mtime_ns if state.is_file() else None)
    return made


def go_on_later(signals: list[signal.Signals], made_progress: bool) -> None:
    """Requeue the job, unless it was cancelled, SLURM does so itself, or it would not get any further."""
    job, first = own_job(), signals[0]
    fields = job_fields(job)
    # SLURM's own requeue shows neither: its preemption needs no help
    preempted = fields.get("PreemptTime", "None") not in ("None", "") and (
        fields["PreemptTime"] >= fields["StartTime"]
    )
    if not preempted and fields["JobState"] != "RUNNING":
        print(f"job {job} was stopped by {first.name}; submitted again, it goes on from here")
        return
    if first is signal.SIGUSR1 and not preempted and not made_progress:
        raise SpectralTranscoderError(
            f"job {job}: nothing was finished within the time limit: give it more, by `time` in the cluster's settings"
        )
    print(f"job {job} was stopped by {first.name}: requeued, and going on later", flush=True)
    requeue(job)


if __name__ == "__main__":
    cli.run(main)

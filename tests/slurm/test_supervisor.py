"""Which signals requeue a job: the supervisor's decisions, before an scontrol that tells what it is asked."""

import signal
import subprocess
import sys
import time

import pytest

from spectral_transcoder.slurm.supervisor import go_on_later, run_until_signal
from spectral_transcoder.utils.errors import SpectralTranscoderError

STARTED = "StartTime=2026-01-02T10:00:00"
# What scontrol shows, as seen on SLURM 22.05.
RUNNING = f"JobId=7 JobState=RUNNING {STARTED} Reason=None"
ENDING = f"JobId=7 JobState=COMPLETING {STARTED} Reason=None"  # cancelled, or being requeued by SLURM itself
PREEMPTED = f"{ENDING} PreemptTime=2026-01-02T11:00:00"
PREEMPTED_BEFORE = f"{ENDING} PreemptTime=2026-01-01T11:00:00"
NEVER_PREEMPTED = f"{ENDING} PreemptTime=None"  # newer ones name it always


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Put an scontrol before the real one that shows a job, and keeps the requeues that it is asked for."""
    asked = tmp_path / "asked"
    script = tmp_path / "scontrol"

    def showing(job):
        script.write_text(f'#!/bin/sh\n[ $1 = show ] && echo "{job}" || echo "$@" >> {asked}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        return lambda: asked.read_text().split() if asked.exists() else []

    return showing


@pytest.mark.parametrize(
    "job, requeued",
    [
        (RUNNING, True),
        (ENDING, False),
        (PREEMPTED, True),
        (PREEMPTED_BEFORE, False),
        (NEVER_PREEMPTED, False),
    ],
)
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGUSR1])
def test_a_job_is_requeued_unless_it_was_cancelled(scontrol, job, requeued, first):
    asked = scontrol(job)
    go_on_later([first], made_progress=True)
    assert asked() == (["requeue", "7"] if requeued else [])


def test_a_task_of_an_array_is_requeued_alone(scontrol, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")  # the last task has the id of the whole array
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    asked = scontrol(RUNNING)
    go_on_later([signal.SIGUSR1], made_progress=True)
    assert asked() == ["requeue", "7_3"]


def test_a_slurm_that_is_busy_is_asked_again(scontrol, tmp_path, monkeypatch):
    """A thousand tasks that began together reach their time limits together."""
    monkeypatch.setattr("spectral_transcoder.slurm.queue.PAUSE_S", 0)
    asked = scontrol(RUNNING)
    script = tmp_path / "scontrol"
    every_other = f"echo >> {tmp_path}/calls; [ $(($(wc -l < {tmp_path}/calls) % 2)) = 1 ] && exit 1"
    script.write_text(script.read_text().replace("\n", f"\n{every_other}\n", 1))
    go_on_later([signal.SIGUSR1], made_progress=True)
    assert asked() == ["requeue", "7"] and len((tmp_path / "calls").read_text().splitlines()) == 4
    script.write_text("#!/bin/sh\necho Socket timed out >&2\nexit 1\n")
    with pytest.raises(SpectralTranscoderError, match="timed out"):
        go_on_later([signal.SIGUSR1], made_progress=True)


def test_a_time_limit_too_short_for_an_epoch_does_not_go_round_for_ever(scontrol):
    asked = scontrol(RUNNING)
    with pytest.raises(SpectralTranscoderError, match="`time` in the cluster"):
        go_on_later([signal.SIGUSR1], made_progress=False)
    assert asked() == []
    go_on_later([signal.SIGTERM], made_progress=False)  # a node was taken away early: nobody's fault
    assert asked() == ["requeue", "7"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_stops_the_command_and_waits_for_its_end(tmp_path, number):
    script = (
        f"trap 'sleep 0.5; touch {tmp_path}/checkpoint; exit 143' TERM\n"
        f"touch {tmp_path}/begun; while :; do sleep 0.1; done"
    )
    code = (
        "import sys; from spectral_transcoder.slurm.supervisor import run_until_signal\n"
        "status, signals = run_until_signal(sys.argv[1:]); print(status, *(number.name for number in signals))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True
    )
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    process.send_signal(signal.SIGTERM)
    message = process.communicate(timeout=30)[0].split()
    assert message[:1] == ["143"]
    assert number.name in message
    assert (tmp_path / "checkpoint").exists()


def test_a_command_that_ends_by_itself(monkeypatch):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        assert run_until_signal(["/bin/sh", "-c", "exit 3"]) == (3, [])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_command_that_is_killed_is_said_to_be(capsys):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        assert run_until_signal(["/bin/sh", "-c", "kill -KILL $$"]) == (-signal.SIGKILL, [])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "error: ended by signal 9 (Killed)" in capsys.readouterr().err

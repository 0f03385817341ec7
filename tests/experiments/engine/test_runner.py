"""Runs of the toy experiment, most of them as a user starts them: in a process, from a command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from spectral_transcoder.experiments.engine.run_store import RunStore, State
from spectral_transcoder.experiments.engine.selectors import select
from tests.helpers.toy_experiment import build

TOY = Path(__file__).resolve().parents[2] / "helpers" / "toy_experiment.py"
ROOT = TOY.parent.parent.parent
N_DEEP, N_BASE = 12, 4


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


class Toy:
    """The toy experiment in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def start(self, *argv):
        command = [sys.executable, str(TOY), *argv, "--data_path", str(self.folder)]
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command, stdout=pipe, stderr=pipe, text=True, cwd=self.folder, env=environment
        )

    def run(self, *argv, status=0):
        process = self.start(*argv)
        out, error = process.communicate()
        assert process.returncode == status, out + error
        return out + error

    def calls(self, word="end"):
        path = self.folder / "calls.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1] for line in lines if line.startswith(word)]

    def wait_for_calls(self, word, count):
        deadline = time.monotonic() + 60
        while len(self.calls(word)) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def states(self, selector="deep/"):
        last = self.run("-s", selector, "-l").splitlines()[-1]
        parts = last.partition(": ")[2].split(", ")
        return {part.split()[1]: int(part.split()[0]) for part in parts if not part.startswith("0 ")}

    def records(self):
        return [json.loads(path.read_text()) for path in (self.folder / "state").glob("*.json")]


def step_of(selector):
    return next(part for part in selector.split("+") if "step=" in part).rpartition("=")[2]


@pytest.mark.parametrize("n_processes", ["1", "3"])
def test_steps_in_order_and_once(toy, n_processes):
    out = toy.run("-c", n_processes, "-p")
    assert f"{N_DEEP + N_BASE} settings: {N_DEEP + N_BASE} computed" in out
    order = [step_of(call) for call in toy.calls()]
    assert order == sorted(order, key=("train", "evaluate", "metric").index)
    assert max(Counter(toy.calls()).values()) == 1

    out = toy.run("-c", n_processes)
    assert f"{N_DEEP + N_BASE} done before" in out
    assert len(toy.calls()) == N_DEEP + N_BASE


def test_a_marker_says_how_its_result_was_made(toy):
    toy.run("-s", "deep/size=1+rate=-3", "-c")
    record = next(m for m in toy.records() if "step=evaluate" in m["identifier"])
    assert record["state"] == "done"
    assert record["provenance"] == {"scale": 1.0}
    assert {"host", "pid", "started", "duration_s"} <= record.keys()
    assert {"torch", "doce", "spectral_transcoder"} <= record["versions"].keys()


def test_a_changed_provenance_is_computed_again(toy):
    toy.run("-s", "deep/size=1", "-c")
    assert toy.states("deep/size=1") == {"done": 6}
    out = toy.run("-s", "deep/size=1", "-c", "--scale", "2")
    assert "6 computed" in out


def test_force_computes_again_and_makes_later_steps_out_of_date(toy):
    toy.run("-s", "deep/size=1+rate=-3", "-c")
    toy.run("-s", "deep/size=1+rate=-3+step=train", "-c", "-f")
    assert Counter(map(step_of, toy.calls())) == {"train": 2, "evaluate": 1, "metric": 1}
    assert toy.states("deep/size=1+rate=-3") == {"done": 1, "pending": 2}


@pytest.mark.parametrize("n_processes", ["1", "3"])
def test_a_failure_stops_its_chain_only(toy, n_processes):
    failing = ("--fail", "rate=-3+size=2+step=train")
    out = toy.run("-s", "deep/rate=-3", "-c", n_processes, *failing, status=1)
    assert "3 computed, 1 failed, 2 not started" in out
    assert "to fail" in out
    listing = toy.run("-s", "deep/", "-l")
    assert "3 done, 1 failed" in listing
    (log,) = [line.split(": ")[1] for line in listing.splitlines() if line.strip().startswith("log: ")]
    assert "MissingFileError: it was asked" in Path(log).read_text()

    assert "3 computed, 3 done before" in toy.run("-s", "deep/rate=-3", "-c", n_processes)


def test_workers_print_into_their_logs(toy):
    out = toy.run("-s", "deep/step=train", "-c", "2")
    assert "computing" not in out
    logs = sorted((toy.folder / "log").glob("*.log"))
    assert len(logs) == 4
    assert all(f"computing {log.stem}" in log.read_text() for log in logs)


def test_a_worker_that_is_killed_fails(toy):
    out = toy.run("-s", "deep/rate=-3", "-c", "2", "--crash", "size=2+step=train", status=1)
    assert "its process ended by SIGKILL, as when memory runs out" in out
    assert toy.states("deep/rate=-3") == {"done": 3, "failed": 1, "pending": 2}


@pytest.mark.parametrize("n_processes", ["1", "3"])
def test_kill_9_then_the_same_command_completes(toy, n_processes):
    command = ("-s", "deep/", "-c", n_processes, "--sleep_s", "0.2")
    launcher = toy.start(*command)
    toy.wait_for_calls("begin", 5)
    launcher.kill()
    launcher.communicate()
    done = len(toy.calls())
    assert done < N_DEEP
    out = toy.run(*command)
    assert " computed" in out
    assert toy.states() == {"done": N_DEEP}
    assert len(toy.calls("begin")) <= N_DEEP + int(n_processes)


@pytest.mark.parametrize("n_processes", ["1", "2"])
def test_two_launchers_compute_each_setting_once(toy, n_processes):
    command = ("-s", "deep/rate=-3", "-c", n_processes, "--sleep_s", "0.2")
    launchers = [toy.start(*command) for _ in range(2)]
    outs = [launcher.communicate()[0] for launcher in launchers]
    assert [launcher.returncode for launcher in launchers] == [0, 0], outs
    assert Counter(toy.calls("begin")) == dict.fromkeys(toy.calls(), 1)
    assert toy.states("deep/rate=-3") == {"done": 6}


def test_what_runs_elsewhere_is_skipped_and_reported(toy):
    other = toy.start("-s", "deep/size=1+rate=-3", "-c", "--sleep_s", "100")
    toy.wait_for_calls("begin", 1)
    out = toy.run("-s", "deep/size=1", "-c")
    assert "running elsewhere: deep/kind=cnn+rate=-3+size=1+step=train" in out
    assert "3 computed, 1 running elsewhere, 2 not started" in out
    assert toy.states("deep/size=1") == {"done": 3, "running": 1, "pending": 2}
    other.kill()
    other.communicate()


@pytest.mark.parametrize("number, n_processes", [(signal.SIGUSR1, "1"), (signal.SIGTERM, "2")])
def test_a_signal_stops_and_the_same_command_goes_on(toy, number, n_processes):
    command = ("-s", "deep/rate=-3", "-c", n_processes)
    launcher = toy.start(*command, "--sleep_s", "120")
    toy.wait_for_calls("begin", int(n_processes))
    launcher.send_signal(number)
    launcher.send_signal(number)  # SLURM repeats itself
    out, error = launcher.communicate(timeout=60)
    assert launcher.returncode == 143, out + error
    assert not {"running", "failed"} & toy.states().keys()
    assert toy.calls() == []
    toy.run(*command)
    assert toy.states("deep/rate=-3") == {"done": 6}


@pytest.mark.parametrize("n_processes", ["1", "2"])
def test_an_interrupted_step_is_pending(toy, n_processes):
    (toy.folder / "stop").touch()
    toy.run("-s", "deep/", "-c", n_processes, status=143)
    assert toy.states() == {"pending": N_DEEP}
    assert len(toy.calls("begin")) <= int(n_processes) + 1


def test_asking_for_a_state_inside_a_step_keeps_the_lock(tmp_path):
    experiment = build(SimpleNamespace(data_path=tmp_path, scale=1.0))
    (setting,) = select(experiment.plans, "deep/size=1+rate=-3+step=train")
    with RunStore(experiment).locked(setting):
        RunStore(experiment).start(setting)
        assert RunStore(experiment).state(setting) is State.RUNNING
        listing = Toy(tmp_path).run("-s", "deep/size=1+rate=-3+step=train", "-l")
    assert "1 running" in listing


def test_wrong_names_end_with_status_2(toy):
    assert "expected one of base, deep" in toy.run("-s", "dep/", "-c", status=2)

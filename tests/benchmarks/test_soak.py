"""The soak: what it takes for a difference, and which processes it may kill."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def write_results(folder):
    folder.mkdir()
    np.save(folder / "a_metric.npy", np.arange(3.0))
    torch.save({"weights": {"w": torch.ones(2)}, "saved": "now"}, folder / "b_model")
    pd.DataFrame({"score": [0.5, 0.25]}).to_parquet(folder / "c.parquet")
    (folder / "d.csv").write_text("x\n1\n")
    (folder / "e.json").write_text(f"made in {folder}")
    return folder


def test_results_that_agree_have_no_difference(tmp_path):
    from soak import differences

    assert differences(write_results(tmp_path / "one"), write_results(tmp_path / "two")) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: np.save(f / "a_metric.npy", np.arange(3.0) + 1e-7), "differs: a_metric.npy"),
        (
            lambda f: torch.save({"weights": {"w": torch.zeros(2)}, "saved": "now"}, f / "b_model"),
            "differs: b_model",
        ),
        (lambda f: pd.DataFrame({"score": [0.5, 0.2]}).to_parquet(f / "c.parquet"), "differs: c.parquet"),
        (lambda f: (f / "d.csv").write_text("x\n2\n"), "differs: d.csv"),
        (lambda f: (f / "e.json").unlink(), "lost: e.json"),
        (lambda f: (f / "x_training_state").touch(), "left behind: x_training_state"),
    ],
)
def test_differences_are_found(tmp_path, change, expected):
    from soak import differences

    first, second = write_results(tmp_path / "one"), write_results(tmp_path / "two")
    change(second)
    assert expected in differences(first, second)


def test_only_processes_of_the_run_are_killed():
    from soak import MARK, Lane, kill_one, processes_of

    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    processes = [
        subprocess.Popen(sleep, env={**os.environ, MARK: mark}, stdout=subprocess.PIPE)
        for mark in ("mine study", "other study")
    ]
    try:
        for process in processes:
            process.stdout.readline()
        mine, other = processes
        assert processes_of("mine") == {mine.pid: "mine study"}
        lane = Lane("study", lambda folder: [])
        kill_one([lane], "mine", random.Random(0))
        assert mine.wait(10) == -signal.SIGKILL and lane.kills == 1
        kill_one([lane], "mine", random.Random(0))
        assert other.poll() is None and lane.kills == 1
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def test_shared_memory_in_use_is_not_left_behind():
    from multiprocessing.shared_memory import SharedMemory

    from soak import unused

    memory = SharedMemory(create=True, size=16)
    try:
        assert unused({memory.name, "nobody-has-this"}) == ["nobody-has-this"]
    finally:
        memory.close()
        memory.unlink()

"""Inside a job: the command that a task runs."""

import os
import sys

from spectral_transcoder.slurm import city_task_job
from tests.helpers.clones import ROOT


def test_a_task_computes_on_its_own_cores(done_city, monkeypatch):
    city, _ = done_city
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so that it is taken back whatever the task sets
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    seen = []
    monkeypatch.setattr(
        city_task_job,
        "run_until_signal",
        lambda command: (seen.extend([command, os.environ["OMP_NUM_THREADS"]]), (0, []))[1],
    )
    monkeypatch.setattr(sys, "argv", ["", str(city.folder), "1"])
    assert city_task_job.main() == 0
    command, n_threads = seen
    assert n_threads == "3" and command[1:] == [str(ROOT / "classify_thirdo.py"), *city.command(1)]

"""A city on a real cluster of one node."""

import json
import sys

import pyarrow.dataset
import pytest

from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_plan import CityPlan
from spectral_transcoder.slurm.city_tasks import CityTask
from spectral_transcoder.slurm.cluster import Cluster
from tests.helpers.clones import ROOT, slurm, wait_for_empty_queue, wait_until
from tests.helpers.made_city import OPTIONS, START_S
from tests.helpers.made_levels import epochs_s, street_levels, write_csv


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_small_city_on_a_real_cluster(cluster, levels, call_script, tmp_path, monkeypatch):
    """Tasks end, one that is stopped by a signal is requeued and goes on, and the rows are those computed here."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    city = City(tmp_path / "my\ncity's $(touch x)")
    (levels / "b.csv").rename(levels / "b\n`x`'\".csv")
    (tmp_path / "slurm.yaml").write_text(f"time: 00:20:00\nenvironment: {sys.prefix}\n")
    arguments = (
        levels,
        *OPTIONS,
        "--hours_per_task",
        0.14,
        "--cluster",
        tmp_path / "slurm.yaml",
        "-o",
        city.folder,
    )
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert not status and "3 tasks" in out, out + err
    jobs = json.loads((city.folder / "jobs.json").read_text())
    running, log = running_task(city)
    slurm("scancel", "--batch", "--signal=TERM", running.job)
    wait_for_empty_queue()
    assert "3 done" in city.status(), (
        city.status() + (city.folder / "logs" / f"{jobs['0']['job']}.log").read_text()
    )
    assert "requeued" in log.read_text()
    city.join()
    rows = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive").to_table().to_pandas()
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 960}

    city.part(1).unlink()
    assert "1 task\n" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    cancelled, _ = running_task(city)
    slurm("scancel", cancelled.job)
    wait_for_empty_queue()
    assert "1 failed" in city.status() and "2 done" in city.status()
    assert "1 task\n" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    wait_for_empty_queue()
    assert "3 done" in city.status(), city.status()

    write_csv(levels / "a.csv", street_levels(2400), epochs_s(2400, START_S), extra=[("sensor", "a")])
    assert "1 task\n" in call_script("classify_thirdo.py", "--slurm", *arguments)[1]
    renewing, _ = running_task(city)
    slurm("scancel", renewing.job)
    wait_for_empty_queue()
    assert f"failed   {renewing.job}" in city.status() and "2 done, 1 failed" in city.status()
    assert "a.csv has changed: --slurm classifies it again" in city.status()


def running_task(city):
    """Wait until a task classifies, and return its state and its log."""
    wait_until(lambda: any(one.state.value == "running" for one in city.states()))
    running = next(one for one in city.states() if one.state.value == "running")
    log = city.folder / "logs" / f"{running.job}.log"
    wait_until(lambda: log.is_file() and "classifier: " in log.read_text())
    return running, log


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_slurm_takes_the_arrays_of_a_large_city(cluster, tmp_path):
    city = City(tmp_path / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}.csv",), None, 1) for index in range(1100)]))
    said = city.submit(Cluster(gpus=0, cpus=1, sbatch=("--hold",)))
    assert said.count("submitted") == 2
    states = city.states()
    slurm("scancel", "--name=classify_city")
    assert len(states) == 1100 and all(one.queued for one in states)
    wait_for_empty_queue()
    assert "1100 failed" in city.status() and "never started: it was cancelled" in city.status()

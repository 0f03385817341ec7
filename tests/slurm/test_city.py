"""A city's tasks: planned, submitted, shown, joined, before a made SLURM; and on a real cluster of one node."""

import json
import os
import sys

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet
import pytest

from spectral_transcoder.sensors.inputs import survey_inputs
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.slurm.city import City, CityTask, plan_tasks
from spectral_transcoder.utils.errors import DatasetError, UsageError
from tests.helpers.clones import ROOT, slurm, wait_for_empty_queue, wait_until
from tests.helpers.made_levels import epochs_s, street_levels, write_csv

START_S = 1577836800.0 + 86400 - 120  # two minutes before midnight, UTC
OPTIONS = ("--offset", "-88", "--classifier", "MiniYamNet", "--transcoder", "pinv", "--scores", "classes")


@pytest.fixture
def levels(tmp_path):
    """Three sensors: two of four minutes, one of sixteen."""
    folder = tmp_path / "sensors"
    folder.mkdir()
    for name, minutes in (("a", 4), ("b", 4), ("c", 16)):
        n_frames = 480 * minutes
        write_csv(
            folder / f"{name}.csv",
            street_levels(n_frames),
            epochs_s(n_frames, START_S),
            extra=[("sensor", name)],
        )
    return folder


@pytest.fixture
def inputs(levels):
    return survey_inputs(sorted(levels.glob("*.csv")), ReadOptions())


def test_small_files_share_a_task_and_large_ones_are_cut(inputs):
    tasks = plan_tasks(inputs, 8 / 60)
    shared, *cut = sorted(tasks, key=lambda task: -len(task.files))
    assert [len(task.files) for task in tasks].count(2) == 1 and shared.between_s is None
    assert [task.between_s for task in cut] == [(START_S, START_S + 480), (START_S + 480, START_S + 960)]
    assert sum(task.hours for task in tasks) == pytest.approx(24 / 60, abs=0.01)


def test_rows_between_times_are_all_rows_once(inputs):
    whole = np.concatenate([block.epoch_s for block in inputs.blocks() if block.sensor == "c"])
    pieces = []
    for begin in (START_S, START_S + 480):
        inputs.between_s = (begin, begin + 480)
        pieces += [block.epoch_s for block in inputs.blocks() if block.sensor == "c"]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_plan_grows_but_keeps_its_tasks_and_options(tmp_path):
    city = City(tmp_path / "city")
    city.plan([CityTask(("/a", "/b"), None, 1)], ["--offset", "-88"])
    city.plan([CityTask(("/a", "/b", "/c"), None, 2), CityTask(("/d",), (0, 1), 1)], ["--offset", "-88"])
    tasks, _ = city.read_plan()
    assert [task.files for task in tasks] == [("/a", "/b"), ("/d",), ("/c",)]
    assert tasks[1].between_s == (0, 1)
    with pytest.raises(UsageError, match="planned with"):
        city.plan([], ["--offset", "-90"])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("")
    with pytest.raises(UsageError, match="holds no plan"):
        City(tmp_path / "other").plan([], [])


@pytest.fixture
def made_slurm(tmp_path, monkeypatch):
    """Commands `sbatch` and `squeue` that note how they were called, and an empty queue."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/sbatch.txt\npwd >> {tmp_path}/sbatch.txt\necho 77\n'
    )
    (folder / "squeue").write_text(f"#!/bin/sh\ncat {tmp_path}/queue.txt 2>/dev/null || true\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path


def test_tasks_are_submitted_shown_and_submitted_again(made_slurm, levels, call_script):
    city = made_slurm / "city"
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.2, "-o", city)
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert not status and "submitted 77: 3 tasks" in out, out + err
    command, folder = (made_slurm / "sbatch.txt").read_text().splitlines()
    assert "--array=0,1,2" in command and str(city / "job.slurm") in command and folder == str(ROOT)

    job = (city / "job.slurm").read_text()
    assert "#SBATCH --gres" not in job and "#SBATCH --requeue" in job and "#SBATCH --cpus-per-task=1" in job
    (made_slurm / "queue.txt").write_text(
        f"77_0|RUNNING|None|classify_city|{ROOT}\n77_1|PENDING|Priority|x|/\n"
    )
    (city / "logs" / "77_2.log").write_text("error: no memory\n")
    out = call_script("classify_thirdo.py", "--status", "-o", city)[1]
    assert "running  77_0" in out and "pending  77_1" in out and "Priority" in out
    assert "failed   77_2" in out and "error: no memory" in out
    assert "3 tasks:" in out and "1 failed" in out

    assert "nothing to submit" in call_script("classify_thirdo.py", "--slurm", *arguments)[1]
    assert "1 tasks" in call_script("classify_thirdo.py", "--resubmit", "-o", city)[1]
    assert "--array=2 " in (made_slurm / "sbatch.txt").read_text().splitlines()[2]
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city)
    assert status == 1 and "3 tasks are not done" in err


def test_wrong_usage_is_reported(made_slurm, levels, call_script):
    for arguments, words in (
        ((levels, "--slurm"), "--output"),
        ((levels, "--slurm", "--estimate_offset", "-o", made_slurm / "city"), "--offset"),
        ((levels, "--slurm", "--hours_per_task", "0", "-o", made_slurm / "city"), "more than 0"),
        (
            (levels, "--slurm", "--cluster", made_slurm / "none.yaml", "-o", made_slurm / "city"),
            "no settings",
        ),
        (("-o", made_slurm / "x.csv"), "which files"),
    ):
        status, _, err = call_script("classify_thirdo.py", *arguments)
        assert status == 2 and words in err, err


def run_tasks(city, call_script):
    """Compute all tasks here, as the job would."""
    tasks, options = city.read_plan()
    for index, task in enumerate(tasks):
        status, out, err = call_script("classify_thirdo.py", *city.command(index, task, options))
        assert not status, out + err


def test_parts_are_joined_by_sensor_and_day(made_slurm, levels, call_script):
    city = City(made_slurm / "city")
    call_script(
        "classify_thirdo.py", "--slurm", levels, *OPTIONS, "--hours_per_task", 0.14, "-o", city.folder
    )
    run_tasks(city, call_script)
    assert "3 done" in city.status()  # a and b together, c cut in two
    assert "joined" in call_script("classify_thirdo.py", "--join", "-o", city.folder)[1]

    dataset = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive")
    rows = dataset.to_table().to_pandas().sort_values(["sensor", "epoch_s"])
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 960}
    assert (np.diff(rows[rows["sensor"] == "c"]["epoch_s"]) == 1).all()
    assert set(rows["date"].astype(str)) == {"2020-01-01", "2020-01-02"}
    assert (rows["start_utc"].str[:10] == rows["date"].astype(str)).all()
    alone = made_slurm / "c.csv"
    call_script("classify_thirdo.py", levels / "c.csv", *OPTIONS, "-o", alone)
    expected = pd.read_csv(alone)["birds_score"]
    np.testing.assert_allclose(rows[rows["sensor"] == "c"]["birds_score"], expected, atol=1e-6)
    with pytest.raises(DatasetError, match="already"):
        city.join()

    status, out, err = call_script(
        "plot_presence.py", city.folder / "dataset", "--output", made_slurm / "year"
    )
    assert not status and "c: 0 days, 960 rows" in out, out + err


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_small_city_on_a_real_cluster(cluster, levels, call_script, tmp_path, monkeypatch):
    """Tasks end, one that is stopped by a signal is requeued and goes on, and the rows are those computed here."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    city = City(tmp_path / "city")
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
    wait_until(lambda: any(one.state.value == "running" for one in city.states()))
    running = next(one for one in city.states() if one.state.value == "running")
    log = city.folder / "logs" / f"{running.job}.log"
    wait_until(lambda: log.is_file() and "classifier: " in log.read_text())
    slurm("scancel", "--batch", "--signal=TERM", running.job)
    wait_for_empty_queue()
    assert "3 done" in city.status(), city.status() + (city.folder / "logs" / f"{jobs['0']}.log").read_text()
    assert "requeued" in log.read_text()
    city.join()
    rows = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive").to_table().to_pandas()
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 960}

"""A city's tasks: planned, submitted, shown, joined, before a made SLURM; and on a real cluster of one node."""

import json
import os
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from spectral_transcoder.sensors.inputs import survey_inputs
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import survey_file
from spectral_transcoder.slurm.city import City, CityPlan
from spectral_transcoder.slurm.city_dataset import write_dataset
from spectral_transcoder.slurm.city_tasks import CityTask, plan_tasks
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError, UsageError
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
    (begin, middle), (other_middle, end) = [task.between_s for task in cut]
    assert middle == other_middle == START_S + 480  # rows that are added later are some task's, too
    assert begin < START_S and end > START_S + 1e9
    assert sum(task.hours for task in tasks) == pytest.approx(24 / 60, abs=0.01)


def test_no_task_of_a_cut_file_is_without_rows(tmp_path):
    """Three minutes, nothing for a month, and three minutes more."""
    n_frames = 480 * 6
    epochs = epochs_s(n_frames, START_S)
    epochs[n_frames // 2 :] += 30 * 86400
    path = write_csv(tmp_path / "gap.csv", street_levels(n_frames), epochs)
    inputs = survey_inputs([path], ReadOptions())
    tasks = plan_tasks(inputs, 2 / 60)
    assert len(tasks) == 3
    n_rows = []
    for task in tasks:
        inputs.between_s = task.between_s
        n_rows.append(sum(len(block) for block in inputs.blocks()))
    assert n_rows == [n_frames // 3] * 3


def test_rows_between_times_are_all_rows_once(inputs):
    whole = np.concatenate([block.epoch_s for block in inputs.blocks() if block.sensor == "c"])
    pieces = []
    for begin in (START_S, START_S + 480):
        inputs.between_s = (begin, begin + 480)
        pieces += [block.epoch_s for block in inputs.blocks() if block.sensor == "c"]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_plan_grows_but_keeps_its_tasks_and_options(tmp_path):
    city = City(tmp_path / "city")
    options = ["--offset", "-88"]
    city.plan(CityPlan(options, [CityTask(("/a", "/b"), None, 1)]))
    city.plan(CityPlan(options, [CityTask(("/a", "/b", "/c"), None, 2), CityTask(("/d",), (0, 1), 1)]))
    tasks = city.read_plan().tasks
    assert [task.files for task in tasks] == [("/a", "/b"), ("/d",), ("/c",)]
    assert tasks[1].between_s == (0, 1)
    with pytest.raises(UsageError, match="planned with"):
        city.plan(CityPlan(["--offset", "-90"], []))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("")
    with pytest.raises(UsageError, match="holds no plan"):
        City(tmp_path / "other").plan(CityPlan([], []))


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
    assert "--array=0,1,2" in command and str(city / "job_000000.slurm") in command and folder == str(ROOT)

    job = (city / "job_000000.slurm").read_text()
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
        ((levels, "--slurm", "--per", "hour", "-o", made_slurm / "city"), "plot_presence.py"),
        (("-o", made_slurm / "x.csv"), "which files"),
    ):
        status, _, err = call_script("classify_thirdo.py", *arguments)
        assert status == 2 and words in err, err


def run_tasks(city, call_script, status=0):
    """Compute all tasks here, as the job would."""
    for index in range(len(city.read_plan().tasks)):
        found, out, err = call_script("classify_thirdo.py", *city.command(index))
        assert (found or 0) == status, out + err


@pytest.fixture
def done_city(made_slurm, levels, call_script):
    """A city of two tasks that are done: (the city, the arguments that planned it)."""
    city = City(made_slurm / "city")
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.3, "-o", city.folder)
    assert not call_script("classify_thirdo.py", "--slurm", *arguments)[0]
    run_tasks(city, call_script)
    assert "2 done" in city.status()
    return city, arguments


def submissions(folder):
    """Return what was asked of sbatch, first to last."""
    return [line for line in (folder / "sbatch.txt").read_text().splitlines() if "--parsable" in line]


@pytest.mark.parametrize("harm", ["cut", "deleted"])
def test_a_part_that_is_cut_or_deleted_is_computed_again(done_city, made_slurm, call_script, harm):
    city, _ = done_city
    part = city.part(1)
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2]) if harm == "cut" else part.unlink()
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "failed   77_1" in out and "its output is damaged, or gone" in out
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert status == 1 and "1 tasks are not done, the first is 1" in err
    call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)
    assert "--array=1 " in submissions(made_slurm)[-1]
    run_tasks(city, call_script)
    assert "2 done" in city.status() and part.stat().st_size == len(whole)
    assert call_script("classify_thirdo.py", "--join", "-o", city.folder)[0] == 0


def test_a_part_with_wrong_bytes_is_named_when_it_is_joined(done_city, call_script):
    city, _ = done_city
    content = bytearray(city.part(1).read_bytes())
    content[100:4000] = bytes(3900)
    city.part(1).write_bytes(content)
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert status == 1 and f"{city.part(1)} is damaged" in err and "Traceback" not in err
    assert not (city.folder / "dataset").exists()
    (city.folder / ".dataset.unfinished" / "sensor=x").mkdir(parents=True, exist_ok=True)  # as a killed run
    city.part(1).unlink()
    run_tasks(city, call_script)
    assert not call_script("classify_thirdo.py", "--join", "-o", city.folder)[0]
    assert not (city.folder / "dataset" / "sensor=x").exists()


def test_a_file_that_has_grown_is_classified_again(done_city, made_slurm, levels, call_script):
    city, arguments = done_city
    write_csv(levels / "c.csv", street_levels(480 * 17), epochs_s(480 * 17, START_S), extra=[("sensor", "c")])
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "out of date, since" in out and "2 done, 0 failed, 1 of them out of date" in out
    assert "nothing to submit" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    assert "1 tasks" in call_script("classify_thirdo.py", "--slurm", *arguments)[1]
    (index,) = (i for i, task in enumerate(city.read_plan().tasks) if task.files[0].endswith("c.csv"))
    assert f"--array={index} " in submissions(made_slurm)[-1]
    run_tasks(city, call_script)
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert not status and not err
    rows = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive").to_table().to_pandas()
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 1020}


def test_a_stopped_task_of_a_file_that_has_grown_begins_anew(done_city, levels, call_script):
    city, _ = done_city
    (index,) = (i for i, task in enumerate(city.read_plan().tasks) if task.files[0].endswith("c.csv"))
    parts = city.part(index).with_name(f"{city.part(index).name}.parts")
    parts.mkdir()
    files = [[str(levels / "c.csv"), 1, 1]]
    (parts / "record.json").write_text(json.dumps({"files": files}))
    (parts / "000000.arrow").write_bytes(b"of another file")
    city.part(index).unlink()
    call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)
    run_tasks(city, call_script)
    assert "2 done" in city.status()


def test_a_copy_of_a_planned_file_is_left_out(done_city, levels, call_script):
    """Though its name comes first: the plan has the other already."""
    city, arguments = done_city
    shutil.copy(levels / "c.csv", levels / "c (1).csv")
    n_tasks = len(city.read_plan().tasks)
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert status == 1 and "c (1).csv holds the same as" in err and "nothing to submit" in out
    assert len(city.read_plan().tasks) == n_tasks


def test_what_tasks_leave_out_is_named(made_slurm, levels, call_script):
    """A file is damaged after it was planned: the others of its task are classified, and joined with status 1."""
    city = City(made_slurm / "city")
    arguments = (levels / "a.csv", levels / "b.csv", *OPTIONS, "-o", city.folder)
    call_script("classify_thirdo.py", "--slurm", *arguments)
    (levels / "b.csv").write_text("no levels")
    run_tasks(city, call_script, status=1)
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "left out: " in out and "1 done, 0 failed, 1 of them without files that cannot be used" in out
    status, out, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert status == 1 and "1 parts are joined" in out and "b.csv" in err


def test_more_tasks_than_an_array_takes_are_several_arrays(made_slurm, call_script):
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(2500)]))
    (made_slurm / "slurm.yaml").write_text("account: abc\n")
    out = call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    assert "nothing to submit" in out
    from spectral_transcoder.slurm.city_cli import cluster_of

    said = city.submit(cluster_of(made_slurm / "slurm.yaml"))
    assert [line.partition(": ")[2] for line in said.splitlines()[:3]] == [
        "1001 tasks",
        "1001 tasks",
        "498 tasks",
    ]
    for line, first, n_tasks in zip(submissions(made_slurm), (0, 1001, 2002), (1001, 1001, 498), strict=True):
        path = city.folder / f"job_{first:06d}.slurm"
        assert str(path) in line and f",{n_tasks - 1} " in line
        assert f"--array=0-{n_tasks - 1}" in path.read_text() and f"'first': {first}" in path.read_text()
    jobs = json.loads((city.folder / "jobs.json").read_text())
    assert (jobs["0"], jobs["1001"], jobs["2499"]) == ("77_0", "77_0", "77_497")


def test_arrays_that_slurm_refuses_are_submitted_later(made_slurm):
    """Where a user may have so many jobs in the queue and no more, those that were taken are not submitted twice."""
    sbatch = made_slurm / "bin" / "sbatch"
    takes = sbatch.read_text()
    sbatch.write_text(
        takes.replace("\n", '\ncase "$*" in *job_001001*) echo "too many jobs" >&2; exit 1;; esac\n', 1)
    )
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(1100)]))
    with pytest.raises(SpectralTranscoderError, match="too many jobs"):
        city.submit(Cluster())
    queue = "".join(f"77_{index}|PENDING|Priority|x|/\n" for index in range(1001))
    (made_slurm / "queue.txt").write_text(queue)
    sbatch.write_text(takes)
    assert city.submit(Cluster()).startswith("submitted 77: 99 tasks\n")


def test_the_settings_of_the_cluster_are_remembered(made_slurm, levels, call_script, monkeypatch):
    city = City(made_slurm / "city")
    (made_slurm / "mine.yaml").write_text("account: abc@cpu\n")
    monkeypatch.chdir(made_slurm)
    call_script(
        "classify_thirdo.py", "--slurm", levels, *OPTIONS, "--cluster", "mine.yaml", "-o", city.folder
    )
    (city.folder / "job_000000.slurm").unlink()
    monkeypatch.chdir("/")
    assert "submitted" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    assert "--account=abc@cpu" in (city.folder / "job_000000.slurm").read_text()
    (made_slurm / "mine.yaml").unlink()
    status, _, err = call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)
    assert status == 2 and "no settings of a cluster" in err


@pytest.mark.parametrize("name", ["my city", "50% of it", "a\\xy", "caf\udce9", "it's", "$HOME"])
def test_a_folder_of_any_name(made_slurm, levels, call_script, name):
    city = City(made_slurm / name)
    status, out, err = call_script("classify_thirdo.py", "--slurm", levels, *OPTIONS, "-o", city.folder)
    assert not status and "submitted 77" in out, out + err
    compile((city.folder / "job_000000.slurm").read_text(), "job", "exec")
    run_tasks(city, call_script)
    assert "done" in call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert not call_script("classify_thirdo.py", "--join", "-o", city.folder)[0]


def test_files_that_do_not_name_their_sensor(made_slurm, tmp_path, call_script):
    """CENSE's own csv: in a folder for each sensor, the folders' names are the sensors'."""
    for seed, name in enumerate(("007", "b")):
        (tmp_path / "sensors" / name).mkdir(parents=True)
        for day in (0, 1):
            epochs = epochs_s(480, START_S + 86400 * day)
            write_csv(tmp_path / "sensors" / name / f"{day}.csv", street_levels(480, 2 * seed + day), epochs)
    city = City(tmp_path / "city")
    arguments = (tmp_path / "sensors", *OPTIONS, "-o", city.folder)
    status, _, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert status == 2 and "files in 2 folders do not name their sensor" in err
    assert not city.folder.exists()
    one = City(tmp_path / "one by one")
    arguments_of_one = (*OPTIONS, "-o", one.folder)
    assert not call_script("classify_thirdo.py", "--slurm", tmp_path / "sensors/b", *arguments_of_one)[0]
    status, _, err = call_script("classify_thirdo.py", "--slurm", tmp_path / "sensors/007", *arguments_of_one)
    assert status == 2 and "files in 2 folders do not name their sensor" in err
    assert not call_script("classify_thirdo.py", "--slurm", *arguments, "--sensor_from", "folder")[0]
    run_tasks(city, call_script)
    call_script("classify_thirdo.py", "--join", "-o", city.folder)
    folders = {path.name for path in (city.folder / "dataset").iterdir()}
    assert folders == {"sensor=007", "sensor=b"}
    _, out, err = call_script("plot_presence.py", city.folder / "dataset", "--output", tmp_path / "year")
    assert "007: " in out, out + err


def test_files_of_the_plan_are_not_read_again(done_city, levels, call_script, monkeypatch):
    """A city of years grows day by day; a file that cannot be used is looked at again, as it may have been mended."""
    _, arguments = done_city
    read = []
    monkeypatch.setattr(
        "spectral_transcoder.sensors.inputs.survey_file",
        lambda path, options: (read.append(path.name), survey_file(path, options))[1],
    )
    (levels / "bad.csv").write_text("epoch,20\n1,2\n")
    for _ in range(2):
        status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
        assert status == 1 and "nothing to submit" in out and "left out: " in err
    assert read == ["bad.csv", "bad.csv"]


@pytest.mark.shared
def test_files_of_both_resolutions_are_refused(made_slurm, shared, call_script):
    status, _, err = call_script(
        "classify_thirdo.py", "--slurm", shared / "sensors", "-o", made_slurm / "city"
    )
    assert status == 1 and "classify them apart" in err and not (made_slurm / "city").exists()


def test_days_of_many_sensors_are_joined_with_few_open_files(tmp_path):
    """More partitions than files that a process may have open."""
    n_days, n_sensors = 60, 5
    parts = []
    for sensor in range(n_sensors):
        days = [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T00:00:00.000Z" for day in range(n_days)]
        parts.append(tmp_path / f"{sensor}.parquet")
        table = pa.table({"sensor": [f"s{sensor}"] * n_days, "start_utc": days, "epoch_s": range(n_days)})
        pyarrow.parquet.write_table(table, parts[-1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 280, hard))
    try:
        write_dataset(parts, tmp_path / "dataset")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = pyarrow.dataset.dataset(tmp_path / "dataset", partitioning="hive").count_rows()
    assert found == n_days * n_sensors


def test_a_task_computes_on_its_own_cores(done_city, monkeypatch):
    from spectral_transcoder.slurm import city_task_job

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


def test_a_damaged_plan_is_named(tmp_path, call_script):
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "plan.json").write_text('{"options": [')
    status, _, err = call_script("classify_thirdo.py", "--status", "-o", tmp_path / "city")
    assert status == 1 and "plan.json is damaged" in err


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
    city = City(tmp_path / "my city")
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
    assert "3 done" in city.status(), city.status() + (city.folder / "logs" / f"{jobs['0']}.log").read_text()
    assert "requeued" in log.read_text()
    city.join()
    rows = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive").to_table().to_pandas()
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 960}

    city.part(1).unlink()
    assert "1 tasks" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    cancelled, _ = running_task(city)
    slurm("scancel", cancelled.job)
    wait_for_empty_queue()
    assert "1 failed" in city.status() and "2 done" in city.status()
    assert "1 tasks" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    wait_for_empty_queue()
    assert "3 done" in city.status(), city.status()


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

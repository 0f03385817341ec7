"""A city's tasks are submitted, shown and submitted again, before a made SLURM."""

import json
import os

import pytest

from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_cli import cluster_of
from spectral_transcoder.slurm.city_plan import CityPlan
from spectral_transcoder.slurm.city_tasks import CityTask
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.slurm.queue import queued_jobs
from spectral_transcoder.utils.errors import SpectralTranscoderError
from tests.helpers.clones import ROOT
from tests.helpers.made_city import OPTIONS, run_tasks, submissions, write_queue


def test_tasks_are_submitted_shown_and_submitted_again(made_slurm, levels, call_script):
    city = made_slurm / "city"
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.2, "-o", city)
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert not status and "submitted 77: 3 tasks" in out, out + err
    command, folder = (made_slurm / "sbatch.txt").read_text().splitlines()
    assert "--array=0,1,2" in command and str(city / "job_000000.slurm") in command and folder == str(ROOT)

    job = (city / "job_000000.slurm").read_text()
    assert "#SBATCH --gres" not in job and "#SBATCH --requeue" in job and "#SBATCH --cpus-per-task=1" in job
    file = city / "job_000000.slurm"
    write_queue(made_slurm, ("77_0", "RUNNING", "None", file), ("77_1", "PENDING", "Priority", file))
    (city / "logs" / "77_2.log").write_text("error: no memory\n")
    out = call_script("classify_thirdo.py", "--status", "-o", city)[1]
    assert "running  77_0" in out and "pending  77_1" in out and "Priority" in out
    assert "failed   77_2" in out and "error: no memory" in out
    assert "3 tasks:" in out and "1 failed" in out

    assert "nothing to submit" in call_script("classify_thirdo.py", "--slurm", *arguments)[1]
    assert "1 task\n" in call_script("classify_thirdo.py", "--resubmit", "-o", city)[1]
    assert "--array=2 " in (made_slurm / "sbatch.txt").read_text().splitlines()[2]
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city)
    assert status == 1 and "3 tasks are not done" in err


def test_more_tasks_than_an_array_takes_are_several_arrays(made_slurm, call_script):
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(2500)]))
    (made_slurm / "slurm.yaml").write_text("account: abc\n")
    out = call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    assert "nothing to submit" in out
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
    assert [jobs[index]["job"] for index in ("0", "1001", "2499")] == ["77_0", "77_0", "77_497"]


def test_a_cluster_of_smaller_arrays(made_slurm):
    (made_slurm / "settings.txt").write_text("MailProg = /bin/true\nMaxArraySize            = 40\n")
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(100)]))
    said = city.submit(Cluster())
    assert [line.partition(": ")[2] for line in said.splitlines()[:3]] == ["40 tasks", "40 tasks", "20 tasks"]
    write_queue(made_slurm, ("78_5", "RUNNING", "None", city.folder / "job_000040.slurm"))
    assert [one.index for one in city.states() if one.queued] == [45]


def test_arrays_that_slurm_refuses_are_submitted_later(made_slurm):
    """Where a user may have so many jobs in the queue and no more, those that were taken are not submitted twice."""
    sbatch = made_slurm / "bin" / "sbatch"
    takes = sbatch.read_text()
    sbatch.write_text(
        takes.replace("\n", '\ncase "$*" in *job_001001*) echo "too many jobs" >&2; exit 1;; esac\n', 1)
    )
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(1100)]))
    with pytest.raises(SpectralTranscoderError, match=r"^submitted 77: 1001 tasks; too many jobs"):
        city.submit(Cluster())
    file = city.folder / "job_000000.slurm"
    write_queue(made_slurm, *((f"77_{index}", "PENDING", "Priority", file) for index in range(1001)))
    sbatch.write_text(takes)
    assert city.submit(Cluster()).startswith("submitted 77: 99 tasks\n")


@pytest.mark.parametrize("name", ["my city", "50% of it", "two\nlines", "caf\udce9", "it's", "$HOME"])
def test_a_folder_of_any_name(made_slurm, levels, call_script, name):
    city = City(made_slurm / name)
    status, out, err = call_script("classify_thirdo.py", "--slurm", levels, *OPTIONS, "-o", city.folder)
    assert not status and "submitted 77" in out, out + err
    compile((city.folder / "job_000000.slurm").read_text(), "job", "exec")
    run_tasks(city, call_script)
    assert "done" in call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert not call_script("classify_thirdo.py", "--join", "-o", city.folder)[0]


def test_a_folder_to_which_slurm_writes_no_log_is_refused(made_slurm, levels, call_script):
    """Behind a backslash it fills in no pattern: all tasks would have one log, called %A_%a.log."""
    city = made_slurm / "a\\xy"
    status, _, err = call_script("classify_thirdo.py", "--slurm", levels, *OPTIONS, "-o", city)
    assert status == 2 and "backslash" in err and not city.exists()


def test_files_whose_names_a_shell_or_a_list_would_break(made_slurm, levels, call_script):
    """Each is one word of one task, and one line of what is said of it."""
    names = ("-o\n$(touch x).csv", "`touch x` 'a\" #.csv", "b\r\x1b[2J\u2028.csv")
    for name, path in zip(names, sorted(levels.glob("*.csv")), strict=True):
        path.rename(levels / name)
    city = City(made_slurm / "city")
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.3, "--timezone=-05:00", "-o", city.folder)
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert not status and "submitted 77: 2 tasks" in out, out + err
    assert {file for task in city.read_plan().tasks for file in task.files} == {
        str(levels / name) for name in names
    }
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert len(out.splitlines()) == 3 * 2 + 1 and "\\n$(touch x).csv" in out and "\x1b" not in out
    run_tasks(city, call_script)
    assert "2 done" in city.status() and not (made_slurm / "x").exists()


def test_jobs_are_known_by_their_file_whatever_their_ids(made_slurm):
    """SLURM gives ids again, and may take jobs though sbatch fails to say so; other users' names say nothing."""
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask((f"/{index}",), None, 1) for index in range(3)]))
    city.submit(Cluster())
    (made_slurm / "linked").symlink_to(city.folder)
    write_queue(
        made_slurm,
        ("77_0", "RUNNING", "None", "/other/city/job_000000.slurm"),
        ("77_1", "RUNNING", "None", "/home/me/train.sh"),
        ("90_2", "PENDING", "Priority", made_slurm / "linked" / "job_000000.slurm"),
    )
    assert [(one.state.value, one.job) for one in city.states()] == [
        ("failed", "77_0"),
        ("failed", "77_1"),
        ("pending", "90_2"),
    ]


def test_the_queue_is_that_of_the_process_and_not_of_a_name(made_slurm, monkeypatch):
    """LOGNAME stays that of another user where `su` or a container leaves it, and squeue shows no jobs for it."""
    squeue = made_slurm / "bin" / "squeue"
    squeue.write_text(f'#!/bin/sh\necho "$@" >> {made_slurm}/squeue.txt\n')
    monkeypatch.setenv("LOGNAME", "nobody")
    assert queued_jobs() == []
    assert f"--user={os.getuid()} " in (made_slurm / "squeue.txt").read_text()


def test_sbatch_that_says_more_than_the_id(made_slurm):
    """Some clusters greet on every call."""
    sbatch = made_slurm / "bin" / "sbatch"
    sbatch.write_text(sbatch.read_text().replace("echo 77", 'echo "Welcome"; echo "77;cluster"'))
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask(("/a",), None, 1)]))
    assert city.submit(Cluster()).startswith("submitted 77: 1 task\n")


def test_nothing_has_failed_where_there_is_no_slurm_to_ask(made_slurm, monkeypatch):
    city = City(made_slurm / "city")
    city.plan(CityPlan([], [CityTask(("/a",), None, 1), CityTask(("/b",), None, 1)]))
    city.submit(Cluster())
    assert "2 failed" in city.status()
    monkeypatch.setenv("PATH", str(made_slurm / "none"))
    assert "2 pending, 0 running, 0 done, 0 failed" in city.status()
    assert city.status().count("no SLURM on this machine") == 2

"""What is known of a city's tasks when files are damaged, deleted, changed or left out."""

import json

import pyarrow.dataset
import pytest

from spectral_transcoder.slurm.city import City
from tests.helpers.made_city import OPTIONS, START_S, run_tasks, submissions
from tests.helpers.made_levels import epochs_s, street_levels, write_csv


@pytest.mark.parametrize("harm", ["cut", "deleted"])
def test_a_part_that_is_cut_or_deleted_is_computed_again(done_city, made_slurm, call_script, harm):
    city, _ = done_city
    part = city.part(1)
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2]) if harm == "cut" else part.unlink()
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "failed   77_1" in out and "its output is damaged, or gone" in out
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert status == 1 and "1 task is not done, the first is 1" in err
    call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)
    assert "--array=1 " in submissions(made_slurm)[-1]
    run_tasks(city, call_script)
    assert "2 done" in city.status() and part.stat().st_size == len(whole)
    assert call_script("classify_thirdo.py", "--join", "-o", city.folder)[0] == 0


def test_a_file_that_has_grown_is_classified_again(done_city, made_slurm, levels, call_script):
    city, arguments = done_city
    write_csv(levels / "c.csv", street_levels(480 * 17), epochs_s(480 * 17, START_S), extra=[("sensor", "c")])
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "out of date, since" in out and "2 done, 0 failed, 1 of them out of date" in out
    assert "nothing to submit" in call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)[1]
    assert "1 task\n" in call_script("classify_thirdo.py", "--slurm", *arguments)[1]
    (index,) = (i for i, task in enumerate(city.read_plan().tasks) if task.files[0].endswith("c.csv"))
    assert f"--array={index} " in submissions(made_slurm)[-1]
    run_tasks(city, call_script)
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert not status and not err
    rows = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive").to_table().to_pandas()
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 1020}


def test_a_new_job_that_fails_has_failed(done_city, made_slurm, levels, call_script):
    """Though the rows of the job before are still there: of a file that has changed, and of an output that is gone."""
    city, arguments = done_city
    (changed,) = (i for i, task in enumerate(city.read_plan().tasks) if task.files[0].endswith("c.csv"))
    write_csv(levels / "c.csv", street_levels(480 * 17), epochs_s(480 * 17, START_S), extra=[("sensor", "c")])
    city.part(1 - changed).unlink()
    for option in ("--slurm", "--resubmit"):
        call_script("classify_thirdo.py", option, *(arguments if option == "--slurm" else arguments[-2:]))
    for index in (0, 1):
        (city.folder / "logs" / f"77_{index}.log").write_text("error: no memory\n")
    out = call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert "failed   77_0" in out and "failed   77_1" in out and out.count("    error: no memory\n") == 2
    assert f"out of date, since {levels / 'c.csv'} has changed: --slurm classifies it again" in out
    assert "0 done, 2 failed, 1 of them out of date" in out and "damaged" not in out
    call_script("classify_thirdo.py", "--slurm", *arguments)
    call_script("classify_thirdo.py", "--resubmit", "-o", city.folder)
    changed_alone, both = submissions(made_slurm)[-2:]
    assert f"--array={changed} " in changed_alone and "--array=0,1 " in both
    run_tasks(city, call_script)
    assert "2 done, 0 failed" in city.status() and "of them" not in city.status()
    write_csv(levels / "c.csv", street_levels(480 * 18), epochs_s(480 * 18, START_S), extra=[("sensor", "c")])
    assert "2 done, 0 failed, 1 of them out of date" in city.status()  # its job has ended well before that


def test_ids_alone_of_a_version_that_kept_no_more(done_city):
    city, _ = done_city
    jobs = json.loads((city.folder / "jobs.json").read_text())
    (city.folder / "jobs.json").write_text(json.dumps({index: kept["job"] for index, kept in jobs.items()}))
    city.part(0).unlink()
    assert "failed   77_0" in city.status() and "1 done" in city.status()


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
    assert status == 1 and "1 part is joined" in out and "b.csv" in err

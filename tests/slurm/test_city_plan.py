"""The plan of a city: it grows, keeps its tasks, and does not take a file twice."""

import shutil

import pytest

from spectral_transcoder.sensors.reading import survey_file
from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_plan import CityPlan
from spectral_transcoder.slurm.city_tasks import CityTask
from spectral_transcoder.utils.errors import UsageError


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
    with pytest.raises(UsageError, match="planned with --offset -88, not no options"):
        city.plan(CityPlan([], []))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("")
    with pytest.raises(UsageError, match="holds no plan"):
        City(tmp_path / "other").plan(CityPlan([], []))


def test_a_damaged_plan_is_named(tmp_path, call_script):
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "plan.json").write_text('{"options": [')
    status, _, err = call_script("classify_thirdo.py", "--status", "-o", tmp_path / "city")
    assert status == 1 and "plan.json is damaged" in err


def test_a_copy_of_a_planned_file_is_left_out(done_city, levels, call_script):
    """Though its name comes first: the plan has the other already."""
    city, arguments = done_city
    shutil.copy(levels / "c.csv", levels / "c (1).csv")
    n_tasks = len(city.read_plan().tasks)
    status, out, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert status == 1 and "c (1).csv holds the same as" in err and "nothing to submit" in out
    assert len(city.read_plan().tasks) == n_tasks


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

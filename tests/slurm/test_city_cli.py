"""The command line of a city: wrong usage, files that cannot be told apart, the cluster's settings."""

import pytest

from spectral_transcoder.slurm.city import City
from tests.helpers.made_city import OPTIONS, START_S, run_tasks
from tests.helpers.made_levels import epochs_s, street_levels, write_csv


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
        ((levels, "--slurm", "--between", "0", "1", "-o", made_slurm / "city"), "without --between"),
        ((levels, "--slurm", "-o", levels / "a.csv"), "a.csv is a file"),
        (("-o", made_slurm / "x.csv"), "which files"),
    ):
        status, _, err = call_script("classify_thirdo.py", *arguments)
        assert status == 2 and words in err, err


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


@pytest.mark.shared
def test_files_of_both_resolutions_are_refused(made_slurm, shared, call_script):
    status, _, err = call_script(
        "classify_thirdo.py", "--slurm", shared / "sensors", "-o", made_slurm / "city"
    )
    assert status == 1 and "classify them apart" in err and not (made_slurm / "city").exists()


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


def test_a_file_of_which_another_has_every_row_is_left_out(made_slurm, levels, call_script):
    """Also when it is looked at again, and the other is not."""
    write_csv(levels / "a_part.csv", street_levels(960), epochs_s(960, START_S), extra=[("sensor", "a")])
    city = City(made_slurm / "city")
    for _ in range(2):
        arguments = (levels, *OPTIONS, "--hours_per_task", 0.2, "-o", city.folder)
        status, _, err = call_script("classify_thirdo.py", "--slurm", *arguments)
        assert status == 1 and err.count("left out: ") == 1 and f"{levels / 'a.csv'}" in err
        assert "a_part.csv has no row that" in err or "a_part.csv holds the same as" in err
        assert not any("a_part.csv" in file for file in city.read_plan().files)


def test_times_that_two_tasks_have_are_said(made_slurm, levels, call_script):
    """Two of four minutes, the last of c's and as many behind them."""
    write_csv(
        levels / "c_part.csv", street_levels(1920), epochs_s(1920, START_S + 840), extra=[("sensor", "c")]
    )
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.2, "-o", made_slurm / "city")
    status, _, err = call_script("classify_thirdo.py", "--slurm", *arguments)
    assert not status and "c_part.csv: 120 s of sensor c are in" in err and "another task" in err

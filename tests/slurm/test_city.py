"""A city's tasks are submitted, shown and submitted again, before a made SLURM."""

import json

import pytest

from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_cli import cluster_of
from spectral_transcoder.slurm.city_plan import CityPlan
from spectral_transcoder.slurm.city_tasks import CityTask
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.utils.errors import SpectralTranscoderError
from tests.helpers.clones import ROOT
from tests.helpers.made_city import OPTIONS, run_tasks, submissions


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


@pytest.mark.parametrize("name", ["my city", "50% of it", "a\\xy", "caf\udce9", "it's", "$HOME"])
def test_a_folder_of_any_name(made_slurm, levels, call_script, name):
    city = City(made_slurm / name)
    status, out, err = call_script("classify_thirdo.py", "--slurm", levels, *OPTIONS, "-o", city.folder)
    assert not status and "submitted 77" in out, out + err
    compile((city.folder / "job_000000.slurm").read_text(), "job", "exec")
    run_tasks(city, call_script)
    assert "done" in call_script("classify_thirdo.py", "--status", "-o", city.folder)[1]
    assert not call_script("classify_thirdo.py", "--join", "-o", city.folder)[0]

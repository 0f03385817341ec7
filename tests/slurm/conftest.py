"""A SLURM, real or made, clones of the project with a corpus of a few seconds, and a city of three sensors."""

import os
import shutil
import subprocess
import tempfile

import pytest

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.slurm.city import City
from tests.helpers.clones import ROOT, Clone
from tests.helpers.made_city import OPTIONS, START_S, run_tasks
from tests.helpers.made_corpora import write_clip
from tests.helpers.made_levels import epochs_s, street_levels, write_csv
from tests.helpers.made_models import write_training_weights


@pytest.fixture(scope="session")
def cluster(shared):
    """A running cluster, to whose jobs two of Jean Zay's GPU nodes' shares of 10 CPUs fit at a time."""
    tool = shared / "tools" / "slurm_single_node.sh"
    if not tool.is_file():
        pytest.skip(f"no {tool}, which starts SLURM")
    if os.geteuid():
        pytest.skip("only root can start a SLURM cluster")
    if not all(shutil.which(name) for name in ("slurmctld", "slurmd", "sbatch", "munged")):
        pytest.skip("SLURM is not installed: apt-get install slurmctld slurmd slurm-client munge")
    folder = tempfile.mkdtemp(prefix="slurm-", dir="/tmp")  # sockets want short paths
    environment = {**os.environ, "SLURM_FAKE_CPUS": "20", "SLURM_NO_APT": "1"}

    def control(verb):
        return subprocess.run(
            ["bash", tool, verb, folder], env=environment, capture_output=True, text=True, check=False
        )

    started = control("start")
    assert started.returncode == 0, started.stderr
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = started.stdout.strip().partition("=")[2]
    yield
    control("stop")
    os.environ.pop("SLURM_CONF") if before is None else os.environ.update(SLURM_CONF=before)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder of datasets with `made`, 8 clips of 2 s."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed in range(8):
        write_clip(folder / "sounds" / f"{seed}.wav", 2, seed)
    create_dataset(folder_corpus(folder / "sounds", "made"), folder / "data", ChunkAnalysis(), jobs=1)
    return folder / "data"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with random weights of the mobile YAMNet and EfficientNet-B0; those of B7 are missing."""
    return write_training_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def clone(tmp_path, corpus, weights):
    """A clone of the project with the corpus and the weights in their places."""
    folder = tmp_path / "clone"
    for part in ("spectral_transcoder", "exp_train_model"):
        ignored = shutil.ignore_patterns("__pycache__", "slurms", "slurm.yaml")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    clone = Clone(folder)
    shutil.copytree(weights, clone.models)
    shutil.copytree(corpus, clone.data)
    return clone


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
def made_slurm(tmp_path, monkeypatch):
    """Commands `sbatch`, which notes how it was called, `squeue`, of an empty queue, and `scontrol`, of settings."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/sbatch.txt\npwd >> {tmp_path}/sbatch.txt\necho 77\n'
    )
    for name, file in (("squeue", "queue"), ("scontrol", "settings")):
        (folder / name).write_text(f"#!/bin/sh\ncat {tmp_path}/{file}.txt 2>/dev/null || true\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def done_city(made_slurm, levels, call_script):
    """A city of two tasks that are done: (the city, the arguments that planned it)."""
    city = City(made_slurm / "city")
    arguments = (levels, *OPTIONS, "--hours_per_task", 0.3, "-o", city.folder)
    assert not call_script("classify_thirdo.py", "--slurm", *arguments)[0]
    run_tasks(city, call_script)
    assert "2 done" in city.status()
    return city, arguments

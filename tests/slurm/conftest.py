"""A real SLURM cluster of one node, and clones of the project with a corpus of a few seconds."""

import os
import shutil
import subprocess
import tempfile

import pytest

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.run import create_dataset
from tests.helpers.clones import ROOT, Clone
from tests.helpers.made_corpora import write_clip
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

"""A dataset, weights, and a way to compute selections of experiment 1 in this process."""

import pytest
import torch

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.experiments.engine.cli import run_experiment
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.transcoding.experiment import (
    build_experiment,
    load_steps,
)
from spectral_transcoder.experiments.transcoding.options import add_options
from tests.helpers.made_corpora import write_clip
from tests.helpers.made_models import write_training_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with the dataset `made`: 8 clips of 2 s."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("data")
    for seed in range(8):
        write_clip(folder / "sounds" / f"{seed}.wav", 2, seed)
    corpus = folder_corpus(folder / "sounds", "made")
    create_dataset(corpus, folder / "data", ChunkAnalysis(mel_time=True), jobs=1)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of weights: the mobile YAMNet and ImageNet's EfficientNet-B0, with random values."""
    return write_training_weights(tmp_path_factory.mktemp("models"))


@pytest.fixture
def compute(data, models):
    """Compute a selection in this process: (exit status, experiment)."""
    kept = {}

    def build(options):
        kept["experiment"] = build_experiment(options)
        return kept["experiment"]

    def run(selector, *further):
        argv = ["-s", selector, "-c", "-p", "--data_path", str(data), "--models_path", str(models), *further]
        status = run_experiment(build, load_steps, parse_options("test", add_options, argv))
        return status, kept["experiment"]

    return run

"""The plans `adapt` and `student` on levels every second: from a dataset to a model that says what it takes."""

import numpy as np
import pytest
import torch

from spectral_transcoder.datasets.chunks import open_dataset
from spectral_transcoder.experiments.engine.cli import run_experiment
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.transcoding.experiment import build_experiment, load_steps
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.models.level_models import load_level_model, load_model
from spectral_transcoder.models.registry import ADAPTED, STUDENT, best_model, model_entry
from spectral_transcoder.sensors.models import choose_transcoder
from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, ThirdOctaves
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS
from tests.helpers.made_corpora import write_clip
from tests.helpers.made_models import write_random_classifier

CREATE = "exp_train_model/create_mel_tho_dataset.py"
TRAINED = "training_experiments/train_exp/model"


@pytest.fixture
def made(tmp_path, call_script):
    """A data folder with the dataset `made-1s`: 8 clips of 4 s."""
    torch.set_num_threads(1)
    for seed in range(8):
        write_clip(tmp_path / "sounds" / f"{seed}.wav", 4, seed)
    options = ("--layout", "folder", "--audio_dataset_path", tmp_path / "sounds", "--data_path", tmp_path)
    options += ("--dataset_name", "made", "--period", 1, "--jobs", 1, "--front_ends", "YamNet,EfficientAT")
    assert not call_script(CREATE, *options)[0]
    return tmp_path


def compute(folder, selector, models=REFERENCE_MODELS):
    arguments = ["-s", selector, "-c", "-p", "--data_path", str(folder), "--models_path", str(models)]
    assert run_experiment(build_experiment, load_steps, parse_options("test", add_options, arguments)) == 0


def test_heads_and_students_of_levels_every_second(made):
    assert open_dataset(made / "data", "made-1s").third_octaves == SECOND_OCTAVES
    select = "dataset=made-1s+classifier=MiniYamNet+epoch=2"
    compute(made, f"adapt/{select}+noises=1,student/{select}+nb_channels=8")
    for name in (ADAPTED, STUDENT):
        path = model_entry(name).require("MiniYamNet", made / TRAINED, every_second=True)
        model = load_level_model(path)
        assert model.settings.third_octaves == SECOND_OCTAVES
        assert model.training_record["dataset"]["name"] == "made-1s"
        assert model_entry(name).find("MiniYamNet", made / TRAINED) is None  # not for levels every 125 ms
        with pytest.raises(UsageError, match=r"takes 1 levels a second, not 8: expected .*--period 0.125"):
            choose_transcoder("MiniYamNet", str(path))
    entry, path = best_model("MiniYamNet", made / TRAINED, every_second=True)
    assert entry.name == ADAPTED
    transcoder, _ = choose_transcoder("MiniYamNet", folder=made / TRAINED, third_octaves=SECOND_OCTAVES)
    assert transcoder.name == ADAPTED and transcoder.third_octaves == SECOND_OCTAVES
    (metrics,) = (made / "training_experiments/train_exp/metric").glob("*=adapted*_ptopafc.npy")
    assert np.isfinite(np.load(metrics)).all()


@pytest.mark.parametrize("factor", ["balance=0+100", "prop_first=0+1", "average_steps=0+100"])
def test_models_of_another_training_are_others_and_say_so(made, factor):
    """Their weights differ from those trained without: windows that count alike, labels that do not compete, …"""
    select = f"dataset=made-1s+classifier=MiniYamNet+epoch=2+step=train+nb_channels=8+{factor}"
    compute(made, f"student/{select}")
    name, values = factor.split("=")
    alike, trained = sorted((made / TRAINED).glob("*student*_model"), key=lambda path: name in path.name)
    assert name not in alike.name and f"{name}={values.split('+')[1]}+" in trained.name
    weights = [load_level_model(path).network.state_dict() for path in (alike, trained)]
    assert any(not torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_windows_of_three_seconds_are_three_levels(made):
    models = write_random_classifier(made, "EfficientAT-mn04")
    compute(made, "student/dataset=made-1s+classifier=EfficientAT-mn04+epoch=2+nb_channels=8", models)
    path = model_entry(STUDENT).require("EfficientAT-mn04", made / TRAINED, every_second=True)
    student = load_model(path)
    with torch.no_grad():
        scores = student.student(torch.zeros(2, 3, 29))
    assert scores.shape == (2, 527)
    (scores,) = (made / "training_experiments/train_exp/output").glob("*_scores.npy")
    assert np.load(scores).shape == (1, 527)  # the one clip of four seconds, a window of three


def test_the_network_on_the_grid_takes_a_grid_of_one_frame(made):
    sizes = "learning_rate=-3+kernel_size=5+nb_layers=5+dilation=1+nb_channels=16+prop_logit=100"
    select = (
        f"hybridts/dataset=made-1s+classifier=MiniYamNet+epoch=2+transcoder=cnn_grid+recipe=steady+{sizes}"
    )
    compute(made, select)
    path = model_entry("cnn_grid").require("MiniYamNet", made / TRAINED, every_second=True)
    transcoder = load_model(path)
    assert transcoder.third_octaves == SECOND_OCTAVES
    with torch.no_grad():
        assert transcoder(torch.zeros(2, 1, 29)).shape == (2, 96, 64)
    (metrics,) = (made / "training_experiments/train_exp/metric").glob("*=cnn_grid*_ptopafc.npy")
    assert np.isfinite(np.load(metrics)).all()


def test_a_head_of_levels_every_125_ms_is_refused_for_levels_every_second():
    (path,) = REFERENCE_MODELS.glob("classifier=YamNetMobile+dataset=street+*adapted*_model")
    assert choose_transcoder("YamNetMobile", str(path))[0].third_octaves == ThirdOctaves()
    with pytest.raises(
        UsageError,
        match=r"takes 8 levels a second, not 1: expected a model .* --period 1, pinv or pinv_texture",
    ):
        choose_transcoder("YamNetMobile", str(path), third_octaves=SECOND_OCTAVES)

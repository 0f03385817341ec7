"""The steps of experiment 1 on a corpus of a few seconds: every kind of model, from training to metrics."""

import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from spectral_transcoder.datasets.chunks import open_dataset
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.evaluation.teacher_scores import Teacher
from spectral_transcoder.experiments.engine import cli
from spectral_transcoder.experiments.engine.cli import run_experiment
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding import experiment as transcoding_experiment
from spectral_transcoder.experiments.transcoding import level_models, task
from spectral_transcoder.experiments.transcoding.epoch_report import EpochReport
from spectral_transcoder.experiments.transcoding.experiment import (
    METRICS,
    build_experiment,
    load_steps,
)
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.models.classifiers import CLASSIFIERS, load_classifier
from spectral_transcoder.models.end_to_end import Baseline, BaselineSettings, load_baseline
from spectral_transcoder.models.level_models import load_level_model
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.models.yamnet import YAMNet
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.progress import Progress
from tests.helpers.made_corpora import write_tau_corpus
from tests.helpers.made_models import write_random_classifier
from tests.helpers.training_plans import MAIN_SCRIPT, SMALL_CNN, WHERE, setting_of


@pytest.mark.parametrize(
    "selector",
    [
        SMALL_CNN,
        f"mlp/{WHERE}+epoch=1+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp",
        f"mlp/{WHERE}+epoch=1+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp_pinv",
        f"hybridts/{WHERE}+epoch=1+learning_rate=-3+dilation=1+prop_logit=100",
        f"hybridts/{WHERE}+epoch=1+learning_rate=-3+dilation=1+prop_logit=50",
        f"hybridts/{WHERE}+epoch=1+learning_rate=-3+dilation=1+prop_logit=100+nb_channels=16"
        "+transcoder=cnn_texture+recipe=steady+seed=1",
        f"hybridts/{WHERE}+epoch=1+learning_rate=-3+dilation=1+prop_logit=100+nb_channels=16"
        "+transcoder=cnn_grid+recipe=steady+prop_embedding=30",
        f"cnn/{WHERE}+epoch=1+learning_rate=-3+kernel_size=3+nb_layers=3+dilation=1+nb_channels=16"
        "+transcoder=cnn_grid",
        f"ts/{WHERE}+epoch=1+learning_rate=-4+transcoder=self",
        f"ts/{WHERE}+epoch=1+learning_rate=-5+transcoder=effnet_b0",
    ],
    ids=[
        "CNN-mels",
        "MLP",
        "MLP-PINV",
        "CNN-logits",
        "hybrid",
        "texture",
        "grid",
        "grid of Mels",
        "self",
        "effnet",
    ],
)
def test_every_kind_of_model_is_trained_evaluated_and_scored(compute, data, selector):
    status, experiment = compute(selector)
    assert status == 0
    trained = setting_of(experiment, selector, "train")
    load = load_baseline if trained.transcoder in ("self", "effnet_b0") else load_transcoder
    model = load(experiment.file("model", trained, "model"))
    assert model.training_record["recipe"]["epochs"] == trained.epoch
    dataset = open_dataset(data / "data", "made")
    assert model.training_record["dataset"]["fingerprint"] == dataset.provenance
    for split in ("train", "valid", "eval"):
        assert np.load(experiment.file("loss", trained, f"losses_{split}.npy")).shape == (trained.epoch,)
    assert not experiment.file("model", trained, "training_state").exists()

    # what was scored is what the saved model gives
    part = dataset.split("eval")
    positions = [int(str(name).rsplit("_", 1)[1]) for name in part.fnames]  # a texture's noise follows them
    further = [] if load is load_baseline else [torch.tensor(positions)]
    with torch.no_grad():
        output = model(torch.tensor(part.third_octaves), *further).numpy()
    metric = setting_of(experiment, selector, "metric")
    found = {m.name for m in METRICS if experiment.file("metric", metric, f"{m.name}.npy").is_file()}
    expected = {m.name for m in METRICS}
    if load is load_baseline:
        assert found == expected - {"mel_mse"}
        scores = np.load(
            experiment.file("output", setting_of(experiment, selector, "evaluate"), "scores.npy")
        )
        np.testing.assert_allclose(output, scores, atol=1e-5)
    else:
        assert found == expected
        error = np.mean((output - part.mels(YAMNET_MELS)) ** 2)
        assert np.load(experiment.file("metric", metric, "mel_mse.npy")).mean() == pytest.approx(
            error, rel=1e-4
        )


def test_a_head_is_trained_behind_a_trained_transcoder(compute, monkeypatch, tmp_path):
    torch.manual_seed(0)
    transcoder = Transcoder(TranscoderSettings("cnn_grid", "YamNet", options={"nb_channels": 4}))
    nn.init.normal_(transcoder.network.corrections.bias)
    transcoder.save(tmp_path / "a_model")
    entry = SimpleNamespace(
        require=lambda classifier, **_: tmp_path / "a_model",
        find=lambda classifier, **_: tmp_path / "a_model",
    )
    for module in (level_models, task):
        monkeypatch.setattr(module, "model_entry", lambda name: {"cnn_grid": entry}[name])
    selector = f"adapt/{WHERE}+epoch=2+through=cnn_grid+noises=1"
    status, experiment = compute(selector)
    assert status == 0
    head = load_level_model(experiment.file("model", setting_of(experiment, selector, "train"), "model"))
    assert head.settings.transcoder == transcoder.settings
    for name, values in transcoder.network.state_dict().items():
        assert torch.equal(head.transcoder.network.state_dict()[name], values), name
    metric = setting_of(experiment, selector, "metric")
    assert np.isfinite(np.load(experiment.file("metric", metric, "logit_bce.npy"))).all()


def test_tensorboard_has_one_file_for_each_start_of_a_run_and_every_epoch_once(tmp_path):
    for epochs in (
        (1, 2, 3),
        (3, 4),
        (1, 2),
    ):  # stopped as it wrote the third, gone on with, then trained anew
        report = EpochReport(tmp_path / "losses", Progress(4, "training", "epoch", plain=True))
        for epoch in epochs:
            report({split: [float(epoch)] * epoch for split in SPLITS})
        report.close()
        time.sleep(1)  # files are read in the order of their names, which begin with the second
    folder = tmp_path / "losses_tensorboard"
    assert len(list(folder.rglob("*"))) == 3
    events = EventAccumulator(str(folder)).Reload()
    assert events.Tags()["scalars"] == [f"loss/{split}" for split in SPLITS]
    assert [(event.step, event.value) for event in events.Scalars("loss/valid")] == [(1, 1), (2, 2)]


def test_the_reference_plan_scores_pinv_and_the_true_mels(compute, data, models):
    status, experiment = compute(f"reference/{WHERE}")
    assert status == 0
    part = open_dataset(data / "data", "made").split("eval")
    true = torch.tensor(part.mels(YAMNET_MELS))
    classifier = load_classifier("YamNetMobile", models / CLASSIFIERS["YamNetMobile"].weights)
    pinv = Pinv(ThirdOctaves(), YAMNET_MELS)(torch.tensor(part.third_octaves))
    expected = torch.nn.functional.binary_cross_entropy(classifier(pinv), classifier(true)).item()
    metric = setting_of(experiment, f"reference/{WHERE}+transcoder=pinv", "metric")
    assert np.load(experiment.file("metric", metric, "logit_bce.npy")).mean() == pytest.approx(
        expected, rel=1e-4
    )
    oracle = setting_of(experiment, f"reference/{WHERE}+transcoder=oracle", "metric")
    assert np.load(experiment.file("metric", oracle, "mel_mse.npy")).tolist() == [0]
    assert np.load(experiment.file("metric", oracle, "ptopafc.npy")).tolist() == [1]


def test_textures_are_scored_and_seeded(compute):
    selector = f"reference/{WHERE}+transcoder=pinv_texture+seed=0+1"
    status, experiment = compute(selector)
    assert status == 0
    settings = [s for s in select(experiment.plans, selector) if s.step == "metric"]
    errors = [np.load(experiment.file("metric", setting, "mel_mse.npy")).mean() for setting in settings]
    assert len(set(errors)) == 2
    assert "seed" not in settings[0].id()
    assert settings[1].id().count("seed=1") == 1


def test_missing_weights_fail_their_settings_with_the_command_that_fetches_them(compute, capsys):
    status, _ = compute("reference/dataset=made+classifier=PANN+transcoder=pinv")
    assert status == 1
    assert "download_pretrained_models.py --models PANN" in capsys.readouterr().out


def test_results_of_other_weights_or_data_are_outdated_and_those_looked_at_elsewhere_are_not(
    data, models, tmp_path, capsys
):
    selector = f"reference/{WHERE}+transcoder=pinv"
    where = ["--data_path", str(tmp_path), "--dataset_path", str(data / "data")]

    def run(*further, models_path=models):
        argv = ["-s", selector, "-p", *where, "--models_path", str(models_path), *further]
        status = run_experiment(build_experiment, load_steps, parse_options("test", add_options, argv))
        return status, capsys.readouterr()

    assert run("-c")[0] == 0
    assert "2 done before" in run("-c")[1].out
    nowhere = run("-d", models_path=tmp_path / "none")[1]
    assert "pinv" in nowhere.out and not nowhere.err
    (tmp_path / "other").mkdir()
    write_random_classifier(tmp_path / "other", "YamNetMobile", seed=1)
    with pytest.raises(SpectralTranscoderError, match="no results"):
        run("-d", models_path=tmp_path / "other")
    assert "1 result is unfinished or outdated" in capsys.readouterr().err
    assert "2 computed" in run("-c", models_path=tmp_path / "other")[1].out


def test_oracle_scores_are_computed_once_and_anew_for_other_weights(data, models, tmp_path):
    dataset = open_dataset(data / "data", "made")
    first = np.array(Teacher(CLASSIFIERS["YamNetMobile"], models).scores(dataset, "valid"))
    path = data / "data" / "made" / "oracles" / "made_valid_YamNetMobile.npy"
    written = path.stat().st_mtime_ns
    assert np.array_equal(first, Teacher(CLASSIFIERS["YamNetMobile"], models).scores(dataset, "valid"))
    assert path.stat().st_mtime_ns == written
    torch.manual_seed(1)
    torch.save(YAMNet(nn.ReLU6()).state_dict(), tmp_path / CLASSIFIERS["YamNetMobile"].weights)
    other = Teacher(CLASSIFIERS["YamNetMobile"], tmp_path).scores(dataset, "valid")
    assert not np.allclose(first, other)


def test_a_teachers_embeddings_are_computed_once_and_are_the_classifiers(data, models):
    dataset = open_dataset(data / "data", "made")
    found = np.array(Teacher(CLASSIFIERS["YamNetMobile"], models).embeddings(dataset, "valid"))
    classifier = load_classifier("YamNetMobile", models / CLASSIFIERS["YamNetMobile"].weights)
    mels = torch.tensor(np.array(dataset.split("valid").mels(YAMNET_MELS)))
    with torch.no_grad():
        expected = classifier.network.embedding(mels).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    path = data / "data" / "made" / "oracles" / "made_valid_YamNetMobile_embeddings.npy"
    written = path.stat().st_mtime_ns
    assert np.array_equal(found, Teacher(CLASSIFIERS["YamNetMobile"], models).embeddings(dataset, "valid"))
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("source", ["mel_time", "mel_freq"])
def test_the_variants_start_from_finer_time_or_frequency(data, source):
    part = open_dataset(data / "data", "made").split("valid")
    network = Transcoder(TranscoderSettings("cnn_pinv", "YamNet", options={"nb_channels": 4}, source=source))
    if source == "mel_time":
        inputs, n_frames = part.mel_time(YAMNET_MELS), 96
    else:
        mels = np.array(part.mels(YAMNET_MELS))
        inputs, n_frames = mels.reshape(len(mels), 8, 12, 64).mean(2), 8
    assert inputs.shape[1] == n_frames
    with torch.no_grad():
        assert network(torch.tensor(np.array(inputs))).shape == (len(part), 96, 64)


def test_taus_urban_scenes_and_their_variants_from_sounds_to_the_table(
    models, tmp_path, monkeypatch, call_script
):
    monkeypatch.setattr(cli, "EXPORT", tmp_path)
    names = [f"park-london-{index}-{index}-a.wav" for index in range(8)]
    tau = write_tau_corpus(tmp_path / "tau", names, duration_s=1)
    create = "exp_train_model/create_mel_tho_dataset.py"
    of_urban = ["--dataset_type", "urban", "--audio_dataset_path", tau, "--jobs", 1]
    assert not call_script(create, *of_urban, "--data_path", tmp_path)[0]

    where = "dataset=urban+urban_mel_time+urban_mel_freq+classifier=YamNetMobile"
    small = "epoch=1+learning_rate=-3+kernel_size=3+nb_layers=1+dilation=1+nb_channels=16"
    selector = f"reference/{where},cnn/{where}+{small}"
    folders = ["--data_path", tmp_path, "--models_path", models]
    every = ",".join(map(str, range(len(METRICS))))
    code, message, _ = call_script(
        MAIN_SCRIPT, "-s", selector, *folders, "-c", "-d", every, "-e", "urban.csv"
    )
    assert code == 0, message
    table = pd.read_csv(tmp_path / "urban.csv")
    assert table.groupby("dataset")["transcoder"].agg(set).to_dict() == {
        dataset: {"oracle", "pinv", "cnn_pinv"} for dataset in ("urban", "urban_mel_time", "urban_mel_freq")
    }
    assert np.isfinite(table[[metric.name for metric in METRICS]]).to_numpy().all()
    assert table.loc[table["transcoder"] == "cnn_pinv", "mel_mse"].nunique() == 3


def test_every_network_of_every_plan_can_be_built():
    plans = transcoding_experiment.train_plans()
    sizes = ("hidden1", "hidden2", "kernel_size", "nb_layers", "nb_channels", "dilation")
    built = 0
    with torch.device("meta"):
        for name in ("mlp", "cnn", "hybridts", "ts"):
            plan = plans[name]
            distinct = {
                (
                    s.transcoder,
                    s.classifier,
                    *((size, getattr(s, size)) for size in sizes if hasattr(s, size)),
                )
                for s in plan.select([{"epoch": [plan.modalities("epoch")[0]], "learning_rate": [-3]}])
            }
            for transcoder, classifier, *options in distinct:
                if name == "ts":
                    Baseline(BaselineSettings(transcoder, classifier))
                else:
                    front_end = CLASSIFIERS[classifier].front_end.name
                    Transcoder(TranscoderSettings(transcoder, front_end, options=dict(options)))
                built += 1
    # 2 × 2 × 2 perceptrons, 2·3·4·2 CNNs, 2 dilations, 3 baselines, for each classifier
    assert built == 2 * (8 + 48 + 2 + 3)


@pytest.mark.slow
def test_training_that_is_killed_again_and_again_ends_with_the_same_bytes(data, models, tmp_path):
    selector = SMALL_CNN.replace("epoch=2", "epoch=50")
    rng = random.Random(0)

    def command(folder):
        where = ["--dataset_path", data / "data", "--models_path", models, "--data_path", folder]
        return [sys.executable, MAIN_SCRIPT, "-s", selector, "-c", "-p", *where]

    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run(list(map(str, command(undisturbed))), check=True, capture_output=True)

    def n_epochs():
        (*_, losses) = [[], *(path.read_text().splitlines()[1:] for path in killed.rglob("*_losses.csv"))]
        return len(losses)

    killed_after = []
    for _ in range(10):
        process = subprocess.Popen(
            list(map(str, command(killed))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = n_epochs()
        while n_epochs() == before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed_after.append(n_epochs())
    print(f"epochs on record when it was killed: {killed_after}")
    assert killed_after[0] > 0 and sum(n < 50 for n in killed_after) >= 5
    subprocess.run(list(map(str, command(killed))), check=True, capture_output=True)
    names = sorted(
        path.relative_to(undisturbed)
        for path in undisturbed.rglob("*")
        if path.suffix in (".npy", "") and path.is_file()
    )
    names = [name for name in names if "tensorboard" not in str(name)]
    assert any(name.name.endswith("_model") for name in names)
    for name in names:
        assert (killed / name).read_bytes() == (undisturbed / name).read_bytes(), name

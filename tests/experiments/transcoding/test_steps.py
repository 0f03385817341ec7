"""The steps of experiment 1 on a corpus of a few seconds: every kind of model, from training to metrics."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torchvision.models import efficientnet_b0

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, open_dataset
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.evaluation.teacher_scores import teacher_embeddings, teacher_scores
from spectral_transcoder.experiments.engine import cli
from spectral_transcoder.experiments.engine.cli import run_experiment
from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding import experiment as transcoding_experiment
from spectral_transcoder.experiments.transcoding import level_models, paper, task
from spectral_transcoder.experiments.transcoding.epoch_report import EpochReport
from spectral_transcoder.experiments.transcoding.experiment import (
    METRICS,
    build_experiment,
    load_steps,
)
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.models.classifiers import CLASSIFIERS, load_classifier
from spectral_transcoder.models.end_to_end import EFFICIENTNETS, Baseline, BaselineSettings, load_baseline
from spectral_transcoder.models.level_models import load_level_model
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.models.yamnet import YAMNet
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils import paths
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.progress import Progress
from tests.helpers.made_corpora import write_clip, write_tau_corpus
from tests.helpers.made_models import write_random_classifier

ROOT = Path(__file__).resolve().parents[3]
MAIN_SCRIPT = ROOT / "exp_train_model" / "main_doce_training.py"
WHERE = "dataset=made+classifier=YamNetMobile"
SMALL_CNN = f"cnn/{WHERE}+epoch=2+learning_rate=-3+kernel_size=3+nb_layers=3+dilation=1+nb_channels=16"


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
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    torch.save(YAMNet(nn.ReLU6()).state_dict(), folder / CLASSIFIERS["YamNetMobile"].weights)
    torch.save(efficientnet_b0(weights=None).state_dict(), folder / EFFICIENTNETS["effnet_b0"][1])
    return folder


@pytest.fixture
def compute(data, models):
    """Compute a selection in this process: (exit status, experiment)."""
    kept = {}

    def build(options):
        kept["experiment"] = build_experiment(options)
        return kept["experiment"]

    def run(selector, *further):
        argv = ["-s", selector, "-c", "-p", "--data_path", str(data), "--models_path", str(models), *further]
        return run_experiment(build, load_steps, "test", add_options, argv), kept["experiment"]

    return run


def setting_of(experiment, selector, name):
    """Return the setting of a selection at the step `name`."""
    return next(iter({s.at(name).id(): s.at(name) for s in select(experiment.plans, selector)}.values()))


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
        status = run_experiment(build_experiment, load_steps, "test", add_options, argv)
        return status, capsys.readouterr()

    assert run("-c")[0] == 0
    assert "2 done before" in run("-c")[1].out
    nowhere = run("-d", models_path=tmp_path / "none")[1]
    assert "pinv" in nowhere.out and not nowhere.err
    (tmp_path / "other").mkdir()
    write_random_classifier(tmp_path / "other", "YamNetMobile", seed=1)
    with pytest.raises(SpectralTranscoderError, match="no results"):
        run("-d", models_path=tmp_path / "other")
    assert "1 results are unfinished or outdated" in capsys.readouterr().err
    assert "2 computed" in run("-c", models_path=tmp_path / "other")[1].out


def test_oracle_scores_are_computed_once_and_anew_for_other_weights(data, models, tmp_path):
    dataset = open_dataset(data / "data", "made")
    first = np.array(teacher_scores(dataset, "valid", "YamNetMobile", models=models))
    path = data / "data" / "made" / "oracles" / "made_valid_YamNetMobile.npy"
    written = path.stat().st_mtime_ns
    assert np.array_equal(first, teacher_scores(dataset, "valid", "YamNetMobile", models=models))
    assert path.stat().st_mtime_ns == written
    torch.manual_seed(1)
    torch.save(YAMNet(nn.ReLU6()).state_dict(), tmp_path / CLASSIFIERS["YamNetMobile"].weights)
    other = teacher_scores(dataset, "valid", "YamNetMobile", models=tmp_path)
    assert not np.allclose(first, other)


def test_a_teachers_embeddings_are_computed_once_and_are_the_classifiers(data, models):
    dataset = open_dataset(data / "data", "made")
    found = np.array(teacher_embeddings(dataset, "valid", "YamNetMobile", models=models))
    classifier = load_classifier("YamNetMobile", models / CLASSIFIERS["YamNetMobile"].weights)
    mels = torch.tensor(np.array(dataset.split("valid").mels(YAMNET_MELS)))
    with torch.no_grad():
        expected = classifier.network.embedding(mels).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    path = data / "data" / "made" / "oracles" / "made_valid_YamNetMobile_embeddings.npy"
    written = path.stat().st_mtime_ns
    assert np.array_equal(found, teacher_embeddings(dataset, "valid", "YamNetMobile", models=models))
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
    code, told, _ = call_script(MAIN_SCRIPT, "-s", selector, *folders, "-c", "-d", every, "-e", "urban.csv")
    assert code == 0, told
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


def test_rows_of_the_paper_are_one_setting_each():
    plans = transcoding_experiment.train_plans()
    for row in (*paper.ROWS, *paper.FURTHER_ROWS):
        chains = {s.chain for s in select(plans, repr([row.choices("full", "PANN", 200)]))}
        assert len(chains) == 1, row
    (cnn,) = {s.chain for s in select(plans, repr([paper.ROWS[2].choices("full", "PANN", 200)]))}
    # docs/method.md, section 5, less the step
    assert cnn == (
        "classifier=PANN+dataset=full+dilation=1+epoch=200+kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"
        "+prop_logit=100+transcoder=cnn_pinv+ts=1"
    )
    assert all(
        s.dilation == 1 for s in select(plans, repr(paper.detailed("full", ["PANN"], 200))) if s.plan == "cnn"
    )


def test_ties_are_marked_by_what_the_clips_allow():
    rng = np.random.default_rng(0)
    base = rng.uniform(1, 2, 100)
    column = {"a": base, "b": base + np.tile([0.01, -0.009], 50), "c": base + rng.uniform(0.9, 1.1, 100)}
    compared = paper.compare(column, MetricRecord("error", "", lower_is_better=True), of_hits=False)
    assert compared["a"].best
    assert (compared["b"].tied, compared["c"].tied) == (True, False)
    hits = {"a": np.ones(100), "b": np.r_[np.zeros(3), np.ones(97)], "c": np.zeros(100)}
    compared = paper.compare(hits, MetricRecord("hits", "", lower_is_better=False), of_hits=True)
    assert (compared["a"].best, compared["b"].tied, compared["c"].tied) == (True, True, False)


def test_the_best_divergence_is_the_one_nearest_to_nought():
    record = next(one for one in METRICS if one.name == "logit_kl")
    column = {"a": np.full(9, -0.5), "b": np.full(9, 0.1), "c": np.full(9, 0.2)}
    assert [name for name, one in paper.compare(column, record, of_hits=False).items() if one.best] == ["b"]


def test_the_launcher_computes_the_papers_table_and_the_exports_show_it(
    data, models, tmp_path, monkeypatch, call_script
):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    where = ["--dataset", "made", "--classifier", "YamNetMobile", "--epoch", 1, "--data_path", data]
    script = "exp_train_model/launch_experiment/launch_exp_py.py"
    code, printed, _ = call_script(script, *where, "--models_path", models, "-p")
    # EfficientNet-B7's weights are not there: its chain fails alone
    assert code == 1
    assert "download_pretrained_models.py --models effnet_b7" in printed
    assert "1 failed, 2 not started" in printed
    assert "restricted experiment on made:" in printed

    code, printed, _ = call_script("exp_train_model/export_experiment_results.py", *where)
    assert not code
    assert imread(tmp_path / "results_training_YamNetMobile.png").shape[1] > 1000

    selector = "[{'plan': 'cnn', 'dataset': 'made', 'classifier': 'YamNetMobile', 'epoch': 1}]"
    curves = "exp_train_model/plot_training_curve.py"
    code, printed, _ = call_script(curves, "-s", selector, "--data_path", data)
    assert not code
    assert (tmp_path / "training_curve_1.png").is_file()
    code, _, told = call_script(curves, "-s", selector.replace("1}", "10}"), "--data_path", data)
    assert (code, "no losses" in told) == (1, True)
    code, _, told = call_script("exp_train_model/export_experiment_results.py", "--data_path", tmp_path)
    assert (code, "launch_exp_py.py" in told) == (1, True)


def test_transcoders_are_compared_by_teacher_and_classifier(
    data, models, tmp_path, monkeypatch, call_script, compute
):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    where = ["--dataset", "made", "--data_path", data, "--models_path", models]
    script = "exp_train_model/compare_teachers.py"
    code, _, told = call_script(script, *where, "--classifier", "YamNetMobile")
    assert not code, told
    table = pd.read_csv(tmp_path / "teachers_made.csv").set_index("transcoder")
    assert set(table["classifier"]) == {"YamNetMobile"}
    assert table.loc["PINV", "noises"] == 1
    assert table.loc["PINV with texture", "noises"] == 3
    # the reference plan scores the same transcoders, with the same noise under each second
    _, experiment = compute(
        f"reference/{WHERE}+transcoder=pinv,reference/{WHERE}+transcoder=pinv_texture+seed=0+1+2"
    )

    def mean_bce(selector: str) -> float:
        setting = setting_of(experiment, f"reference/{WHERE}+{selector}", "metric")
        return float(np.load(experiment.file("metric", setting, "logit_bce.npy")).mean())

    assert table.loc["PINV", "bce"] == pytest.approx(mean_bce("transcoder=pinv"), rel=1e-4)
    textured = [mean_bce(f"transcoder=pinv_texture+seed={seed}") for seed in range(3)]
    assert table.loc["PINV with texture", "bce"] == pytest.approx(np.mean(textured), rel=1e-4)
    code, _, told = call_script(script, *where, "--classifier", "VGGish")
    assert (code, "VGGish" in told) == (2, True)


def test_hits_by_label_are_those_of_the_share(data, models, tmp_path, monkeypatch, call_script, compute):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    selector = f"reference/{WHERE}+transcoder=pinv+pinv_texture"
    where = ["--data_path", data, "--models_path", models]
    script = "exp_train_model/plot_hits_by_label.py"
    code, _, complaint = call_script(script, "-s", selector.replace("made", "TEST"), *where)
    assert (code, "nothing of it is evaluated" in complaint) == (1, True)
    _, experiment = compute(selector)
    code, _, complaint = call_script(script, "-s", selector, *where)
    assert not code, complaint
    assert (tmp_path / "hits_by_label.png").is_file()
    table = pd.read_csv(tmp_path / "hits_by_label.csv").groupby("model").sum(numeric_only=True)
    assert set(table.index) == {"transcoder=pinv", "transcoder=pinv_texture"}
    for transcoder in ("pinv", "pinv_texture"):
        setting = setting_of(experiment, f"reference/{WHERE}+transcoder={transcoder}", "metric")
        share = np.load(experiment.file("metric", setting, "ptopafc.npy")).item()
        row = table.loc[f"transcoder={transcoder}"]
        assert row["hits"] / row["clips"] == pytest.approx(share)
    textures = f"reference/{WHERE}+transcoder=pinv_texture+seed=0+1"
    compute(textures)
    code, _, complaint = call_script(script, "-s", textures, *where)
    assert not code, complaint
    assert set(pd.read_csv(tmp_path / "hits_by_label.csv")["model"]) == {"reference", "seed=1"}


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

"""Experiment 1's script on toy steps: its folders, metrics and options."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from lightning_fabric.plugins.precision.precision import _PRECISION_INPUT_STR

from spectral_transcoder.experiments.engine import cli
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.engine.tables import heading
from spectral_transcoder.experiments.transcoding import experiment as transcoding_experiment
from spectral_transcoder.experiments.transcoding.options import PRECISIONS
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.utils import paths
from spectral_transcoder.utils.errors import UsageError

CURVES = "exp_train_model/plot_training_curve.py"
LAUNCHER = "exp_train_model/launch_experiment/launch_exp_py.py"
SCRIPT = Path(__file__).resolve().parents[3] / "exp_train_model" / "main_doce_training.py"
# docs/method.md, section 5.
METRIC_NAMES = {
    "mel_mse",
    *(f"logit_{name}" for name in ("mse", "bce", "cos", "kl")),
    *(f"logit_tvb_{name}" for name in ("mse", "bce", "cos", "kl")),
    *("ptopafc", "ptopafc_tvb", "ptopafc_weighted", "ptopafc_hits"),
}


def train(setting, experiment):
    for name in ("train", "valid", "eval"):
        path = experiment.file("loss", setting, f"losses_{name}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.ones(setting.epoch))


def metric(setting, experiment):
    for name in METRIC_NAMES:
        experiment.save_metric(setting, name, np.full(3, 0.5))


TOY_STEPS = {"train": train, "evaluate": lambda *_: None, "metric": metric}


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.setattr(transcoding_experiment, "load_steps", lambda: TOY_STEPS)
    monkeypatch.setattr(transcoding_experiment, "provenance", lambda *_: {"dataset": "1"})
    monkeypatch.setattr(transcoding_experiment, "missing", lambda *_: None)
    monkeypatch.setattr(cli, "EXPORT", tmp_path / "export")

    def run(*argv):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *argv, "--data_path", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return ended.value.code

    return run


SELECTION = (
    "cnn/dataset=full+classifier=PANN+epoch=1+learning_rate=-3+kernel_size=5+nb_layers=5+nb_channels=64"
)


def test_from_computation_to_export(script, tmp_path, capsys):
    assert script("-s", f"{SELECTION}+dilation=1", "-c") == 0
    assert script("-s", "cnn/dataset=full+classifier=PANN", "-d", "-e", "myresults.png") == 0
    assert (tmp_path / "export" / "myresults.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert "0.50 ± 0.00" in out
    assert "50.0" in out


def test_files_are_where_spec_says(script, tmp_path):
    script("-s", f"{SELECTION}+dilation=1", "-c")
    folder = tmp_path / "training_experiments" / "train_exp"
    identifier = (
        "classifier=PANN+dataset=full+dilation=1+epoch=1+kernel_size=5+learning_rate=-3+nb_channels=64"
        "+nb_layers=5+step={}+transcoder=cnn_pinv+ts=0"
    )
    assert (folder / "loss" / f"{identifier.format('train')}_losses_valid.npy").is_file()
    found = {path.name for path in (folder / "metric").iterdir()}
    assert found == {f"{identifier.format('metric')}_{name}.npy" for name in METRIC_NAMES}


@pytest.mark.parametrize(
    ("option", "value"), [("--devices", "0"), ("--devices", "-3"), ("--precision", "foo")]
)
def test_wrong_ways_to_train_are_refused_before_any_setting(script, capsys, option, value):
    assert script("-s", f"{SELECTION}+dilation=1", "-c", option, value) == 2
    assert option in capsys.readouterr().err


def test_precisions_are_fabrics():
    fabrics = {name for name in get_args(_PRECISION_INPUT_STR) if "transformer-engine" not in name}
    assert set(PRECISIONS) == fabrics


def test_the_unit_of_mels_is_their_classifiers():
    (record,) = [record for record in transcoding_experiment.METRICS if record.name == "mel_mse"]
    for name, classifier in CLASSIFIERS.items():
        unit = {"db": "dB²", "ln": "natural log²"}[classifier.front_end.log]
        unit = unit if classifier.front_end.log_std == 1 else f"normalised {unit}"
        assert heading(record.of([name])) == f"mel_mse ({unit}) ↓"


@pytest.mark.parametrize(
    ("classifiers", "unit"),
    [("PANN", "dB²"), ("YamNet", "natural log²"), ("PANN+YamNet", "dB² or natural log²")],
)
def test_tables_say_the_unit_of_their_classifiers(script, capsys, classifiers, unit):
    selection = f"{SELECTION}+dilation=1".replace("PANN", classifiers)
    script("-s", selection, "-c", "-d")
    assert f"mel_mse ({unit}) ↓" in capsys.readouterr().out


def test_metric_names_are_specs():
    assert {metric.name for metric in transcoding_experiment.METRICS} == METRIC_NAMES


def test_corpora_are_found_or_named(tmp_path):
    for name in ("streets", "Dcase-Task1-full", "URBAN-SOUND-8K-LOGITS"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for name in ("streets", "Dcase-Task1-full"):
        (tmp_path / "data" / name / f"{name}_eval_third_octave_data.npy").touch()
    assert transcoding_experiment.find_corpora(tmp_path / "data") == ["streets"]
    options = SimpleNamespace(data_path=tmp_path, dataset_path=None, corpus=["elsewhere"], plain=True)
    plans = transcoding_experiment.build_experiment(options).plans
    assert plans["mlp"].modalities("dataset") == ["TEST", "full", "urban", "elsewhere", "streets"]


def test_corpus_names_that_would_break_identifiers(tmp_path):
    options = SimpleNamespace(data_path=tmp_path, dataset_path=None, corpus=["a+b"], plain=True)
    with pytest.raises(UsageError, match="dataset='a\\+b'"):
        transcoding_experiment.build_experiment(options)


def test_curves_are_drawn_of_what_is_trained(script, tmp_path, monkeypatch, call_script):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    script("-s", f"{SELECTION}+dilation=1", "-c")
    everywhere = "{'dataset': 'full', 'classifier': 'PANN'}"  # the plans reference and published too
    code, message, _ = call_script(CURVES, "-s", everywhere, "--data_path", tmp_path)
    assert (code or 0, message.count("written")) == (0, 1)
    code, _, message = call_script(CURVES, "-s", "reference/,published/", "--data_path", tmp_path)
    assert (code, message.count("\n")) == (2, 1)
    assert "expected plans of mlp, cnn, hybridts, ts" in message


@pytest.mark.parametrize(
    ("given", "at_a_time"), [([], 1), (["-c"], 1), (["-c", "4"], 4), (["-c4"], 4), (["--compute", "4"], 4)]
)
def test_the_launcher_computes_as_many_as_it_is_asked_for(given, at_a_time, monkeypatch, call_script):
    seen = []
    monkeypatch.setattr(cli, "run_experiment", lambda *arguments: seen.append(arguments[-1]))
    assert not call_script(LAUNCHER, *given)[0]
    assert seen[0].compute == at_a_time


def test_the_launcher_takes_no_selector(monkeypatch, call_script):
    monkeypatch.setattr(cli, "run_experiment", lambda *arguments: pytest.fail("it computes"))
    code, _, message = call_script(LAUNCHER, "-s", "reference/")
    assert (code, message.count("\n")) == (2, 1)
    assert "main_doce_training.py -c -s reference/" in message


@pytest.mark.parametrize(
    ("here", "published", "reference"),
    [
        ([], {"TEST", "full", "urban"}, {"TEST", "full", "urban", "urban_mel_time", "urban_mel_freq"}),
        (["Dcase-Task1-full"], {"full"}, {"full"}),
        (["Dcase-Task1-urban", "streets"], {"urban"}, {"urban", "urban_mel_time", "urban_mel_freq"}),
        (["streets", "yards"], {"streets", "yards"}, {"streets", "yards"}),
    ],
)
def test_datasets_that_are_not_mentioned_are_those_that_are_there(tmp_path, here, published, reference):
    for name in here:
        path = tmp_path / "data" / transcoding_experiment.EVALUATION_DATA.format(name)
        path.parent.mkdir(parents=True)
        path.touch()
    options = SimpleNamespace(data_path=tmp_path, dataset_path=None, corpus=[], plain=True)
    plans = transcoding_experiment.build_experiment(options).plans
    assert {one.dataset for one in select(plans, "published/classifier=PANN")} == published
    assert {one.dataset for one in select(plans, "reference/")} == reference


def test_the_class_weighted_share_stands_beside_the_papers():
    shown = [record.name for record in transcoding_experiment.METRICS if record.shown]
    assert shown == ["mel_mse", "logit_bce", "logit_kl", "ptopafc", "ptopafc_weighted"]


def test_curves_are_chosen_by_dataset_classifier_and_epoch(script, call_script, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "EXPORT", tmp_path / "export")
    script(
        "-s",
        "cnn/dataset=TEST+classifier=YamNet+epoch=10+learning_rate=-3+kernel_size=5+nb_layers=5"
        "+nb_channels=64+dilation=1",
        "-c",
    )
    where = ["--dataset", "TEST", "--classifier", "YamNet", "--data_path", tmp_path]
    status, said, _ = call_script(CURVES, *where, "--epoch", 10)
    assert (status or 0) == 0 and "dataset=TEST" in said
    assert call_script(CURVES, *where, "--epoch", 1)[0] == 1

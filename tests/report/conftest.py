"""Folders as runs leave them, written by hand, and the page that is made of them."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile

from spectral_transcoder.report.gather import CLASSIFICATION_FOLDER

SR = 32000
TRAIN = "classifier=PANN+dataset=full+dilation=1+epoch=3+kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"
CNN_LOGITS = f"{TRAIN}+prop_logit=100+step=STEP+transcoder=cnn_pinv+ts=1"
RUNS = {  # plan and identifier -> metrics, chosen so that means and deviations can be told by heart
    ("reference", "classifier=PANN+dataset=full+step=STEP+transcoder=oracle+ts=0"): {
        "mel_mse": [0.0, 0.0],
        "ptopafc": [1.0],
    },
    ("reference", "classifier=PANN+dataset=full+step=STEP+transcoder=pinv+ts=0"): {
        "mel_mse": [12.0, 14.0],
        "ptopafc": [0.25],
    },
    ("hybridts", CNN_LOGITS): {"mel_mse": [19.0, 20.0], "ptopafc": [0.875]},
}
LOSSES = {"train": [0.5, 0.25, 0.125], "valid": [0.75, 0.5, 0.625], "eval": [0.875, 0.75, 0.5]}
ACCURACIES = [0.25, 0.75]
MANIFEST = {
    "name": "Dcase-Task1-full",
    "counts": {"train": {"clips": 6, "chunks": 60}},
    "parameters": {"layout": "tau", "seed": 71},
    "versions": {"numpy": "2.0"},
    "fingerprint": "f" * 64,
}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_run(folder, metric_folder, plan, identifier, metrics):
    marker = {
        **{
            "plan": plan,
            "identifier": identifier,
            "configuration": {"dataset": "f" * 64},
            "fingerprint": "0",
        },
        **{
            "previous": None,
            "state": "done",
            "run": "1",
            "host": "here",
            "pid": 1,
            "started": "2026-01-01T00:00:00",
        },
        **{"versions": {"torch": "2.11"}, "duration_s": 1.5, "error": None},
    }
    write_json(folder / "state" / f"{identifier}.json", marker)
    (folder / metric_folder).mkdir(exist_ok=True)
    for name, values in metrics.items():
        np.save(folder / metric_folder / f"{identifier}_{name}.npy", values)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A data path with three results of experiment 1, one of experiment 2, a training and a dataset."""
    folder = tmp_path_factory.mktemp("data")
    training = folder / "training_experiments" / "train_exp"
    for (plan, identifier), metrics in RUNS.items():
        write_run(training, "metric", plan, identifier.replace("STEP", "metric"), metrics)
    (training / "loss").mkdir()
    for split, losses in LOSSES.items():
        np.save(training / "loss" / f"{CNN_LOGITS.replace('STEP', 'train')}_losses_{split}.npy", losses)
    identifier = "classifier=PANN+dataset=URBAN-SOUND-8K+deep=0+transcoder=self"
    write_run(folder / CLASSIFICATION_FOLDER, "metrics", "reference", identifier, {"acc_classif": ACCURACIES})
    write_json(folder / "data" / MANIFEST["name"] / f"{MANIFEST['name']}_manifest.json", MANIFEST)
    return folder


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Two recordings as generate_audio.py leaves them, the second with an awkward name and a new version."""
    folder = tmp_path_factory.mktemp("generated")
    versions = (
        "original",
        "generated_from_groundtruth_mel",
        "generated_from_pinv",
        "generated_from_transcoder",
    )
    for name, further in (("street", ()), ("été & <nuit> #1", ("generated_from_texture",))):
        (folder / name).mkdir()
        for number, version in enumerate((*versions, *further)):
            tone = 0.1 * np.sin(2 * np.pi * 440 * (number + 1) * np.arange(SR) / SR)
            soundfile.write(folder / name / f"{name}_{version}.wav", tone, SR)
    return folder


@pytest.fixture(scope="session")
def browser():
    """A real Chromium, or a skip that says what is missing."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install -r requirements.txt"
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    arguments = [
        "--autoplay-policy=no-user-gesture-required",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()

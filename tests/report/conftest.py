"""A data path and regenerated sounds to report on, and a browser."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from spectral_transcoder.experiments.classification.experiment import FOLDER as CLASSIFICATION_FOLDER
from tests.helpers.made_runs import ACCURACIES, CNN_LOGITS, LOSSES, MANIFEST, RUNS, write_json, write_run
from tests.helpers.report_page import Page

SR = 32000


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


@pytest.fixture
def make(tmp_path, monkeypatch, call_script):
    """Make the report, with no classifier there, and return its page; `complaints` are what stderr said."""
    monkeypatch.setattr("spectral_transcoder.models.classifiers.available_classifiers", lambda: [])

    def run(data, generated, *further):
        arguments = ("--data_path", data, "--generated_audio", generated, "--output", tmp_path / "report")
        code, said, stderr = call_script("make_report.py", *arguments, *further)
        assert not code, stderr
        # bars end with a carriage return
        run.complaints.append("".join(line.rpartition("\r")[2] for line in stderr.splitlines(keepends=True)))
        assert f"open {tmp_path / 'report' / 'index.html'}" in said
        return Page(tmp_path / "report" / "index.html")

    run.complaints = []
    return run

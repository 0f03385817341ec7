"""Distillation from sounds to files: the script on a few sounds."""

import json

import pytest
import torch

from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.training.distillation import agreement, read_sounds
from spectral_transcoder.training.loop import TrainingRun
from tests.helpers.made_corpora import write_clip
from tests.helpers.made_models import random_classifier

SR = 16000


@pytest.fixture
def material(tmp_path):
    """Two folders of four sounds each, of the same names and sizes, and weights of two teachers."""
    for folder in range(2):
        for seed in range(4):
            write_clip(tmp_path / f"sounds{folder}" / f"{seed}.wav", 1.5, 4 * folder + seed)
        torch.save(
            random_classifier("YamNetMobile", folder).network.state_dict(), tmp_path / f"teacher{folder}.pth"
        )
    return tmp_path


def test_the_script_makes_a_classifier_that_can_be_loaded(material, tmp_path, call_script):
    weights = material / "teacher0.pth"
    where = [material / "sounds0", "--evaluate_on", material / "sounds0", "--teacher_weights", weights]
    output = tmp_path / "mini.pth"
    code, _, message = call_script(
        "distill_classifier.py", *where, "--seconds", 96, "--epochs", 2, "--output", output
    )
    assert not code, message
    card = json.loads(output.with_suffix(".json").read_text())
    assert card["recipe"]["epochs"] == 2
    student = load_classifier("MiniYamNet", output)
    sounds, _ = read_sounds([material / "sounds0"], SR)
    measured = agreement(load_classifier("YamNetMobile", weights), student, list(sounds.values()))
    assert measured["bce"] == pytest.approx(card["agreement"]["bce"], rel=1e-5)
    assert not output.with_suffix(".training_state").exists()
    made = output.read_bytes()
    code, _, message = call_script("distill_classifier.py", *where, "--output", output)
    assert (code, "--force replaces it" in message) == (2, True)
    assert output.read_bytes() == made


@pytest.mark.parametrize(
    ("sounds", "teacher"), [(0, 0), (1, 0), (0, 1)], ids=["the same", "other sounds", "other weights"]
)
def test_an_interrupted_run_goes_on_and_another_one_does_not(
    material, call_script, monkeypatch, sounds, teacher
):
    """Whatever was interrupted before: the bytes are those of an undisturbed run."""

    def distill(output, sounds, teacher):
        what = [material / f"sounds{sounds}", "--teacher_weights", material / f"teacher{teacher}.pth"]
        options = ["--seconds", 16, "--epochs", 2, "--output", material / output]
        return call_script("distill_classifier.py", *what, *options)

    epoch, trained = TrainingRun.epoch, []

    def interrupted_epoch(run, index):
        trained.append(index)
        if trained == [0, 1]:
            raise KeyboardInterrupt
        return epoch(run, index)

    monkeypatch.setattr(TrainingRun, "epoch", interrupted_epoch)
    assert distill("mini.pth", 0, 0)[0] == 130
    assert (material / "mini.training_state").is_file()
    assert not distill("mini.pth", sounds, teacher)[0]
    assert trained == ([0, 1, 1] if sounds == teacher else [0, 1, 0, 1])
    assert not distill("undisturbed.pth", sounds, teacher)[0]
    for suffix in (".pth", ".json"):
        undisturbed = (material / "undisturbed").with_suffix(suffix)
        assert (material / "mini").with_suffix(suffix).read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--teacher", "PANN"], 2, "YamNet's Mels"),
        (["--seconds", "0"], 2, "--seconds"),
        (["--seconds", "-5"], 2, "--seconds"),
        (["--seconds", "4"], 2, "--seconds 4: expected 8 or more"),
        (["--seed", "-1"], 2, "--seed"),
        (["--learning_rate", "nan"], 2, "learning_rate=nan"),
        ([], 1, "sounds0: 1; expected 2 or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_reported(material, call_script, options, status, words):
    for seed in range(1, 4):
        (material / "sounds0" / f"{seed}.wav").unlink()
    where = [material / "sounds0", "--teacher_weights", material / "teacher0.pth"]
    code, _, message = call_script(
        "distill_classifier.py", *where, "--output", material / "mini.pth", *options
    )
    assert (code, words in message) == (status, True), message


def test_sounds_that_cannot_be_read_are_errors(material, call_script):
    (material / "sounds0" / "0.wav").write_bytes(b"no sound")
    where = [material / "sounds0", "--teacher_weights", material / "teacher0.pth"]
    options = ["--seconds", 16, "--epochs", 1, "--output", material / "mini.pth"]
    code, said, message = call_script("distill_classifier.py", *where, *options)
    assert (code, "error:" in said, message.count("error:")) == (1, False, 1)

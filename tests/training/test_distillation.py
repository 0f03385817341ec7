"""Distillation: what is drawn and mixed, what agreement means, and the script on a few sounds."""

import json

import numpy as np
import pytest
import torch

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier, classifier_record, load_classifier
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS
from spectral_transcoder.training.distillation import (
    agreement,
    mixed_second,
    random_second,
    read_sounds,
    scored_seconds,
)
from spectral_transcoder.training.loop import TrainingRun
from spectral_transcoder.utils.errors import MissingFileError
from tests.helpers.made_corpora import write_clip

SR = 16000


def random_classifier(name, seed):
    torch.manual_seed(seed)
    network = CLASSIFIERS[name].build()
    return Classifier(CLASSIFIERS[name], network)


def tones(frequencies, duration_s=2.5):
    time = np.arange(int(duration_s * SR)) / SR
    return [np.sin(2 * np.pi * frequency * time).astype(np.float32) for frequency in frequencies]


def test_seconds_are_pieces_of_one_sound_or_two_at_a_level_that_is_drawn():
    sounds, rng = tones([1000, 3000]), np.random.default_rng(0)
    peaks, n_tones = [], []
    for _ in range(200):
        second = mixed_second(sounds, SR, rng)
        assert second.shape == (SR,)
        peaks.append(np.abs(second).max())
        spectrum = np.abs(np.fft.rfft(second)) / SR * 2
        n_tones.append(sum(spectrum[frequency] > 0.05 * spectrum.max() for frequency in (1000, 3000)))
    levels = 20 * np.log10(peaks)
    assert levels.min() > -20.01
    assert levels.max() < 0.01
    assert np.mean(levels) == pytest.approx(-10, abs=1.5)  # uniform in dB
    assert 0.15 < np.mean(np.array(n_tones) == 2) < 0.35  # half are mixed, half of these with the other tone


def test_short_and_silent_sounds_are_continued_with_silence():
    rng = np.random.default_rng(0)
    short = random_second([np.ones(10, np.float32)], SR, rng)
    assert (short[:10].sum(), short[10:].sum(), len(short)) == (10, 0, SR)
    assert not mixed_second([np.zeros(SR, np.float32)], SR, rng).any()


def test_the_teacher_scores_what_the_student_hears():
    teacher = random_classifier("YamNet", 0)
    chunks = scored_seconds(tones([500, 800]), teacher, 5, np.random.default_rng(1))
    assert chunks.levels.shape == (5, 96, 64)
    torch.testing.assert_close(chunks.scores, teacher.scores(chunks.levels))
    again = scored_seconds(tones([500, 800]), teacher, 5, np.random.default_rng(1))
    assert torch.equal(again.levels, chunks.levels)


def test_agreement_with_oneself_is_complete():
    teacher, sounds = random_classifier("YamNet", 0), tones([300, 600, 1200, 2400], 1.2)
    result = agreement(teacher, teacher, sounds)
    assert result["top1"] == 1
    assert result["bce"] == pytest.approx(result["floor"], rel=1e-9)
    other = agreement(teacher, random_classifier("MiniYamNet", 1), sounds)
    assert other["bce"] > result["floor"]


def test_agreement_counts_sounds_and_not_seconds():
    """A student that hears the teacher's label in the long sound alone agrees on half of the sounds."""

    class Fixed:
        record = CLASSIFIERS["YamNet"]

        def __init__(self, *rows):
            self.rows = np.array(rows)

        def scores(self, mels):
            assert len(mels) == len(self.rows)
            return self.rows

    teacher = Fixed([0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8])
    student = Fixed([0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.6, 0.4])
    sounds = [np.zeros(3 * SR, np.float32), np.zeros(SR, np.float32)]
    result = agreement(teacher, student, sounds)
    assert (result["top1"], result["commonest"], result["sounds"]) == (0.5, 0.5, 2)
    p, q = teacher.rows, student.rows
    assert result["bce"] == pytest.approx(-np.mean(p * np.log(q) + (1 - p) * np.log(1 - q)))
    mean = p.mean(0)
    assert result["constant"] == pytest.approx(-np.mean(p * np.log(mean) + (1 - p) * np.log(1 - mean)))
    assert result["floor"] < min(result["constant"], result["bce"])


def test_agreement_of_classifiers_of_whole_spectrograms_is_of_seconds_too():
    """EfficientAT takes spectrograms of any length: sounds of different lengths are still cut into their seconds."""
    torch.manual_seed(0)
    record = classifier_record("EfficientAT-mn04")
    classifier = Classifier(record, record.build())
    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-1, 1, seconds * 32000).astype(np.float32) for seconds in (1, 2)]
    measured = agreement(classifier, classifier, sounds)
    assert measured["sounds"] == 2
    assert measured["top1"] == 1
    assert measured["bce"] == measured["floor"]


def test_sounds_are_read_and_unreadable_ones_told(tmp_path):
    write_clip(tmp_path / "in" / "b.wav", 0.5, 1)
    (tmp_path / "in" / "a.wav").write_bytes(b"no sound")
    sounds, unreadable = read_sounds([tmp_path / "in"], SR)
    assert [path.name for path in sounds] == ["b.wav"]
    assert len(sounds[tmp_path / "in" / "b.wav"]) == SR // 2
    assert "a.wav" in unreadable[0]
    with pytest.raises(MissingFileError, match="no sound in"):
        read_sounds([tmp_path / "nowhere"], SR)


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
    code, _, told = call_script(
        "distill_classifier.py", *where, "--seconds", 96, "--epochs", 2, "--output", output
    )
    assert not code, told
    card = json.loads(output.with_suffix(".json").read_text())
    assert card["recipe"]["epochs"] == 2
    student = load_classifier("MiniYamNet", output)
    sounds, _ = read_sounds([material / "sounds0"], SR)
    measured = agreement(load_classifier("YamNetMobile", weights), student, list(sounds.values()))
    assert measured["bce"] == pytest.approx(card["agreement"]["bce"], rel=1e-5)
    assert not output.with_suffix(".training_state").exists()
    made = output.read_bytes()
    code, _, told = call_script("distill_classifier.py", *where, "--output", output)
    assert (code, "--force replaces it" in told) == (2, True)
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
def test_wrong_use_is_told(material, call_script, options, status, words):
    for seed in range(1, 4):
        (material / "sounds0" / f"{seed}.wav").unlink()
    where = [material / "sounds0", "--teacher_weights", material / "teacher0.pth"]
    code, _, told = call_script("distill_classifier.py", *where, "--output", material / "mini.pth", *options)
    assert (code, words in told) == (status, True), told


def test_sounds_that_cannot_be_read_are_errors(material, call_script):
    (material / "sounds0" / "0.wav").write_bytes(b"no sound")
    where = [material / "sounds0", "--teacher_weights", material / "teacher0.pth"]
    options = ["--seconds", 16, "--epochs", 1, "--output", material / "mini.pth"]
    code, said, told = call_script("distill_classifier.py", *where, *options)
    assert (code, "error:" in said, told.count("error:")) == (1, False, 1)


def test_mini_yamnet_is_small_and_hears_yamnets_mels():
    record = CLASSIFIERS["MiniYamNet"]
    network = record.build()
    assert sum(parameter.numel() for parameter in network.parameters()) < 400_000
    assert record.front_end == YAMNET_MELS
    assert network.eval()(torch.zeros(2, 96, 64)).shape == (2, 521)

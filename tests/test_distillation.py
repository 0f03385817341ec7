"""Distillation: what is drawn and mixed, what agreement means, and the script on a few sounds."""

import json

import numpy as np
import pytest
import torch
from made_corpora import write_clip

from spectral_transcoder.classifiers import CLASSIFIERS, Classifier, load_classifier
from spectral_transcoder.distillation import (
    agreement,
    mixed_second,
    random_second,
    read_sounds,
    taught_seconds,
)
from spectral_transcoder.errors import MissingFileError
from spectral_transcoder.mels import YAMNET_MELS

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
    chunks = taught_seconds(tones([500, 800]), teacher, 5, np.random.default_rng(1))
    assert chunks.levels.shape == (5, 96, 64)
    torch.testing.assert_close(chunks.scores, teacher.scores(chunks.levels))
    again = taught_seconds(tones([500, 800]), teacher, 5, np.random.default_rng(1))
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


def test_sounds_are_read_and_unreadable_ones_told(tmp_path):
    write_clip(tmp_path / "in" / "b.wav", 0.5, 1)
    (tmp_path / "in" / "a.wav").write_bytes(b"no sound")
    sounds, unreadable = read_sounds([tmp_path / "in"], SR)
    assert [path.name for path in sounds] == ["b.wav"]
    assert len(sounds[tmp_path / "in" / "b.wav"]) == SR // 2
    assert "a.wav" in unreadable[0]
    with pytest.raises(MissingFileError, match="no sound in"):
        read_sounds([tmp_path / "nowhere"], SR)


def test_the_script_makes_a_classifier_that_can_be_loaded(tmp_path, call_script):
    for seed in range(4):
        write_clip(tmp_path / "sounds" / f"{seed}.wav", 1.5, seed)
    weights = tmp_path / "teacher.pth"
    torch.save(random_classifier("YamNetMobile", 0).network.state_dict(), weights)
    where = [tmp_path / "sounds", "--evaluate_on", tmp_path / "sounds", "--teacher_weights", weights]
    output = tmp_path / "mini.pth"
    code, _, told = call_script(
        "distill_classifier.py", *where, "--seconds", 96, "--epochs", 2, "--output", output
    )
    assert not code, told
    card = json.loads(output.with_suffix(".json").read_text())
    assert card["recipe"]["epochs"] == 2
    student = load_classifier("MiniYamNet", output)
    sounds, _ = read_sounds([tmp_path / "sounds"], SR)
    measured = agreement(load_classifier("YamNetMobile", weights), student, list(sounds.values()))
    assert measured["bce"] == pytest.approx(card["agreement"]["bce"], rel=1e-5)
    assert not output.with_suffix(".training_state").exists()
    code, _, told = call_script("distill_classifier.py", tmp_path / "sounds", "--teacher", "PANN")
    assert (code, "YamNet's Mels" in told) == (2, True)


def test_mini_yamnet_is_small_and_hears_yamnets_mels():
    record = CLASSIFIERS["MiniYamNet"]
    network = record.build()
    assert sum(parameter.numel() for parameter in network.parameters()) < 400_000
    assert record.front_end == YAMNET_MELS
    assert network.eval()(torch.zeros(2, 96, 64)).shape == (2, 521)

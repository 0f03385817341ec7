"""Distillation: what is drawn and mixed, and what agreement means."""

import numpy as np
import pytest
import torch

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier, classifier_record
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS
from spectral_transcoder.training.distillation import (
    agreement,
    mixed_second,
    random_second,
    read_sounds,
    scored_seconds,
)
from spectral_transcoder.utils.errors import MissingFileError
from tests.helpers.made_corpora import write_clip
from tests.helpers.made_models import random_classifier

SR = 16000


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
    seconds = [np.zeros(SR, np.float32)] * 4
    three_of_four = agreement(teacher, Fixed([0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.4, 0.6]), seconds)
    assert three_of_four["top1"] == 0.75
    assert three_of_four["top1_weighted"] == pytest.approx(
        (2 / 3 + 1) / 2
    )  # three have one label, one the other


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


def test_mini_yamnet_is_small_and_hears_yamnets_mels():
    record = CLASSIFIERS["MiniYamNet"]
    network = record.build()
    assert sum(parameter.numel() for parameter in network.parameters()) < 400_000
    assert record.front_end == YAMNET_MELS
    assert network.eval()(torch.zeros(2, 96, 64)).shape == (2, 521)

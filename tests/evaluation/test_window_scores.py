"""Scores of windows, from a sound and from its levels, with the embedded classifier."""

import numpy as np
import pytest
import soundfile
import torch

from spectral_transcoder.evaluation.tagging import TaggingPipeline, find_pipeline
from spectral_transcoder.evaluation.window_scores import (
    WindowLength,
    level_window_scores,
    recording_class_scores,
    sound_window_scores,
    window_length,
)
from spectral_transcoder.models.classifiers import CLASSIFIERS, EMBEDDED, load_classifier
from spectral_transcoder.models.registry import TRUE_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.made_models import write_random_classifier

SR = 32000


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Five seconds and a bit of changing noise, peak-normalised: its path and samples."""
    generator = np.random.default_rng(2)
    signal = generator.normal(0, 1, 5 * SR + 3000) * (1 + np.sin(np.arange(5 * SR + 3000) / 9000))
    signal = (signal / np.abs(signal).max()).astype(np.float32)
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    soundfile.write(path, signal, SR, subtype="FLOAT")
    return path, signal


def test_windows_begin_two_thirds_of_their_length_apart():
    assert list(WindowLength(1).starts(4)) == [0, 1, 2, 3]
    assert list(WindowLength(3).starts(9)) == [0, 2, 4, 6]
    assert list(WindowLength(3).starts(2)) == list(WindowLength(1).starts(0)) == [0]
    assert (WindowLength(10).hop_s, WindowLength(5).hop_s) == (7, 4)


def test_patches_take_a_second_and_spectrograms_three():
    assert window_length(EMBEDDED).window_s == 1
    assert WindowLength.of(CLASSIFIERS["PANN"]).window_s == 3
    assert window_length(EMBEDDED, 5).window_s == 5


def test_true_windows_of_a_second_are_the_classifiers_patches(sound):
    pipeline = find_pipeline(EMBEDDED, TRUE_MELS)
    scores = sound_window_scores(pipeline, sound[0], WindowLength(1))
    assert scores.shape == (5, 521)
    classifier = pipeline.load_classifier()
    import soxr

    half = soxr.resample(sound[1], SR, 16000)
    patches = classifier.record.front_end.mels(torch.from_numpy(half / np.abs(half).max()))
    expected = [classifier.scores(patches[None, 100 * s : 100 * s + 96])[0] for s in range(5)]
    assert np.allclose(scores, np.stack(expected), atol=2e-3)


def test_longer_windows_are_means_of_their_seconds(sound):
    pipeline = find_pipeline(EMBEDDED, "pinv")
    seconds = sound_window_scores(pipeline, sound[0], WindowLength(1))
    windows = sound_window_scores(pipeline, sound[0], WindowLength(3))
    assert np.allclose(windows, [seconds[0:3].mean(0), seconds[2:5].mean(0)], atol=1e-6)


def test_true_windows_of_a_spectrogram_are_cut_from_the_whole(sound, tmp_path):
    """Of 5.1 s, windows of 3 s begin at 0 and 2 s; each has the frame that ends it."""
    weights = write_random_classifier(tmp_path, "EfficientAT-mn04") / CLASSIFIERS["EfficientAT-mn04"].weights
    pipeline = TaggingPipeline("EfficientAT-mn04", weights)
    scores = sound_window_scores(pipeline, sound[0], WindowLength(3))
    classifier = load_classifier("EfficientAT-mn04", weights)
    mels = classifier.record.front_end.mels(sound[1])
    expected = [classifier.scores(mels[None, 100 * second : 100 * second + 301])[0] for second in (0, 2)]
    assert scores.shape == (2, 527) and np.abs(scores[0] - scores[1]).max() > 1e-3
    assert np.allclose(scores, np.stack(expected), atol=1e-5)


def test_windows_of_levels_are_joined_from_their_seconds(sound, tmp_path):
    weights = write_random_classifier(tmp_path, "EfficientAT-mn04") / CLASSIFIERS["EfficientAT-mn04"].weights
    pipeline = TaggingPipeline("EfficientAT-mn04", weights, "pinv", "pinv")
    record = ThirdOctaves()
    levels = record.levels(sound[1], framing="per_second")[:5]  # as recordings are, second by second
    scores = level_window_scores(
        pipeline, levels.reshape(40, 29) - record.offset_db, 0.125, WindowLength(3), 0.0
    )
    transcoder = pipeline.load_transcoder()
    windows = [torch.tensor(levels[second : second + 3], dtype=torch.float32) for second in (0, 2)]
    mels = [transcoder.join(transcoder.transcode_seconds(window), 3 * SR) for window in windows]
    assert np.allclose(scores, pipeline.load_classifier().scores(torch.stack(mels)), atol=1e-5)


def test_levels_of_a_sound_score_as_the_sound_does(sound):
    pipeline = find_pipeline(EMBEDDED, "pinv")
    levels = ThirdOctaves(offset_db=0).levels(sound[1].astype(float))  # dB re full scale, as a sensor frames
    of_levels = level_window_scores(pipeline, levels, 0.125, WindowLength(1), offset_db=0)
    of_sound = sound_window_scores(pipeline, sound[0], WindowLength(1))
    assert np.allclose(of_levels, of_sound, atol=5e-3)


def test_normalised_levels_score_the_same_at_any_gain(sound):
    pipeline = find_pipeline(EMBEDDED, "pinv")
    levels = ThirdOctaves().levels(sound[1].astype(float))
    first, second = (level_window_scores(pipeline, levels + gain, 0.125, WindowLength(1)) for gain in (0, 44))
    assert np.allclose(first, second, atol=1e-4)


def test_levels_without_a_transcoder_or_too_short_are_refused():
    with pytest.raises(UsageError, match="no true Mels"):
        level_window_scores(find_pipeline(EMBEDDED, TRUE_MELS), np.zeros((80, 29)), 0.125, WindowLength(1))
    pipeline = find_pipeline(EMBEDDED, "pinv")
    with pytest.raises(UsageError, match="20 bands"):
        level_window_scores(pipeline, np.zeros((80, 20)), 0.125, WindowLength(1))
    with pytest.raises(UsageError, match="a second or more"):
        level_window_scores(pipeline, np.zeros((7, 29)), 0.125, WindowLength(1))


def test_a_class_scores_the_mean_over_windows_of_its_highest_label():
    scores = np.array([[0.1, 0.4, 0.2], [0.3, 0.0, 0.8]])
    means = recording_class_scores(
        scores, ("Car", "Bus", "Bird"), {"traffic": ["Car", "Bus"], "birds": ["Bird"]}
    )
    assert means == pytest.approx([0.35, 0.5])

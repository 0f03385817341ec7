"""Scores of windows: equal to those straight from audio, whatever file the levels went through."""

import csv

import numpy as np
import pytest
import torch

from spectral_transcoder.evaluation.presence import find_presence
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.level_models import load_trained
from spectral_transcoder.models.registry import model_entry
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.sensors import SensorClassifier, read_levels
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.models import choose_classifier, choose_transcoder
from spectral_transcoder.sensors.sounds import audio_blocks
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from tests.helpers.made_levels import epochs_s, street_levels, write_csv

ALL = np.ones(29, bool)


def blocks_of(levels):
    return [LevelBlock("s", "f", epochs_s(len(levels)), levels, ALL)]


def transcode_levels(transcoder, levels):
    """Return Mels of (n_frames, 29) continuous levels: eight frames are a second, silence completes the last."""
    padded = np.full((-(-len(levels) // 8) * 8, 29), -154, np.float32)  # the floor of -180 dB, 26 dB higher
    padded[: len(levels)] = levels
    seconds = transcoder.transcode_seconds(torch.tensor(padded.reshape(-1, 8, 29)))
    return transcoder.join(seconds, len(levels) * 4000).numpy()


@pytest.mark.parametrize("name", ["PANN", "YamNetMobile"])
@pytest.mark.parametrize("n_frames", [5, 8, 80, 83, 86])
def test_a_window_scores_what_its_recording_scores(models, name, n_frames):
    transcoder, classifier = models(name)
    levels = street_levels(n_frames) - np.float32(88)
    (windows,) = SensorClassifier(transcoder, classifier).classify(blocks_of(levels), window_s=60)
    mels = transcode_levels(transcoder, levels + np.float32(26))
    expected = classifier.recording_scores(mels if mels.ndim == 3 else mels[None])
    np.testing.assert_allclose(windows.scores[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["PANN", "YamNetMobile"])
def test_overlapping_windows_score_as_windows_alone(models, name):
    model = SensorClassifier(*models(name))
    levels = street_levels(400)
    (windows,) = model.classify(blocks_of(levels), offset_db=-88, window_s=10, hop_s=4)
    for index in range(len(windows)):
        own = levels[index * 32 : index * 32 + 80]
        (alone,) = model.classify(blocks_of(own), offset_db=-88, window_s=10)
        np.testing.assert_allclose(windows.scores[index], alone.scores[0], atol=1e-5)


def test_pann_hears_windows_longer_than_a_minute(models):
    model = SensorClassifier(*models("PANN"))
    (windows,) = model.classify(blocks_of(street_levels(8 * 130)), offset_db=-88, window_s=65)
    assert windows.scores.shape == (2, 527) and np.isfinite(windows.scores).all()


@pytest.mark.shared
@pytest.mark.parametrize("pattern", ["tau2020/*.wav", "urbansound8k/fold1/*-[23]-0-1*.ogg"])
def test_files_of_levels_score_as_the_audio(shared, tmp_path, pattern):
    classifier = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    transcoder = Transcoder(TranscoderSettings("pinv", "YamNet"))
    model, third_octaves = SensorClassifier(transcoder, classifier), ThirdOctaves()
    for sound in sorted((shared / "audio").glob(pattern))[:6]:
        signal = read_audio(sound).at(third_octaves.sr)
        levels = third_octaves.levels(signal)
        levels = levels[: len(levels) // 8 * 8]  # whole seconds: shorter tails are no patches
        expected = classifier.scores(transcode_levels(transcoder, levels))

        spl = levels.astype(float) - 26 + 88
        for decimals, tolerance in ((12, 1e-4), (2, 5e-3)):
            path = write_csv(tmp_path / "a.csv", spl.round(decimals), epochs_s(len(levels)))
            (windows,) = model.classify(read_levels(path), offset_db=-88)
            np.testing.assert_allclose(windows.scores, expected, atol=tolerance)
        (straight,) = model.classify(audio_blocks(sound))
        np.testing.assert_allclose(straight.scores[: len(expected)], expected, atol=1e-5)


def test_missing_bands_are_at_their_floor(models):
    model = SensorClassifier(*models("YamNetMobile"))
    present = np.arange(29) >= 8
    levels = street_levels(8)
    floor = np.where(present, levels - np.float32(88), np.float32(-80))
    (reduced,) = model.classify([LevelBlock("s", "f", epochs_s(8), levels, present)], offset_db=-88)
    (padded,) = model.classify(blocks_of(floor))
    np.testing.assert_allclose(reduced.scores, padded.scores, atol=1e-6)
    assert np.isnan(reduced.windows.mean_levels_db[0, :8]).all()


def test_presence_is_being_among_the_eight_highest_entries():
    names = [f"label{index}" for index in range(20)]
    grouping = {"low": ["label0", "label1"], "high": ["label2", "label3", "absent"]}
    scores = np.linspace(0.9, 0.1, 20)[None].copy()  # entries: the two classes, and 16 labels alone
    scores[0, :4] = [0.01, 0.02, 0.01, 0.55]  # alone and above 0.55: labels 4 to 8
    found = find_presence(scores, names, grouping)
    np.testing.assert_allclose(found.scores, [[0.02, 0.55]])
    np.testing.assert_array_equal(found.present, [[False, True]])
    scores[0, 9:11] = 0.56, 0.57  # seven above: still the eighth
    assert find_presence(scores, names, grouping).present[0, 1]
    scores[0, 11] = 0.58
    assert not find_presence(scores, names, grouping).present[0, 1]


def test_a_grouping_of_the_users_own(models, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("sirens: [Siren, Ambulance (siren)]\n")
    model = SensorClassifier(*models("PANN"), groupings=[path])
    assert model.classes == ["traffic", "voices", "birds", "sirens"]
    (windows,) = model.classify(blocks_of(street_levels(8)), offset_db=-88)
    siren = [model.labels.index(label) for label in ("Siren", "Ambulance (siren)")]
    assert windows.presence.scores[0, 3] == windows.scores[0, siren].max()


@pytest.mark.parametrize(
    ("text", "found"),
    [("birds: Bird", "lists of labels"), ("{", "no YAML"), ("traffic: [Car]", "several groupings")],
)
def test_wrong_groupings_are_refused(models, tmp_path, text, found):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=found):
        SensorClassifier(*models("PANN"), groupings=[path])


def test_the_best_transcoder_is_one_that_the_classifier_taught(tmp_path):
    for stem in (
        "classifier=YamNet+transcoder=cnn_pinv+ts=1",
        "classifier=PANN+transcoder=cnn_pinv+ts=1",
        "classifier=PANN+transcoder=cnn_pinv+ts=0",
    ):
        record = "PANN" if "PANN" in stem else "YamNet"
        Transcoder(TranscoderSettings("pinv", record)).save(tmp_path / f"{stem}_model")
    chosen = {
        name: choose_transcoder(name, folder=tmp_path)[1] for name in ("PANN", "YamNet", "YamNetMobile")
    }
    assert chosen["PANN"].startswith("CNN-logits for PANN")
    assert chosen["YamNet"].startswith("CNN-logits for YamNet")
    assert (
        chosen["YamNetMobile"] == "PINV with texture for YamNet Mels"
    )  # another edition's teacher does not serve
    assert "CNN-mels for PANN" in choose_transcoder("PANN", "cnn_mels", tmp_path)[1]
    with pytest.raises(MissingFileError, match="no cnn_mels for YamNet"):
        choose_transcoder("YamNet", "cnn_mels", tmp_path)
    with pytest.raises(UsageError, match="makes PANN Mels"):
        choose_transcoder("YamNet", str(tmp_path / "classifier=PANN+transcoder=cnn_pinv+ts=0_model"))


def test_missing_weights_name_the_command_that_fetches_them(monkeypatch, tmp_path):
    monkeypatch.setattr("spectral_transcoder.models.classifiers.PRETRAINED_MODELS", tmp_path)
    monkeypatch.setattr("spectral_transcoder.models.classifiers.REFERENCE_MODELS", tmp_path)
    with pytest.raises(MissingFileError, match=r"download_pretrained_models.py --models YamNetMobile"):
        choose_classifier("YamNetMobile")
    with pytest.raises(MissingFileError, match=r"distill_classifier\.py"):
        choose_classifier()


def test_a_student_needs_no_weights_of_its_classifier(monkeypatch, tmp_path, call_script):
    monkeypatch.setattr("spectral_transcoder.models.classifiers.PRETRAINED_MODELS", tmp_path)
    with pytest.raises(MissingFileError, match=r"--models EfficientAT-mn04"):
        SensorClassifier.load("EfficientAT-mn04")  # its default is a head, behind the classifier
    write_csv(tmp_path / "day.csv", street_levels(48, seed=0), epochs_s(48))
    models = ("--classifier", "EfficientAT-mn04", "--transcoder", "student", "--offset=-88")
    status, _, said = call_script(
        "classify_thirdo.py", tmp_path / "day.csv", *models, "-o", tmp_path / "o.csv"
    )
    assert status == 0, said
    with (tmp_path / "o.csv").open() as rows:
        found = [float(row["first_score"]) for row in csv.DictReader(rows)]
    student = load_trained(model_entry("student").require("EfficientAT-mn04"))
    levels = torch.tensor(street_levels(48, seed=0)) - 88 + 26  # 26 dB: a full-scale sine's third octave here
    expected = [student(levels[None, begin : begin + 24]).max().item() for begin in (0, 16)]
    np.testing.assert_allclose(found[:2], expected, atol=1e-4)  # windows of 3 s, every 2 s


def test_levels_become_what_the_transcoder_was_trained_with(models):
    transcoder, classifier = models("PANN")
    seen = []
    transcoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    list(
        SensorClassifier(transcoder, classifier).classify(blocks_of(np.full((8, 29), 65, np.float32)), -88.0)
    )
    torch.testing.assert_close(seen[0], torch.full((1, 8, 29), 65.0 - 88 + 26))

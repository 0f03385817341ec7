"""Calibrating a sensor's models, on true Mels and on people's word, and what classify_thirdo.py then writes."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from spectral_transcoder.datasets.annotated_recordings import AnnotatedRecordings
from spectral_transcoder.evaluation.presence import find_presence
from spectral_transcoder.evaluation.presence_probability import PresenceCalibration
from spectral_transcoder.models.classifiers import EMBEDDED, classifier_record
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.models import choose_classifier, choose_transcoder
from spectral_transcoder.sensors.presence_calibration import (
    calibrate_by_people,
    calibrate_by_true_mels,
    calibration_name,
    find_calibration,
    models_digest,
    save_calibration,
    sensor_scores,
    true_presence,
)
from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, THIRD_OCTAVES
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import REFERENCE_MODELS
from tests.helpers.made_levels import epochs_s, street_levels, write_csv


@pytest.fixture(scope="module")
def model():
    return SensorClassifier.load(EMBEDDED, "pinv_texture")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Four sounds of eight seconds, silent in parts: (paths, their folder)."""
    folder, generator = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    for index in range(4):
        noise = generator.normal(0, 0.1, 8 * 16000)
        noise[: index * 32000] *= 1e-3
        soundfile.write(folder / f"{index}.wav", noise, 16000)
    return sorted(folder.glob("*.wav")), folder


def test_true_presence_is_the_rank_rule_on_the_sound(model, sounds):
    path, record = sounds[0][1], model.classifier.record
    samples, _ = soundfile.read(path)
    second = (samples / np.abs(samples).max())[3 * 16000 : 4 * 16000].astype(np.float32)
    scores = model.classifier.scores(record.front_end.classifier_input(second))
    assert (
        true_presence(model.classifier, path, 1)[3] == find_presence(scores, record.labels, "tvb").present
    ).all()


def test_probabilities_are_right_in_the_mean(model, sounds):
    paths, _ = sounds
    calibration = calibrate_by_true_mels(model, paths, 1)
    scores = np.concatenate([sensor_scores(model, path, 1) for path in paths])
    present = np.concatenate([true_presence(model.classifier, path, 1) for path in paths])
    assert len(scores) == len(present) == 32
    for name, probability in calibration.probability(scores, ["traffic", "voices", "birds"]).items():
        assert probability.mean() == pytest.approx(calibration.provenance["present_share"][name], abs=0.01)


def test_people_may_say_what_is_there(model, sounds):
    _, folder = sounds
    times = np.array([[0.0], [0.2], [0.7], [1.0]])
    annotated = AnnotatedRecordings(("0.wav", "1.wav", "2.wav", "3.wav"), ("birds",), times)
    calibration = calibrate_by_people(model, annotated, folder, 1)
    assert list(calibration.classes) == ["birds"] and calibration.window_s == 1
    assert calibration.provenance["sounds"] == 4
    with pytest.raises(MissingFileError, match=r"9\.wav"):
        calibrate_by_people(model, AnnotatedRecordings(("9.wav",), ("birds",), times[:1]), folder, 1)
    with pytest.raises(UsageError, match="trams"):
        calibrate_by_people(model, AnnotatedRecordings(("0.wav",), ("trams",), times[:1]), folder, 1)


def test_a_calibration_belongs_to_its_models_and_windows(model, sounds, tmp_path):
    calibration = calibrate_by_true_mels(model, sounds[0], 1)
    save_calibration(calibration, model, tmp_path)
    assert find_calibration(model, 1, tmp_path) == calibration
    assert find_calibration(model, 3, tmp_path) is None
    other = SensorClassifier.load(EMBEDDED, "pinv")
    assert find_calibration(other, 1, tmp_path) is None
    assert calibration_name(other, 1) != calibration_name(model, 1)


def test_rows_have_probabilities_and_times(model, sounds, call_script, tmp_path, monkeypatch):
    levels = write_csv(tmp_path / "day.csv", street_levels(8 * 90), epochs_s(8 * 90))
    table = sounds[1] / "time_of_presence.csv"
    table.write_text(
        "recording,traffic,voices\n" + "".join(f"{n}.wav,{n / 4},{1 - n / 4}\n" for n in range(4))
    )
    written = tmp_path / "calibration.json"
    monkeypatch.setattr(
        "spectral_transcoder.sensors.presence_calibration.calibration_name", lambda *_: str(written)
    )
    status, out, err = call_script(
        *("classify_thirdo.py", levels, "--offset", "-88", "--classifier", EMBEDDED),
        *(
            "--transcoder",
            "pinv_texture",
            "--calibrate",
            table,
            "--per",
            "minute",
            "-o",
            tmp_path / "day.csv.csv",
        ),
    )
    assert not status, out + err
    rows = pd.read_csv(tmp_path / "day.csv.csv")
    calibration = PresenceCalibration.load(written)
    expected = calibration.probability(
        rows[["traffic_score", "voices_score"]].to_numpy(), ["traffic", "voices"]
    )
    for name in ("traffic", "voices"):
        np.testing.assert_allclose(rows[f"{name}_probability"], expected[name], atol=1e-4)
    assert "birds_probability" not in rows
    times = pd.read_csv(tmp_path / "day.csv_per_minute.csv")
    assert times["measured_s"].tolist() == [60, 30]
    assert times["traffic_time"][0] == pytest.approx(rows["traffic_probability"][:60].mean(), abs=1e-3)
    assert times["birds_time"][0] == pytest.approx(rows["birds_present"][:60].mean(), abs=1e-3)


def test_a_calibration_lies_beside_the_weights_that_are_used(sounds, call_script, tmp_path):
    levels = write_csv(tmp_path / "day.csv", street_levels(80), epochs_s(80))
    (sounds[1] / "people.csv").write_text(
        "recording,birds\n" + "".join(f"{n}.wav,{n / 4}\n" for n in range(4))
    )
    weights = tmp_path / "mine" / "weights.pth"
    weights.parent.mkdir()
    shutil.copy(classifier_record(EMBEDDED).path, weights)
    command = (
        "classify_thirdo.py",
        levels,
        "--offset",
        "-88",
        "--classifier",
        EMBEDDED,
        "--weights",
        weights,
    )
    command += ("--transcoder", "pinv", "--scores", "classes", "-o")
    status, out, err = call_script(*command, tmp_path / "a.csv", "--calibrate", sounds[1] / "people.csv")
    assert not status, out + err
    (path,) = weights.parent.glob("*.presence.json")
    assert str(path) in out
    assert not call_script(*command, tmp_path / "b.csv")[0]
    for name in ("a.csv", "b.csv"):
        assert "birds_probability" in pd.read_csv(tmp_path / name)


def test_without_a_calibration_it_is_said_how_to_make_one(call_script, tmp_path):
    levels = write_csv(tmp_path / "day.csv", street_levels(80), epochs_s(80))
    status, out, _ = call_script(
        *("classify_thirdo.py", levels, "--offset", "-88", "--classifier", EMBEDDED, "--window_s", "7"),
        *("--transcoder", "pinv", "-o", tmp_path / "out.csv"),
    )
    assert not status and "calibrate_presence.py" in out
    assert not [name for name in pd.read_csv(tmp_path / "out.csv") if name.endswith("_probability")]


def test_the_script_calibrates(call_script, sounds, tmp_path):
    status, out, err = call_script(
        *("calibrate_presence.py", sounds[1], "--classifier", EMBEDDED, "--transcoder", "pinv"),
        *("--output", tmp_path),
    )
    assert not status, out + err
    (path,) = tmp_path.glob("*.presence.json")
    assert "threshold" in out and PresenceCalibration.load(path).classifier == EMBEDDED
    assert call_script("calibrate_presence.py")[0] == 2


@pytest.fixture
def opposite(tmp_path):
    """Three recordings whose channels cancel but for the first, which is cut off: their folder."""
    folder = tmp_path / "opposite"
    folder.mkdir()
    noise = np.random.default_rng(3).normal(0, 0.1, 12 * 16000)
    for index in range(3):
        soundfile.write(folder / f"{index}.wav", np.stack([noise, -noise], 1), 16000)
    whole = (folder / "0.wav").read_bytes()
    (folder / "0.wav").write_bytes(whole[: len(whole) * 3 // 4])
    return folder


def test_the_script_takes_a_channel_and_what_is_there(call_script, opposite, tmp_path):
    models = ("--classifier", EMBEDDED, "--transcoder", "pinv", "--output", tmp_path / "made")
    status, out, err = call_script("calibrate_presence.py", opposite, *models)
    assert status == 1 and "of 24 windows" in out
    assert "0.wav is no whole sound" in err and err.count("channels cancel") == 2
    reading = ("--channel", "2", "--accept_truncated")
    status, out, err = call_script("calibrate_presence.py", opposite, *models, *reading)
    assert not status and "of 32 windows" in out
    assert "0.wav is truncated" in err and "cancel" not in err
    (path,) = (tmp_path / "made").glob("*.presence.json")
    stated = PresenceCalibration.load(path).provenance["reading"]
    assert stated == {"channel": 2, "accept_truncated": True}
    status, _, err = call_script("calibrate_presence.py", opposite, *models, "--channel", "3")
    assert status == 1 and "there is no channel 3" in err


def test_people_may_annotate_one_channel(call_script, opposite, tmp_path):
    table = opposite / "time_of_presence.csv"
    table.write_text("recording,traffic\n1.wav,0.2\n2.wav,0.9\n")
    models = ("--classifier", EMBEDDED, "--transcoder", "pinv", "--output", tmp_path / "made")
    status, _, err = call_script("calibrate_presence.py", "--annotations", table, *models)
    assert not status and err.count("channels cancel") == 2
    status, _, err = call_script("calibrate_presence.py", "--annotations", table, *models, "--channel", "1")
    assert not status and "cancel" not in err


def test_a_file_that_is_no_calibration_is_not_replaced(model, call_script, sounds, tmp_path):
    foreign = tmp_path / calibration_name(model, 1)
    foreign.write_text("my notes")
    status, _, err = call_script(
        *("calibrate_presence.py", sounds[1], "--classifier", EMBEDDED, "--transcoder", "pinv_texture"),
        *("--output", tmp_path),
    )
    assert status == 2 and "was not written by this script" in err
    assert foreign.read_text() == "my notes"


@pytest.mark.parametrize("path", sorted(REFERENCE_MODELS.glob("*.presence.json")), ids=lambda path: path.name)
def test_shipped_calibrations_can_be_used(path):
    calibration = PresenceCalibration.load(path)
    assert path.name.startswith(calibration.classifier)
    assert set(calibration.classes) == {"traffic", "voices", "birds"}
    assert all(one.slope > 0 and 0 < one.threshold < 1 for one in calibration.classes.values())


@pytest.mark.shared
@pytest.mark.parametrize("third_octaves", [THIRD_OCTAVES, SECOND_OCTAVES], ids=["125 ms", "1 s"])
@pytest.mark.parametrize("name", ["YamNetMobile", "EfficientAT-mn04"])
def test_the_default_models_have_a_calibration_for_their_own_windows(shared, name, third_octaves):
    classifier = choose_classifier(name, shared / "pretrained" / classifier_record(name).weights)
    model = SensorClassifier(choose_transcoder(name, third_octaves=third_octaves)[0], classifier)
    calibration = find_calibration(model, model.own_window.window_s)
    assert calibration is not None and calibration.classifier == name
    assert calibration.provenance["models"] == models_digest(model)

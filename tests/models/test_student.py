"""Students: levels of any duration to a teacher's labels, small, deterministic, exported."""

import numpy as np
import onnxruntime
import pytest
import torch

from spectral_transcoder.models import onnx_export
from spectral_transcoder.models.classifiers import classifier_record, load_classifier
from spectral_transcoder.models.level_models import load_level_model, load_model
from spectral_transcoder.models.student import Student, StudentSettings, build_student
from spectral_transcoder.sensors import SensorClassifier
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.utils.errors import CheckpointError, UsageError
from tests.helpers.made_levels import epochs_s, street_levels


@pytest.fixture
def student():
    torch.manual_seed(0)
    return Student(StudentSettings("MiniYamNet"))


def seconds(n_seconds):
    levels = street_levels(8 * n_seconds).astype(np.float32) - 62
    return torch.from_numpy(levels.reshape(n_seconds, 8, 29))


def test_scores_are_those_of_the_network(student):
    levels, classifier = seconds(5), load_classifier("MiniYamNet")
    behind = student.transcoder.classifier_behind(classifier)
    with torch.no_grad():
        expected = student(levels)
    assert expected.shape == (5, 521) and expected.min() >= 0 and expected.max() <= 1
    torch.testing.assert_close(behind.scores(student.transcoder.transcode_seconds(levels)), expected)
    assert behind.record.labels == classifier.record.labels


def test_levels_stand_where_mels_do(student):
    """Bands of 20 Hz to 12.5 kHz, a frame each 125 ms, eight of which a second has."""
    front_end = student.record.front_end
    assert (front_end.fmin, front_end.fmax) == pytest.approx((20, 12500), rel=0.01)
    assert (front_end.n_mels, front_end.chunk_frames, front_end.hop_length) == (29, 8, front_end.sr / 8)


def test_sensors_and_whole_recordings_score_alike(student):
    """What classify_thirdo.py gives of a window is the mean of the network's scores of its seconds."""
    levels = street_levels(80)
    model = SensorClassifier(student.transcoder, load_classifier("MiniYamNet"))
    block = LevelBlock("s", "f", epochs_s(80), levels, np.ones(29, bool))
    (windows,) = model.classify([block], offset_db=-88, window_s=10)
    with torch.no_grad():
        expected = student(seconds(10)).mean(0)
    np.testing.assert_allclose(windows.scores[0], expected.numpy(), atol=1e-5)


def test_a_checkpoint_is_small_and_whole(student, tmp_path):
    student.save(tmp_path / "a_model")
    assert (tmp_path / "a_model").stat().st_size < 6_000_000
    again = load_level_model(tmp_path / "a_model")
    assert isinstance(again, Student)
    assert again.settings == student.settings
    with torch.no_grad():
        torch.testing.assert_close(again(seconds(2)), student(seconds(2)), rtol=0, atol=0)
    assert load_model(tmp_path / "a_model").name == "student"


def test_exported_it_is_below_six_megabytes(student, tmp_path):
    behind = student.transcoder.classifier_behind(load_classifier("MiniYamNet"))
    model = onnx_export.export_onnx(tmp_path / "a.onnx", student.transcoder, behind)
    assert model.size_mb < 6
    levels = seconds(3)
    (scores,) = onnxruntime.InferenceSession(tmp_path / "a.onnx").run(None, {"levels_db": levels.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(scores, student(levels).numpy(), atol=1e-5)


def test_it_begins_with_the_levels_and_scores_of_its_training_windows(student):
    """Each band standardised, and scores whose mean is that of the teacher's, before the first step."""
    levels, rng = seconds(40), torch.Generator().manual_seed(0)
    levels[:, :, 3] = -200.0  # silence
    scores = torch.rand(40, 521, generator=rng) ** 6
    scores[:, 7] = 0
    student.network.begin_with(levels, scores)
    seen = []
    student.network.convolutions.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        student.network.classifier[-1].weight.zero_()
        found = student(levels)
    torch.testing.assert_close(found[0], scores.mean(0), atol=2e-6, rtol=1e-4)
    image = seen[0].squeeze(1)
    torch.testing.assert_close(image.mean(dim=(0, 1)), torch.zeros(29), atol=1e-4, rtol=0)
    std_db = levels.clamp(min=-70).std(dim=(0, 1))
    torch.testing.assert_close(image.std(dim=(0, 1)), std_db / (std_db + 3))  # nought where it is silent


def test_a_student_of_an_earlier_version_scores_as_it_did(student, tmp_path):
    """Its levels were divided by 20 dB in every band, and its file does not say so."""
    student.save(tmp_path / "now_model")
    content = torch.load(tmp_path / "now_model", weights_only=True)
    for name in ("mean_db", "std_db"):
        del content["state_dict"][name]
    torch.save(content, tmp_path / "once_model")
    once, levels = load_level_model(tmp_path / "once_model"), seconds(3)
    image = (levels.clamp(min=-70) / 20).unsqueeze(1)
    network = once.network
    with torch.no_grad():
        frames = network.convolutions(image).transpose(1, 2).flatten(2)
        embedding = network.summary(torch.cat([frames.mean(1), frames.amax(1)], dim=1))
        torch.testing.assert_close(once(levels), network.classifier(embedding).sigmoid())


def test_it_serves_the_classifiers_of_its_labels_and_windows(student, yamnet_weights):
    own, other = (
        student.transcoder.classifier_behind(classifier)
        for classifier in (load_classifier("MiniYamNet"), load_classifier("YamNet", yamnet_weights))
    )
    levels = seconds(3).numpy()
    np.testing.assert_array_equal(own.scores(levels), other.scores(levels))
    for behind, name in ((own, "MiniYamNet"), (other, "YamNet")):
        assert (behind.record.name, behind.record.path) == (name, classifier_record(name).path)
    for name in ("PANN", "EfficientAT-mn04"):
        with pytest.raises(UsageError, match=f"labels and windows of MiniYamNet does not serve {name}"):
            student.transcoder.check_serves(classifier_record(name))


def test_sizes_are_checked():
    with pytest.raises(UsageError, match="nb_channels=0"):
        Student(StudentSettings("MiniYamNet", nb_channels=0))


def test_a_file_of_another_format_is_no_student(tmp_path):
    content = {"format": "x", "settings": {"network": "student"}}
    with pytest.raises(CheckpointError, match="no checkpoint of a student"):
        build_student(content, tmp_path / "a_model")
    torch.save(content, tmp_path / "a_model")
    with pytest.raises(CheckpointError, match="no checkpoint of a student"):
        load_model(tmp_path / "a_model")


def test_a_hundredth_of_a_decibel_changes_nothing(student):
    levels = seconds(60)
    louder = levels.clone()
    louder[:, :, 17] += 0.01
    with torch.no_grad():
        assert (student(levels) - student(louder)).abs().max() < 0.02

"""Transcoders: the published weights, whole recordings, checkpoints, and files that must be refused."""

import json
import math
import os
import pickle
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError, UsageError

SR = 32000
SMALL_CNN = {"kernel_size": 3, "nb_layers": 3, "nb_channels": 4, "dilation": 1}
MEL_FRONT_ENDS = {"PANN": PANN_MELS, "YamNet": YAMNET_MELS}

PUBLISHED_YAML = """
model_type: {network}
mels_type: YamNet
cnn_kernel_size: 3
cnn_nb_layers: 3
cnn_nb_channels: 4
cnn_dilation: 1
mlp_hl_1: null
mlp_hl_2: null
input_shape: !!python/tuple
- 8
- 64
"""


def transcoder_of(front_end="PANN", network="cnn_pinv", seed=0, **settings):
    torch.manual_seed(seed)
    cnns = {"cnn_pinv": SMALL_CNN, "cnn_texture": SMALL_CNN, "cnn_grid": {"nb_channels": 4}}
    options = {"pinv": {}, "pinv_texture": {}, **cnns}.get(network, {"hidden1": 3, "hidden2": 4})
    return Transcoder(TranscoderSettings(network, front_end, options=options, **settings))


@lru_cache
def small_transcoder(front_end):
    return transcoder_of(front_end)


def noise(n_samples, seed=0):
    signal = np.random.default_rng(seed).standard_normal(n_samples)
    return (signal / np.abs(signal).max()).astype(np.float32)


def mels_by_hand(transcoder, levels, n_samples):
    """Join seconds as docs/method.md says, section 1: levels [S, 8, 29] of a recording of `n_samples` at 32 kHz."""
    with torch.no_grad():
        seconds = [transcoder(torch.tensor(second)[None].float())[0].numpy() for second in levels]
    if transcoder.front_end is YAMNET_MELS:
        whole, tail = divmod(n_samples, SR)
        keep = max(1, whole + (tail >= SR / 2))
        return np.stack(seconds[:keep])
    frames = [frame for second in seconds[:-1] for frame in second[:100]] + list(seconds[-1])
    return np.stack(frames)[: n_samples // 320 + 1]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("classifier", "taught", "reference", "mean", "worst"),
    [
        ("PANN", False, "cnn_mels_pann", 1e-3, 1e-3),
        ("PANN", True, "cnn_logits_pann", 1e-3, 1e-2),
        ("YamNet", True, "cnn_logits_yamnet", 1e-3, 1e-3),
    ],
    ids=["CNN-mels PANN", "CNN-logits PANN", "CNN-logits YamNet"],
)
def test_golden_transcoders(golden, published_weights, classifier, taught, reference, mean, worst):
    transcoder = load_transcoder(published_weights(classifier, taught))
    assert sum(parameter.numel() for parameter in transcoder.parameters()) == 186_497
    for clip in golden.values():
        levels = torch.tensor(clip["third_octave_db"])
        error = np.abs(transcoder.transcode_seconds(levels).numpy() - clip[reference])
        assert error.mean() < mean
        assert error.max() < worst


@pytest.fixture(scope="module")
def street_recordings(shared):
    recordings = [read_audio(path) for path in sorted((shared / "audio/tau2020").glob("*.wav"))]
    assert len(recordings) == 6
    return recordings


@pytest.mark.shared
@pytest.mark.parametrize(
    ("classifier", "taught", "way", "expected", "tolerance"),
    [
        ("PANN", None, "power", 13.30, 0.02),
        ("PANN", False, None, 11.08, 0.02),
        ("PANN", True, None, 20.24, 0.02),
        ("YamNet", None, "power", 2.72, 0.02),
        ("YamNet", None, "magnitude", 1.07, 0.02),
    ],
    ids=["PANN PINV", "PANN CNN-mels", "PANN CNN-logits", "YamNet PINV power", "YamNet PINV magnitude"],
)
def test_mel_error_on_sixty_seconds_of_street(
    street_recordings, published_weights, classifier, taught, way, expected, tolerance
):
    """The mean squared error between transcoded and true Mels, in dB² for PANN (docs/method.md, sections 3 and 8)."""
    if taught is None:
        transcoder = Transcoder(TranscoderSettings("pinv", classifier, way))
    else:
        transcoder = load_transcoder(published_weights(classifier, taught))
    front_end = MEL_FRONT_ENDS[classifier]
    errors = []
    for recording in street_recordings:
        levels = ThirdOctaves().levels(recording.at(SR), framing="per_second")
        assert len(levels) == 10
        mels = transcoder.transcode_seconds(torch.tensor(levels)).numpy()
        errors.append(np.square(mels - front_end.chunks(recording.at(front_end.sr))).mean())
    assert np.mean(errors) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
@pytest.mark.parametrize("duration_s", [0.3, 1.0, 2.3, 2.5, 3.0])
@pytest.mark.parametrize("batch_size", [64, 2])
def test_a_recording_is_transcoded_second_by_second(front_end, duration_s, batch_size):
    signal = noise(round(duration_s * SR))
    transcoder = transcoder_of(front_end)
    padded = np.pad(signal, (0, -len(signal) % SR))
    levels = [ThirdOctaves().levels(second) for second in padded.reshape(-1, SR)]
    expected = mels_by_hand(transcoder, levels, len(signal))
    mels = transcoder.transcode(signal, batch_size=batch_size)
    assert isinstance(mels, np.ndarray)
    np.testing.assert_allclose(mels, expected, rtol=0, atol=1e-3)
    as_tensor = transcoder.transcode(torch.tensor(signal))
    np.testing.assert_allclose(as_tensor.numpy(), mels, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "third_octaves",
    [
        ThirdOctaves(lowest_band=-9, n_bands=20),
        ThirdOctaves(frame_length=32768, hop_length=32000),
        ThirdOctaves(edges="sensor", offset_db=-94.0),
    ],
    ids=["twenty bands", "one second", "sensor"],
)
@pytest.mark.parametrize(
    "network", ["pinv", "pinv_texture", "cnn_pinv", "cnn_texture", "cnn_grid", "mlp", "mlp_pinv"]
)
@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
def test_other_sensors(third_octaves, network, front_end):
    transcoder = transcoder_of(front_end, network, third_octaves=third_octaves)
    signal = noise(2 * SR)
    n_frames = {"PANN": (201, 64), "YamNet": (2, 96, 64)}[front_end]
    mels = transcoder.transcode(signal)
    assert mels.shape == n_frames
    assert np.isfinite(mels).all()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_samples=st.integers(1, 3 * SR),
    sound=st.sampled_from(["noise", "silence", "clipped", "click"]),
    front_end=st.sampled_from(["PANN", "YamNet"]),
)
def test_time_axis_is_the_recordings_own(n_samples, sound, front_end):
    """However long the recording: as many Mels as its true Mels have, all of them finite (docs/method.md, defect 9)."""
    signal = noise(n_samples, seed=n_samples)
    if sound == "silence":
        signal *= 0
    elif sound == "clipped":
        signal = np.clip(40 * signal, -1, 1)
    elif sound == "click":
        signal = np.zeros_like(signal)
        signal[n_samples // 2] = 1
    mels = small_transcoder(front_end).transcode(signal)
    at_its_rate = signal if front_end == "PANN" else signal[::2]
    true = MEL_FRONT_ENDS[front_end].classifier_input(at_its_rate, shortest_tail_s=0.5)
    assert mels.shape == (true[0].shape if front_end == "PANN" else true.shape)
    assert len(mels) == (n_samples // 320 + 1 if front_end == "PANN" else len(true))
    assert np.isfinite(mels).all()


@pytest.mark.parametrize(
    "network", ["pinv", "pinv_texture", "cnn_pinv", "cnn_texture", "cnn_grid", "mlp", "mlp_pinv"]
)
def test_a_checkpoint_describes_itself(tmp_path, network):
    third_octaves = ThirdOctaves(edges="sensor", offset_db=-90.0)
    transcoder = transcoder_of("YamNet", network, pinv_way="power", third_octaves=third_octaves)
    transcoder.training_record = {"learning_rate": -3, "seed": 71, "losses": [1.5, 0.5]}
    path = tmp_path / "new folder" / "my_model"
    transcoder.save(path)
    loaded = load_transcoder(path)
    assert loaded.settings == transcoder.settings
    assert loaded.training_record == transcoder.training_record
    signal = noise(SR)
    np.testing.assert_array_equal(loaded.transcode(signal), transcoder.transcode(signal))
    versions = torch.load(path, weights_only=True)["versions"]
    assert versions["torch"] == torch.__version__
    assert [file.name for file in path.parent.iterdir()] == ["my_model"]


def test_settings_survive_json():
    settings = TranscoderSettings("mlp", "YamNet", "power", ThirdOctaves(n_bands=20), {"hidden1": 1})
    assert TranscoderSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def published_like(tmp_path, yaml_text, front_end="YamNet"):
    """Write weights as the published ones are: a bare state dict, and its settings in YAML beside it."""
    transcoder = transcoder_of(front_end, pinv_way="power" if front_end == "YamNet" else None)
    path = tmp_path / "published_model"
    torch.save(transcoder.network.state_dict(), path)
    (tmp_path / "published_model_settings.yaml").write_text(yaml_text)
    return path, transcoder


def test_published_layout_is_read_with_its_tuples(tmp_path):
    """Published YamNet weights were trained on Mels of power (docs/method.md, defect 6)."""
    path, transcoder = published_like(tmp_path, PUBLISHED_YAML.format(network="cnn_pinv"))
    loaded = load_transcoder(path)
    assert loaded.settings.pinv_way == "power"
    signal = noise(SR)
    np.testing.assert_array_equal(loaded.transcode(signal), transcoder.transcode(signal))


class Malicious:
    """An object whose unpickling runs a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@pytest.mark.parametrize("write", ["torch", "plain pickle"])
def test_a_pickle_that_runs_a_command_is_refused(tmp_path, write):
    marker, path = tmp_path / "executed", tmp_path / "a_model"
    content = {"format": Malicious(marker)}
    if write == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match="a_model"):
        load_transcoder(path)
    assert not marker.exists()
    pickle.loads(pickle.dumps(content))
    assert marker.exists(), "the file was harmless: this test shows nothing"


@pytest.mark.parametrize(
    "line",
    [
        "epochs: !!python/object/apply:os.system ['touch {marker}']",
        "epochs: !!python/object/new:os.system ['touch {marker}']",
        "epochs: !!python/name:os.system",
        "input_shape: [1, 2",
        "\x00",
    ],
    ids=["apply", "new", "name", "no yaml", "binary"],
)
def test_settings_that_ask_for_objects_are_refused(tmp_path, line):
    marker = tmp_path / "executed"
    text = PUBLISHED_YAML.format(network="cnn_pinv") + line.format(marker=marker)
    path, _ = published_like(tmp_path, text)
    with pytest.raises(CheckpointError, match="settings"):
        load_transcoder(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list",
        PUBLISHED_YAML.format(network="cnn_pinv").replace("cnn_dilation", "other"),
        PUBLISHED_YAML.format(network="effnet_b0"),
        PUBLISHED_YAML.format(network="mlp"),
        PUBLISHED_YAML.format(network="cnn_pinv").replace("YamNet", "VGGish"),
        PUBLISHED_YAML.format(network="cnn_pinv").replace("kernel_size: 3", "kernel_size: three"),
        PUBLISHED_YAML.format(network="cnn_pinv").replace("kernel_size: 3", "kernel_size: 4"),
    ],
    ids=["empty", "list", "lacks", "unknown network", "no sizes", "front end", "words", "even kernel"],
)
def test_settings_of_no_transcoder_are_refused(tmp_path, text):
    path, _ = published_like(tmp_path, text)
    with pytest.raises(CheckpointError):
        load_transcoder(path)


def test_weights_of_another_network_are_refused_by_the_names_that_differ(tmp_path):
    text = PUBLISHED_YAML.format(network="cnn_pinv").replace("nb_layers: 3", "nb_layers: 4")
    path, _ = published_like(tmp_path, text)
    with pytest.raises(CheckpointError, match=r"mod_conv\.10\.bias is missing"):
        load_transcoder(path)
    text = PUBLISHED_YAML.format(network="cnn_pinv").replace("nb_channels: 4", "nb_channels: 5")
    path, _ = published_like(tmp_path, text)
    with pytest.raises(CheckpointError, match=r"mod_conv\.1\.bias has shape \(4,\), expected \(5,\)"):
        load_transcoder(path)


def rewritten(path, change):
    """Save what `change` makes of a checkpoint's content."""
    content = torch.load(path, weights_only=True)
    torch.save(change(content), path)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: {**content, "state_dict": {}},
        lambda content: {**content, "state_dict": {**content["state_dict"], "extra": torch.zeros(1)}},
        lambda content: {**content, "state_dict": dict.fromkeys(content["state_dict"], 1.0)},
        lambda content: {**content, "state_dict": None},
        lambda content: {key: content[key] for key in content if key != "state_dict"},
        lambda content: {key: content[key] for key in content if key != "settings"},
        lambda content: {**content, "settings": None},
        lambda content: {**content, "settings": {**content["settings"], "network": "cnn"}},
        lambda content: {**content, "settings": {**content["settings"], "colour": "red"}},
        lambda content: {**content, "settings": {**content["settings"], "third_octaves": {"edges": "no"}}},
        lambda content: [content],
        lambda content: torch.zeros(3),
    ],
    ids=[
        "no weights",
        "extra weights",
        "numbers for tensors",
        "none for weights",
        "without weights",
        "without settings",
        "none for settings",
        "unknown network",
        "unknown setting",
        "unknown edges",
        "list",
        "tensor",
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(tmp_path, change):
    path = tmp_path / "my_model"
    transcoder_of().save(path)
    rewritten(path, change)
    with pytest.raises(CheckpointError):
        load_transcoder(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path, share):
    path = tmp_path / "my_model"
    transcoder_of().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: math.floor(share * len(whole))])
    with pytest.raises(CheckpointError, match="my_model"):
        load_transcoder(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_refused_or_harmless(tmp_path, data):
    """Whatever bytes a file holds, no other error than CheckpointError leaves load_transcoder."""
    path = tmp_path / "my_model"
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(st.binary(max_size=200)))
    else:
        path.write_bytes(pickle.dumps({"format": "x", "weights": [1.0, "y"]}, protocol=2))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(content))
    with pytest.raises((CheckpointError, MissingFileError)):
        load_transcoder(path)


def test_missing_files_name_the_command_or_the_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"download_pretrained_models\.py"):
        load_transcoder(tmp_path / "nothing_model")
    path, _ = published_like(tmp_path, "")
    (tmp_path / "published_model_settings.yaml").unlink()
    with pytest.raises(MissingFileError, match=r"published_model_settings\.yaml"):
        load_transcoder(path)


def test_a_transcoder_is_ready_to_use():
    """It begins in evaluation mode, and refuses names that it does not know."""
    assert not transcoder_of().training
    with pytest.raises(UsageError, match="cnn_pinv"):
        Transcoder(TranscoderSettings("cnn", "PANN"))
    with pytest.raises(UsageError, match="YamNet"):
        Transcoder(TranscoderSettings("pinv", "VGGish"))
    with pytest.raises(UsageError, match="hidden3"):
        Transcoder(TranscoderSettings("mlp", "PANN", options={"hidden3": 1}))


@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
def test_transcoded_tensors_may_be_trained_on(front_end):
    """What a transcoder gives can enter another network's loss."""
    mels = transcoder_of(front_end).transcode(torch.tensor(noise(SR)))
    weight = torch.ones(64, requires_grad=True)
    (mels * weight).mean().backward()
    assert weight.grad.isfinite().all()


def test_transcode_takes_one_channel():
    with pytest.raises(UsageError, match=r"\(2, 32000\).*one recording"):
        Transcoder(TranscoderSettings("pinv")).transcode(np.zeros((2, 32000), np.float32))

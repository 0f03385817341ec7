"""Checkpoints describe themselves, and files that are damaged or unsafe are refused."""

import json
import math
import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.models.transcoders import TranscoderSettings, load_transcoder
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError
from tests.helpers.made_transcoders import SR, noise, transcoder_of


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

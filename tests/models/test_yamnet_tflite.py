"""Google's TFLite file becomes the torch weights that were made from it independently."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.models.yamnet_tflite import convert_yamnet_tflite
from spectral_transcoder.utils.errors import CheckpointError


@pytest.mark.shared
def test_conversion_is_exact(shared, tmp_path):
    convert_yamnet_tflite(shared / "pretrained/yamnet_classification.tflite", tmp_path / "mobile.pth")
    converted = torch.load(tmp_path / "mobile.pth", weights_only=True)
    expected = torch.load(shared / "pretrained/yamnet_mobile_relu6.pth", weights_only=True)
    assert converted.keys() == expected.keys()
    for key, value in expected.items():
        assert converted[key].dtype == value.dtype, key
        assert torch.equal(converted[key], value), key
    assert [path.name for path in tmp_path.iterdir()] == ["mobile.pth"]


@pytest.mark.shared
@pytest.mark.parametrize("n_bytes", [0, 3, 8, 100, 5000, 1_000_000, 3_840_000])
def test_a_truncated_file_is_refused(shared, tmp_path, n_bytes):
    source = tmp_path / "source.tflite"
    source.write_bytes((shared / "pretrained/yamnet_classification.tflite").read_bytes()[:n_bytes])
    with pytest.raises(CheckpointError, match=r"source\.tflite"):
        convert_yamnet_tflite(source, tmp_path / "mobile.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["source.tflite"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_garbage_is_refused(tmp_path, content):
    source = tmp_path / "source.tflite"
    source.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"source\.tflite"):
        convert_yamnet_tflite(source, tmp_path / "mobile.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["source.tflite"]


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="nothing"):
        convert_yamnet_tflite(tmp_path / "nothing.tflite", tmp_path / "mobile.pth")
    assert not list(tmp_path.iterdir())

"""Published weights, and the YAML files of settings beside them: read as they are, or refused."""

import numpy as np
import pytest

from spectral_transcoder.models.transcoders import load_transcoder
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError
from tests.helpers.made_transcoders import PUBLISHED_YAML, SR, noise, published_like


def test_published_layout_is_read_with_its_tuples(tmp_path):
    """Published YamNet weights were trained on Mels of power (docs/method.md, defect 6)."""
    path, transcoder = published_like(tmp_path, PUBLISHED_YAML.format(network="cnn_pinv"))
    loaded = load_transcoder(path)
    assert loaded.settings.pinv_way == "power"
    signal = noise(SR)
    np.testing.assert_array_equal(loaded.transcode(signal), transcoder.transcode(signal))


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


def test_missing_files_name_the_command_or_the_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"download_pretrained_models\.py"):
        load_transcoder(tmp_path / "nothing_model")
    path, _ = published_like(tmp_path, "")
    (tmp_path / "published_model_settings.yaml").unlink()
    with pytest.raises(MissingFileError, match=r"published_model_settings\.yaml"):
        load_transcoder(path)

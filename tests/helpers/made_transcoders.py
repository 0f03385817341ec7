"""Transcoders with random weights, signals for them, and files of weights as they were published."""

import numpy as np
import torch

from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings

SR = 32000
SMALL_CNN = {"kernel_size": 3, "nb_layers": 3, "nb_channels": 4, "dilation": 1}
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


def noise(n_samples, seed=0):
    signal = np.random.default_rng(seed).standard_normal(n_samples)
    return (signal / np.abs(signal).max()).astype(np.float32)


def published_like(tmp_path, yaml_text, front_end="YamNet"):
    """Write weights as the published ones are: a bare state dict, and its settings in YAML beside it."""
    transcoder = transcoder_of(front_end, pinv_way="power" if front_end == "YamNet" else None)
    path = tmp_path / "published_model"
    torch.save(transcoder.network.state_dict(), path)
    (tmp_path / "published_model_settings.yaml").write_text(yaml_text)
    return path, transcoder

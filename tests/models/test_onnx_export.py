"""ONNX files against torch, with onnxruntime: any batch, Mels and scores."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import export_onnx as script
from spectral_transcoder.models import onnx_export
from spectral_transcoder.models.classifiers import CLASSIFIERS, load_classifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import FRONT_ENDS
from spectral_transcoder.utils.errors import SpectralTranscoderError

NETWORKS = [
    ("pinv", {}),
    ("pinv_texture", {}),
    ("cnn_pinv", {"nb_channels": 4, "nb_layers": 3}),
    ("cnn_texture", {"nb_channels": 4, "nb_layers": 3}),
    ("cnn_grid", {"nb_channels": 4}),
    ("mlp", {"hidden1": 5, "hidden2": 6}),
    ("mlp_pinv", {"hidden1": 5, "hidden2": 6}),
]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_every_transcoder_exports(tmp_path, front_end, network, options):
    torch.manual_seed(0)
    transcoder = Transcoder(TranscoderSettings(network, front_end, options=options))
    model = onnx_export.export_onnx(tmp_path / "a.onnx", transcoder)
    assert model.relative <= 1e-4 and model.latency_ms > 0
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    levels = np.random.default_rng(0).uniform(-40, 20, (9, 8, 29)).astype(np.float32)
    (mels,) = session.run(None, {"levels_db": levels})
    with torch.no_grad():
        expected = transcoder(torch.from_numpy(levels)).numpy()
    np.testing.assert_allclose(mels, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.shared
def test_scores_with_a_real_classifier(shared, tmp_path):
    classifier = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    transcoder = Transcoder(TranscoderSettings("pinv", "YamNet"))
    model = onnx_export.export_onnx(tmp_path / "a.onnx", transcoder, classifier, "PINV, then YamNetMobile")
    assert model.difference <= 1e-4 and model.size_mb == pytest.approx(15, abs=1)
    properties = {item.key: item.value for item in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert properties["labels"].splitlines() == list(classifier.record.labels)
    assert "+ 26" in properties["input"]


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(SpectralTranscoderError, match="would differ from torch"):
        onnx_export.export_onnx(tmp_path / "a.onnx", Transcoder(TranscoderSettings("pinv", "PANN")))
    assert not list(tmp_path.iterdir())


@pytest.mark.shared
def test_the_script_says_what_it_made(shared, tmp_path, monkeypatch, capfd):
    weights = str(shared / "pretrained/yamnet_mobile_relu6.pth")
    options = ["--classifier", "YamNetMobile", "--weights", weights, "--transcoder", "pinv"]
    monkeypatch.setattr(sys, "argv", ["export_onnx.py", *options, "--output", str(tmp_path)])
    script.main()
    out, err = capfd.readouterr()
    assert out.count("MB") == out.count("from torch") == out.count(" ms for a second") == 2
    assert "Warning" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "YamNetMobile_pinv_mels.onnx",
        "YamNetMobile_pinv_scores.onnx",
    ]


@pytest.mark.parametrize("kind", ["the weights by a link", "the weights", "another file", "a file of ours"])
def test_the_script_never_writes_over_what_it_did_not_write(tmp_path, call_script, kind):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(CLASSIFIERS["MiniYamNet"].path.read_bytes())
    output = tmp_path / "out" / "MiniYamNet_pinv_scores.onnx"
    output.parent.mkdir()
    if kind == "the weights by a link":
        output.symlink_to(weights)
    elif kind == "the weights":
        weights = weights.rename(output)
    elif kind == "another file":
        output.write_bytes(b"precious")
    else:
        transcoder = Transcoder(TranscoderSettings("pinv", "YamNet"))
        onnx_export.export_onnx(output, transcoder)
    before, inputs = output.read_bytes(), ["--classifier", "MiniYamNet", "--weights", weights]
    code, _, stderr = call_script(
        "export_onnx.py", *inputs, "--transcoder", "pinv", "--output", output.parent
    )
    ours = kind == "a file of ours"
    assert (code or 0, output.name in stderr) == ((0, False) if ours else (2, True)), stderr
    assert (output.read_bytes() == before) is not ours

"""Which trained transcoder serves a classifier, and how it is called."""

import pytest

from spectral_transcoder.evaluation.regeneration import transcoders_for
from spectral_transcoder.models.registry import describe, find_reference_model, parse_identifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings

SIZES = "kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"


def name(classifier="PANN", dataset="full", ts=1, transcoder="cnn_pinv"):
    return (
        f"classifier={classifier}+dataset={dataset}+dilation=1+epoch=200+{SIZES}"
        f"+step=train+transcoder={transcoder}+ts={ts}_model"
    )


def test_identifiers():
    factors = parse_identifier(name().removesuffix("_model"))
    assert factors["classifier"] == "PANN"
    assert factors["learning_rate"] == "-3"
    assert (factors["transcoder"], factors["ts"]) == ("cnn_pinv", "1")


@pytest.mark.parametrize(
    ("files", "classifier", "taught", "expected"),
    [
        ([], "PANN", True, None),
        ([name(ts=1), name(ts=0)], "PANN", True, name(ts=1)),
        ([name(ts=1), name(ts=0)], "PANN", False, name(ts=0)),
        ([name("YamNet")], "PANN", True, None),
        ([name(dataset="city"), name(dataset="full")], "PANN", True, name(dataset="full")),
        ([name(dataset="city")], "PANN", True, name(dataset="city")),
        ([name("YamNet"), name("YamNetMobile", "us8k")], "YamNetMobile", True, name("YamNetMobile", "us8k")),
        ([name("YamNet"), name("YamNetMobile", "us8k")], "YamNet", True, name("YamNet")),
        ([name("YamNet")], "YamNetMobile", True, name("YamNet")),
        (
            [name("MiniYamNet", "us8k"), name("YamNetMobile", "us8k")],
            "YamNet",
            True,
            name("YamNetMobile", "us8k"),
        ),
        (
            [name("MiniYamNet", "us8k"), name("YamNetMobile", "us8k")],
            "MiniYamNet",
            True,
            name("MiniYamNet", "us8k"),
        ),
        (
            [name(dataset="a"), name(dataset="b", transcoder="cnn_texture")],
            "PANN",
            True,
            name(dataset="b", transcoder="cnn_texture"),
        ),
        ([name() + "_settings.yaml", "readme.md", "my_model"], "PANN", True, None),
        ([name(ts=0, transcoder="mlp"), name(ts=0, transcoder="mlp_pinv")], "PANN", False, None),
        ([name(transcoder="self"), name(transcoder="effnet_b0")], "PANN", True, None),
    ],
    ids=[
        "none",
        "logits",
        "mels",
        "other front end",
        "published first",
        "own",
        "own edition",
        "original edition",
        "other edition",
        "full edition before the embedded one",
        "embedded edition",
        "texture first",
        "other files",
        "no CNN",
        "no transcoder",
    ],
)
def test_the_model_that_serves(tmp_path, files, classifier, taught, expected):
    for file in files:
        (tmp_path / file).write_bytes(b"")
    found = find_reference_model(classifier, taught, tmp_path)
    assert (found and found.name) == expected
    published = find_reference_model(classifier, taught, tmp_path, published_only=True)
    assert published is None or "dataset=full" in published.name
    if expected and "dataset=full" in expected:
        assert published.name == expected


def test_a_model_is_described(tmp_path):
    assert describe(tmp_path / name(ts=0)) == "CNN-mels for PANN, published"
    assert describe(tmp_path / name("YamNetMobile", "us8k")) == "CNN-logits for YamNetMobile, trained on us8k"
    textured = name("MiniYamNet", "city", transcoder="cnn_texture")
    assert describe(tmp_path / textured) == "CNN-logits with texture for MiniYamNet, trained on city"


def test_pinv_serves_without_any_model(tmp_path):
    transcoders, paths = transcoders_for("YamNetMobile", tmp_path / "not there")
    assert list(transcoders) == ["pinv", "pinv_texture"]
    assert transcoders["pinv"].front_end.name == "YamNet"
    assert paths == {}


def test_models_of_ours_are_loaded(tmp_path):
    options = {"kernel_size": 3, "nb_layers": 2, "nb_channels": 2}
    Transcoder(TranscoderSettings(options=options)).save(tmp_path / name(dataset="city"))
    transcoders, paths = transcoders_for("PANN", tmp_path)
    assert list(transcoders) == ["pinv", "pinv_texture", "transcoder"]
    assert paths == {"transcoder": tmp_path / name(dataset="city")}
    assert transcoders["transcoder"].settings.options == options


@pytest.mark.shared
def test_published_models_are_found(shared):
    folder = shared / "reference/published_transcoders"
    _, pann = transcoders_for("PANN", folder)
    assert {key: describe(path) for key, path in pann.items()} == {
        "cnn_mels": "CNN-mels for PANN, published",
        "transcoder": "CNN-logits for PANN, published",
    }
    _, yamnet = transcoders_for("YamNet", folder)
    assert {key: describe(path) for key, path in yamnet.items()} == {
        "transcoder": "CNN-logits for YamNet, published"
    }

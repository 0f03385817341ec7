"""Which trained transcoder serves a classifier, and how it is called."""

import pytest

from spectral_transcoder.evaluation.regeneration import transcoders_for
from spectral_transcoder.models.registry import (
    REGISTRY,
    best_model,
    best_transcoder,
    describe,
    entry_of,
    find_model,
    model_entry,
    parse_identifier,
)
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.utils.errors import MissingFileError, UsageError

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
    ("files", "classifier", "asked", "expected"),
    [
        ([], "PANN", "cnn_logits", None),
        ([name(ts=1), name(ts=0)], "PANN", "cnn_logits", name(ts=1)),
        ([name(ts=1), name(ts=0)], "PANN", "cnn_mels", name(ts=0)),
        ([name("YamNet")], "PANN", "cnn_logits", None),
        ([name("YamNet", ts=0)], "PANN", "cnn_mels", None),
        ([name(dataset="city"), name(dataset="full")], "PANN", "cnn_logits", name(dataset="full")),
        ([name(dataset="city")], "PANN", "cnn_logits", name(dataset="city")),
        (
            [name("YamNet"), name("YamNetMobile", "us8k")],
            "YamNetMobile",
            "cnn_logits",
            name("YamNetMobile", "us8k"),
        ),
        ([name("YamNet"), name("YamNetMobile", "us8k")], "YamNet", "cnn_logits", name("YamNet")),
        ([name("YamNet")], "YamNetMobile", "cnn_logits", None),
        ([name("YamNet", ts=0)], "YamNetMobile", "cnn_mels", name("YamNet", ts=0)),
        (
            [name("MiniYamNet", "us8k", ts=0), name("YamNetMobile", "us8k", ts=0)],
            "YamNet",
            "cnn_mels",
            name("YamNetMobile", "us8k", ts=0),
        ),
        (
            [name(dataset="a"), name(dataset="b", transcoder="cnn_texture")],
            "PANN",
            "cnn_logits",
            name(dataset="a"),
        ),
        (
            [name(dataset="a"), name(dataset="b", transcoder="cnn_texture")],
            "PANN",
            "cnn_texture",
            name(dataset="b", transcoder="cnn_texture"),
        ),
        ([name() + "_settings.yaml", "readme.md", "my_model"], "PANN", "cnn_logits", None),
        ([name(ts=0, transcoder="mlp"), name(ts=0, transcoder="mlp_pinv")], "PANN", "cnn_mels", None),
        ([name(transcoder="self"), name(transcoder="effnet_b0")], "PANN", "cnn_logits", None),
        ([name()], "PANN", "pinv", None),
        (
            [name("YamNetMobile", "a", transcoder="student")],
            "MiniYamNet",
            "student",
            name("YamNetMobile", "a", transcoder="student"),
        ),
        (
            [name(each, "a", transcoder="student") for each in ("YamNetMobile", "MiniYamNet")],
            "MiniYamNet",
            "student",
            name("MiniYamNet", "a", transcoder="student"),
        ),
        ([name("EfficientAT-mn04", "a", transcoder="student")], "PANN", "student", None),
        ([name("EfficientAT-mn04", "a", transcoder="student")], "YamNet", "student", None),
    ],
    ids=[
        "none",
        "logits",
        "mels",
        "other front end",
        "Mels of another front end",
        "published first",
        "own",
        "own edition",
        "original edition",
        "no teacher but its own",
        "Mels serve other editions",
        "full edition before the embedded one",
        "without texture",
        "with texture",
        "other files",
        "no CNN",
        "no transcoder",
        "untrained",
        "students serve other editions",
        "own student first",
        "students of other Mels",
        "students of other labels",
    ],
)
def test_the_model_that_serves(tmp_path, files, classifier, asked, expected):
    for file in files:
        (tmp_path / file).write_bytes(b"")
    entry = model_entry(asked)
    found = entry.find(classifier, tmp_path)
    assert (found and found.name) == expected
    published = entry.find(classifier, tmp_path, published_only=True)
    assert published is None or "dataset=full" in published.name
    if expected and "dataset=full" in expected:
        assert published.name == expected


@pytest.mark.parametrize(
    ("files", "classifier", "expected"),
    [
        ([], "PANN", ("pinv_texture", None)),
        ([name(ts=0)], "PANN", ("pinv_texture", None)),
        ([name("YamNet")], "YamNetMobile", ("pinv_texture", None)),
        ([name()], "PANN", ("cnn_logits", name())),
        (
            [name(), name(dataset="b", transcoder="cnn_texture")],
            "PANN",
            ("cnn_logits", name()),
        ),
        (
            [name(dataset="a"), name(dataset="b", transcoder="cnn_texture")],
            "PANN",
            ("cnn_texture", name(dataset="b", transcoder="cnn_texture")),
        ),
        (
            [name(dataset="a"), name(dataset="b", transcoder="cnn_grid")],
            "PANN",
            ("cnn_grid", name(dataset="b", transcoder="cnn_grid")),
        ),
        (
            [name(), name(dataset="b", transcoder="student")],
            "PANN",
            ("student", name(dataset="b", transcoder="student")),
        ),
        ([name("YamNetMobile", "b", transcoder="student")], "YamNet", ("pinv_texture", None)),
        (
            [name(dataset="b", transcoder="student"), name(dataset="b", transcoder="adapted")],
            "PANN",
            ("adapted", name(dataset="b", transcoder="adapted")),
        ),
    ],
    ids=[
        "none",
        "Mels",
        "another's",
        "logits",
        "published first",
        "texture first",
        "grid first",
        "student first",
        "another's student",
        "head first",
    ],
)
def test_the_best_for_a_classifier(tmp_path, files, classifier, expected):
    for file in files:
        (tmp_path / file).write_bytes(b"")
    entry, path = best_model(classifier, tmp_path)
    assert (entry.name, path and path.name) == expected


def test_models_of_levels_every_second_serve_those_and_no_others(tmp_path):
    for dataset in ("street", "street-1s"):
        for made in (
            name("YamNetMobile", dataset, transcoder="adapted"),
            name("YamNetMobile", dataset, transcoder="cnn_texture"),
        ):
            (tmp_path / made).write_bytes(b"")
    (tmp_path / name(dataset="full")).write_bytes(b"")
    for every_second, dataset in ((False, "street"), (True, "street-1s")):
        for asked in (None, "adapted"):
            found = find_model("YamNetMobile", asked, tmp_path, every_second)
            assert parse_identifier(found.name)["dataset"] == dataset
        entry, path = best_transcoder("YamNetMobile", tmp_path, every_second)
        assert (entry.name, parse_identifier(path.name)["dataset"]) == ("cnn_texture", dataset)
    assert find_model("PANN", None, tmp_path, every_second=True).name == "pinv_texture"
    with pytest.raises(MissingFileError, match=r"no cnn_logits for PANN and levels every second.*--period 1"):
        find_model("PANN", "cnn_logits", tmp_path, every_second=True)


def test_one_name_and_one_title_each():
    """Every spelling means one entry, and the published spellings stay."""
    spellings = [spelling for entry in REGISTRY for spelling in entry.spellings]
    assert len(spellings) == len(set(spellings))
    assert len({entry.title for entry in REGISTRY}) == len(REGISTRY)
    assert [entry.name for entry in REGISTRY] == [
        *(
            "self",
            "pinv",
            "pinv_texture",
            "cnn_mels",
            "cnn_logits",
            "cnn_texture",
            "cnn_grid",
            "adapted",
            "student",
        ),
    ]
    for spelling, canonical in {
        "cnn": "cnn_logits",
        "transcoder": "cnn_logits",
        "gt": "self",
        "groundtruth_mel": "self",
        "cnn_texture": "cnn_texture",
    }.items():
        assert model_entry(spelling).name == canonical
    assert model_entry("cnn_texture").title == "CNN-logits with texture"
    assert model_entry("cnn_logits").published_name == "cnn"
    assert model_entry("cnn_logits").sound_name == "transcoder"
    with pytest.raises(UsageError, match="'cnn_logit': expected one of self, pinv, "):
        model_entry("cnn_logit")


def test_identifiers_tell_the_two_plain_cnns_apart():
    for ts, expected in ((0, "cnn_mels"), (1, "cnn_logits")):
        assert entry_of(parse_identifier(name(ts=ts).removesuffix("_model"))).name == expected
    assert entry_of({"transcoder": "mlp", "ts": "0"}) is None


def test_what_is_missing_is_reported_with_what_is_there(tmp_path):
    (tmp_path / name("YamNet")).write_bytes(b"")
    with pytest.raises(
        MissingFileError, match=r"cnn_logits for YamNetMobile.*there are such for YamNet\): none was"
    ):
        model_entry("cnn_logits").require("YamNetMobile", tmp_path)
    with pytest.raises(MissingFileError, match="the published ones come with: python3 download_pretrained"):
        model_entry("cnn_logits").require("PANN", tmp_path)


def test_a_model_is_described(tmp_path):
    assert describe(tmp_path / name(ts=0)) == "CNN-mels for PANN, published"
    assert describe(tmp_path / name("YamNetMobile", "us8k")) == "CNN-logits for YamNetMobile, trained on us8k"
    on_grid = name("MiniYamNet", "city", transcoder="cnn_grid")
    assert describe(tmp_path / on_grid) == "CNN-logits on the sensor's grid for MiniYamNet, trained on city"
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
    assert list(transcoders) == ["pinv", "pinv_texture", "cnn_logits"]
    assert paths == {"cnn_logits": tmp_path / name(dataset="city")}
    assert transcoders["cnn_logits"].settings.options == options


@pytest.mark.shared
def test_published_models_are_found(shared):
    folder = shared / "reference/published_transcoders"
    _, pann = transcoders_for("PANN", folder)
    assert {key: describe(path) for key, path in pann.items()} == {
        "cnn_mels": "CNN-mels for PANN, published",
        "cnn_logits": "CNN-logits for PANN, published",
    }
    _, yamnet = transcoders_for("YamNet", folder)
    assert {key: describe(path) for key, path in yamnet.items()} == {
        "cnn_logits": "CNN-logits for YamNet, published"
    }

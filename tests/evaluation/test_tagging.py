"""What classifiers make of recordings together, against the library's way for one recording."""

import numpy as np
import pytest
import soundfile
import torch

from spectral_transcoder.evaluation.tagging import TaggingPipeline, extract_features, find_pipeline, predict
from spectral_transcoder.models.classifiers import CLASSIFIERS, load_classifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from tests.helpers.made_models import write_random_classifier

# duration in s, rate in Hz, channels
CLIPS = [(0.3, 22050, 1), (1.0, 44100, 2), (1.7, 8000, 1), (4.0, 22050, 1), (4.0, 96000, 6), (30.0, 16000, 1)]
TAUGHT = "classifier={}+dataset=made+step=train+transcoder=cnn_pinv+ts=1_model"
NOT_TAUGHT = "classifier={}+dataset=made+step=train+transcoder=cnn_pinv+ts=0_model"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for index, (duration_s, sr, n_channels) in enumerate(CLIPS):
        street = street_scene(max(duration_s, 1), sr, index)[: round(duration_s * sr)]
        soundfile.write(folder / f"{index}.wav", np.stack([street] * n_channels, 1), sr)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of classifiers' weights with random values; YAMNet's own edition is missing."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("YamNetMobile", "PANN", "EfficientAT-mn04"):
        write_random_classifier(folder, name)
    return folder


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """A folder of trained transcoders with random weights: one taught by each of YAMNet's editions, and a plain one."""
    folder = tmp_path_factory.mktemp("references")
    torch.manual_seed(1)
    settings = TranscoderSettings("cnn_pinv", "YamNet", options={"nb_channels": 4, "nb_layers": 3})
    for name in (TAUGHT.format("YamNetMobile"), NOT_TAUGHT.format("YamNet")):
        Transcoder(settings).save(folder / name)
    on_grid = Transcoder(TranscoderSettings("cnn_grid", "YamNet", options={"nb_channels": 4}))
    torch.nn.init.normal_(on_grid.network.corrections.bias)
    on_grid.save(folder / TAUGHT.format("YamNetMobile").replace("cnn_pinv", "cnn_grid"))
    return folder


def alone(pipeline, path, models):
    """Return the scores of one file as the library computes those of one recording."""
    classifier = load_classifier(pipeline.classifier, models / CLASSIFIERS[pipeline.classifier].weights)
    recording, transcoder = read_audio(path), pipeline.load_transcoder()
    if transcoder is None:
        mels = pipeline.front_end.classifier_input(recording.at(pipeline.front_end.sr))
    else:
        mels = transcoder.transcode(recording.at(32000))  # docs/method.md, section 9, defect 1
        mels = mels if pipeline.front_end.patches else mels[None]
    return classifier.recording_scores(mels)


def test_recordings_of_any_length_heard_together_score_as_alone(sounds, models, references):
    pipelines = [
        find_pipeline("YamNetMobile", name, models, references)
        for name in ("self", "pinv", "cnn", "cnn_mels", "cnn_grid")
    ]
    predictions = predict([extract_features(path, pipelines) for path in sounds], pipelines)
    for pipeline in pipelines:
        assert predictions[pipeline].shape == (len(sounds), 521)
        for path, scores in zip(sounds, predictions[pipeline], strict=True):
            np.testing.assert_allclose(scores, alone(pipeline, path, models), atol=1e-4)
        assert predictions[pipeline].std(0).max() > 0.05  # so that a mistaken recording would show
    assert np.abs(predictions[pipelines[1]] - predictions[pipelines[2]]).max() > 0.05


@pytest.mark.parametrize("classifier", ["PANN", "EfficientAT-mn04"])
def test_whole_files_are_classified_together(sounds, models, classifier):
    pipelines = [find_pipeline(classifier, name, models) for name in ("self", "pinv")]
    some = sounds[:1] + sounds[3:5]
    predictions = predict([extract_features(path, pipelines) for path in some], pipelines)
    for pipeline in pipelines:
        assert predictions[pipeline].std(0).max() > 0.01
        for path, scores in zip(some, predictions[pipeline], strict=True):
            np.testing.assert_allclose(scores, alone(pipeline, path, models), atol=1e-4)


def test_a_file_is_decoded_once_for_all_classifiers(sounds, models, references, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        "spectral_transcoder.evaluation.tagging.read_audio",
        lambda path, reading: decoded.append(path) or read_audio(path),
    )
    extract_features(
        sounds[1],
        [find_pipeline("YamNetMobile", name, models, references) for name in ("self", "pinv", "cnn")],
    )
    assert decoded == [sounds[1]]


def test_missing_weights_are_named_with_the_command_that_fetches_them(models, references):
    with pytest.raises(MissingFileError, match=r"download_pretrained_models\.py --models YamNet$"):
        find_pipeline("YamNet", "self", models)
    with pytest.raises(MissingFileError, match=r"cnn_mels for PANN.*download_pretrained_models\.py"):
        find_pipeline("PANN", "cnn_mels", models, references)


def test_a_transcoder_that_another_classifier_taught_is_none(models, tmp_path, references):
    taught = references / TAUGHT.format("YamNetMobile")
    (tmp_path / TAUGHT.format("YamNet")).write_bytes(taught.read_bytes())
    with pytest.raises(MissingFileError, match=r"cnn_logits for YamNetMobile.*there are such for YamNet\)"):
        find_pipeline("YamNetMobile", "cnn", models, tmp_path)


def test_every_spelling_means_the_same_outputs(models, references):
    """`cnn` is how the paper's experiment 2 and the names of its files call CNN-logits."""
    spellings = [
        find_pipeline("YamNetMobile", name, models, references)
        for name in ("cnn", "cnn_logits", "transcoder")
    ]
    assert {pipeline.transcoder for pipeline in spellings} == {"cnn"}
    assert len(set(spellings)) == 1


def test_a_transcoder_of_ones_own_has_a_name_and_the_classifiers_mels(models, references, tmp_path):
    path = references / TAUGHT.format("YamNetMobile")  # an equals sign inside a path is part of it
    assert find_pipeline("YamNetMobile", f"my-own={path}", models) == TaggingPipeline(
        "YamNetMobile", models / "yamnet_mobile_relu6.pth", "my-own", model=path
    )
    with pytest.raises(UsageError, match="PANN expects PANN Mels"):
        find_pipeline("PANN", f"my-own={path}", models)
    for wrong in (f"cnn={path}", f"a/b={path}", str(path), "mine"):
        with pytest.raises(UsageError, match="name=path"):
            find_pipeline("YamNetMobile", wrong, models)
    with pytest.raises(MissingFileError):
        find_pipeline("YamNetMobile", f"mine={tmp_path / 'nowhere'}", models)
    Transcoder(TranscoderSettings("pinv", "YamNet", source="mel_freq")).save(tmp_path / "stretched_model")
    with pytest.raises(UsageError, match="mel_freq"):
        find_pipeline("YamNetMobile", f"mine={tmp_path / 'stretched_model'}", models)

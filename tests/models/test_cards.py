"""Each model that comes with the project has a card, and does on real recordings what the card says."""

import numpy as np
import pytest
import torch
import yaml

from spectral_transcoder.datasets.annotated_recordings import read_times_of_presence
from spectral_transcoder.evaluation.tagging import find_pipeline
from spectral_transcoder.evaluation.transcoding_metrics import Clips, chunk_numbers
from spectral_transcoder.evaluation.window_scores import (
    recording_class_scores,
    sound_window_scores,
    window_length,
)
from spectral_transcoder.models.classifiers import classifier_record, load_classifier
from spectral_transcoder.models.level_models import load_model
from spectral_transcoder.models.registry import (
    ADAPTED,
    PUBLISHED_DATASET,
    STUDENT,
    best_model,
    entry_of,
    is_every_second,
    model_entry,
    parse_identifier,
)
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import FRONT_ENDS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, ThirdOctaves
from spectral_transcoder.training.distillation import agreement, read_sounds
from spectral_transcoder.utils.paths import REFERENCE_MODELS


def is_level_model(name):
    """Say whether a file is an adapted classifier or a student."""
    return parse_identifier(name.removesuffix("_model")).get("transcoder") in (ADAPTED, STUDENT)


CARDS = yaml.safe_load((REFERENCE_MODELS / "cards.yaml").read_text(encoding="utf-8"))
TOLD = {"is", "data", "licence", "teacher", "command", "figures"}


RECORDINGS = "audio/lorient1k"
TRANSCODERS = [name for name in sorted(CARDS) if name.endswith("_model") and not is_level_model(name)]
LEVEL_MODELS = [name for name in sorted(CARDS) if is_level_model(name)]


def own_models():
    return [
        path.name
        for path in REFERENCE_MODELS.iterdir()
        if path.suffix == ".pth"
        or (
            path.name.endswith("_model")
            and parse_identifier(path.name).get("dataset") not in (None, PUBLISHED_DATASET)
        )
    ]


def test_every_model_has_a_card_and_every_card_a_model():
    assert sorted(CARDS) == sorted(own_models())
    for name, card in CARDS.items():
        assert set(card) == TOLD, name
        assert ("CC BY-NC" in card["licence"]) == ("UrbanSound8K" in card["data"]), name


def test_the_embedded_models_are_small():
    sizes = {name: (REFERENCE_MODELS / name).stat().st_size for name in CARDS}
    assert sizes.pop("MiniYamNet.pth") <= 1_600_000
    assert max(size for name, size in sizes.items() if is_level_model(name)) < 2_800_000
    assert max(size for name, size in sizes.items() if not is_level_model(name)) < 1_000_000


@pytest.mark.parametrize("name", TRANSCODERS)
def test_transcoders_are_found_and_say_how_they_were_trained(name):
    transcoder = load_transcoder(REFERENCE_MODELS / name)
    factors = parse_identifier(name.removesuffix("_model"))
    assert transcoder.settings.network == factors["transcoder"]
    assert transcoder.training_record["dataset"]["name"] == factors["dataset"]
    assert transcoder.training_record["recipe"]["epochs"] == int(factors["epoch"])
    taught = factors["ts"] == "1"
    assert transcoder.training_record["teacher"] == (factors["classifier"] if taught else None)
    assert CARDS[name]["teacher"] == transcoder.training_record["teacher"]
    found = entry_of(factors).find(factors["classifier"])
    assert found == REFERENCE_MODELS / name or parse_identifier(found.name)["dataset"] == PUBLISHED_DATASET


@pytest.mark.parametrize("name", LEVEL_MODELS)
def test_heads_and_students_are_found_and_say_how_they_were_trained(name):
    factors, transcoder = parse_identifier(name.removesuffix("_model")), load_model(REFERENCE_MODELS / name)
    assert transcoder.name == factors["transcoder"]
    record = transcoder.training_record
    assert record["dataset"]["name"] == factors["dataset"]
    assert record["recipe"]["epochs"] == int(factors["epoch"])
    assert record["teacher"] == factors.get("teacher", factors["classifier"]) == CARDS[name]["teacher"]
    every_second = is_every_second(factors)
    assert transcoder.third_octaves == (SECOND_OCTAVES if every_second else ThirdOctaves())
    path = REFERENCE_MODELS / name
    assert entry_of(factors).find(factors["classifier"], every_second=every_second) == path
    adapted = model_entry(ADAPTED).find(factors["classifier"], every_second=every_second)
    assert best_model(factors["classifier"], every_second=every_second)[1] == (adapted or path)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", LEVEL_MODELS)
def test_heads_and_students_agree_with_people_as_their_cards_say(name, shared):
    """Pearson's r between mean class scores and the times of presence that people gave, on street recordings."""
    figures = CARDS[name]["figures"]
    factors = parse_identifier(name)
    classifier = factors["classifier"]
    third_octaves = SECOND_OCTAVES if is_every_second(factors) else ThirdOctaves()
    model = factors["transcoder"]
    pipeline = find_pipeline(classifier, model, shared / "pretrained", third_octaves=third_octaves)
    annotated = read_times_of_presence(shared / RECORDINGS / "time_of_presence.csv")
    length, labels = window_length(classifier), classifier_record(classifier).labels
    scores = [
        recording_class_scores(
            sound_window_scores(pipeline, shared / RECORDINGS / recording, length), labels, "tvb"
        )
        for recording in annotated.recordings
    ]
    assert len(scores) == figures["recordings"]
    for target, found, people in zip(
        annotated.classes, np.transpose(scores), annotated.times_of_presence.T, strict=True
    ):
        correlation = np.corrcoef(found, people)[0, 1]
        assert correlation == pytest.approx(figures[f"pearson_{target}"], abs=0.006), target


@pytest.fixture(scope="module")
def fold2(shared):
    """The whole seconds of UrbanSound8K's fold 2: levels, true Mels by front end, and which clip each is of."""
    levels, names, mels = [], [], {name: [] for name in FRONT_ENDS}
    for path in sorted((shared / "audio/urbansound8k/fold2").iterdir()):
        recording = read_audio(path)
        seconds = int(recording.duration_s)
        levels.append(ThirdOctaves().levels(recording.at(32000)[: seconds * 32000], "per_second"))
        for name, front_end in FRONT_ENDS.items():
            mels[name].append(front_end.chunks(recording.at(front_end.sr)[: seconds * front_end.sr]))
        names += [f"{path.stem}_{second}" for second in range(seconds)]
    mels = {name: np.concatenate(of_clips) for name, of_clips in mels.items()}
    positions = torch.from_numpy(chunk_numbers(names))
    return torch.tensor(np.concatenate(levels)).float(), mels, Clips.from_fnames(names), positions


def mel_error(transcoder, levels, positions, true_mels):
    """Return Mels of levels, and their mean squared error."""
    mels = transcoder.transcode_seconds(levels, positions=positions).numpy()
    return mels, np.mean((mels - true_mels) ** 2)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", TRANSCODERS)
def test_transcoders_do_what_their_cards_say(name, fold2, shared):
    """On fold 2, which they never saw: the errors of the Mels, and how often the first label is the same."""
    levels, mels_of, clips, positions = fold2
    figures, record = CARDS[name]["figures"], classifier_record(parse_identifier(name)["classifier"])
    front_end = record.front_end.name
    true_mels = mels_of[front_end]
    mels, error = mel_error(load_transcoder(REFERENCE_MODELS / name), levels, positions, true_mels)
    assert error == pytest.approx(figures["mel_mse"], abs=0.011)
    if "pinv_mel_mse" in figures:
        pinv = Transcoder(TranscoderSettings("pinv", front_end))
        assert mel_error(pinv, levels, positions, true_mels)[1] == pytest.approx(
            figures["pinv_mel_mse"], abs=0.011
        )
    assert len(clips.mean(mels[:, 0])) == figures["clips"]
    if "ptopafc_percent" in figures:
        classifier = load_classifier(record.name, record.path_in(shared / "pretrained"))
        first, expected = (clips.mean(classifier.scores(own)).argmax(1) for own in (mels, true_mels))
        hits = first == expected
        assert 100 * hits.mean() == pytest.approx(figures["ptopafc_percent"], abs=0.5)
        of_labels = [hits[expected == label].mean() for label in np.unique(expected)]
        assert 100 * np.mean(of_labels) == pytest.approx(figures["ptopafc_weighted_percent"], abs=0.5)


@pytest.mark.slow
@pytest.mark.shared
def test_mini_yamnet_agrees_with_its_teacher_as_its_card_says(shared):
    sounds, _ = read_sounds([shared / "audio/urbansound8k/fold2"], YAMNET_MELS.sr)
    teacher = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    measured = agreement(teacher, load_classifier("MiniYamNet"), list(sounds.values()))
    for name, figure in CARDS["MiniYamNet.pth"]["figures"].items():
        assert measured[name] == pytest.approx(figure, abs=6e-4), name
    assert measured["top1"] > measured["commonest"] + 0.2

"""The city: events, scenes, corpora in published layouts, and whether a real classifier hears what is meant."""

import csv
import json

import numpy as np
import pytest
import soundfile
import yaml

from spectral_transcoder.datasets.tau import tau_corpus
from spectral_transcoder.downloads.datasets import recalculated_path, write_recalculated
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.labels import groupings, label_names
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city import signals
from spectral_transcoder.synthetic_city.corpora import make_corpus
from spectral_transcoder.synthetic_city.kinds import KINDS
from spectral_transcoder.synthetic_city.layouts.sonyc_ust import table_columns
from spectral_transcoder.synthetic_city.recognition import recognise
from spectral_transcoder.synthetic_city.scenes import (
    FULL_SCALE_DB,
    PLACES,
    Event,
    Scene,
    air,
    draw_event,
    draw_scene,
    render_event,
)
from spectral_transcoder.utils.errors import DatasetError, UsageError
from tests.helpers.made_corpora import same_files

SR = 32000
MANY = 7  # of ten events of each kind: the least that is recognised
HARD = {"footsteps": 6}


def read_csv(path, delimiter=","):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("duration_s", [0.2, 0.37, 4.0])
def test_events_of_every_length_are_sounds(name, duration_s):
    for sr in (8000, 44100):
        sound = KINDS[name].make(duration_s, sr, np.random.default_rng(0))
        assert sound.shape == (round(duration_s * sr),)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 0


def test_families_are_labels_and_classes_are_the_taxonomies():
    assert {label for kind in KINDS.values() for label in kind.family} <= set(label_names(521))
    assert {kind.urbansound8k for kind in KINDS.values()} - {None} == set(groupings()["urbansound8k"])
    coarse = {kind.sonyc.split("-")[0] for kind in KINDS.values() if kind.sonyc}
    assert coarse == {str(number) for number in range(1, 9)}
    assert {f"{kind.sonyc}_presence" for kind in KINDS.values() if kind.sonyc} <= set(table_columns())


@pytest.mark.shared
def test_the_mobile_yamnet_hears_what_is_meant(shared):
    classifier = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    found = {name: recognise(name, classifier, 10) for name in KINDS}
    missed = {name: r for name, r in found.items() if r.recognised < HARD.get(name, MANY)}
    assert not missed


def horn(distance_m=1.0, level_db=90.0, **times):
    return Event("horn", times.get("onset_s", 0.0), times.get("offset_s", 1.0), level_db, distance_m, seed=5)


def test_a_doubled_distance_costs_six_decibels_and_treble():
    """From 100 to 200 m: 6.02 dB of all frequencies, and the air's part of the highest beside."""
    near, far = (np.abs(np.fft.rfft(render_event(horn(distance_m), 16000))) for distance_m in (100, 200))
    loss_db = 20 * np.log10(near / far)
    assert loss_db[400:450].mean() == pytest.approx(6.02 + 0.2, abs=0.05)
    assert 6.02 + 6.5 < loss_db[7400:7900].mean() < 6.02 + 9.5


@pytest.mark.parametrize(
    ("celsius", "humidity", "losses"),
    [
        (10, 70, (0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117.0)),
        (20, 70, (0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6)),
        (15, 50, (0.5, 1.2, 2.2, 4.2, 10.8, 36.2, 129.0)),
        (15, 80, (0.3, 1.1, 2.4, 4.1, 8.3, 23.7, 82.8)),
    ],
)
def test_the_air_is_that_of_the_standard(celsius, humidity, losses):
    """Table 2 of ISO 9613-2: dB per km in the octaves from 125 Hz to 8 kHz."""
    octaves = 1000 * 2.0 ** np.arange(-3, 4)
    loss_db = -20 * np.log10(air(octaves, 1000.0, celsius + 273.15, humidity))
    np.testing.assert_allclose(loss_db, losses, rtol=0.03, atol=0.06)


def test_levels_are_those_of_the_loudest_eighth_of_a_second():
    sound = render_event(horn(level_db=90.0), SR)
    loudest = max(np.sqrt(np.mean(part**2)) for part in np.split(sound, 8))
    assert 20 * np.log10(loudest * np.sqrt(2)) + FULL_SCALE_DB == pytest.approx(90, abs=0.5)


def test_scenes_are_the_sum_of_their_events():
    events = (horn(offset_s=1.5), Event("dog", 0.5, 2.0, 85.0, 4.0, seed=1))
    alone = [Scene(2.0, (event,), seed=3).render(SR) for event in events]
    nothing = Scene(2.0, (), seed=3).render(SR)
    np.testing.assert_allclose(Scene(2.0, events, seed=3).render(SR), sum(alone) - nothing, atol=1e-6)


def test_an_event_is_heard_between_its_onset_and_its_offset():
    levels = ThirdOctaves().levels(Scene(3.0, (horn(onset_s=1.0, offset_s=2.0),), 0).render(SR)).max(axis=1)
    assert levels[9:15].max() > levels[:7].max() + 40
    assert levels[9:15].max() > levels[17:].max() + 40


def test_loud_scenes_are_turned_down_as_a_whole():
    sound = Scene(1.0, (horn(level_db=140.0),), 0).render(SR)
    assert np.abs(sound).max() == pytest.approx(0.99)


@pytest.mark.parametrize("times", [{"onset_s": 2.0}, {"onset_s": -1.0}, {"distance_m": 0.5}])
def test_events_that_cannot_be_are_refused(times):
    with pytest.raises(UsageError, match=r"expected 0\.2 s or more"):
        horn(**times)


def test_unknown_events_name_the_choices():
    with pytest.raises(UsageError, match="expected one of traffic, pass_by"):
        Event("dragon", 0, 1, 90, 1, 0)


@pytest.mark.parametrize("place", PLACES)
def test_places_have_their_background_throughout(place):
    scene = draw_scene(PLACES[place], 10.0, np.random.default_rng(0))
    lasting = {event.kind for event in scene.events if (event.onset_s, event.offset_s) == (0, 10)}
    assert set(PLACES[place].background) <= lasting
    assert all(event.offset_s <= 10 for event in scene.events)


def test_a_filter_that_changes_nothing():
    noise = signals.noise(5000, np.random.default_rng(0))
    same = signals.filter_along(
        noise, SR, lambda positions, hz: np.ones((len(positions), hz.shape[1]), np.float32)
    )
    np.testing.assert_allclose(same, noise, atol=1e-5)


def test_a_wave_has_the_frequency_that_was_asked_for():
    tone = signals.wave(np.full(SR, 440.0), SR, signals.table([1, 0, 0.5]))
    spectrum = np.abs(np.fft.rfft(tone))
    assert {int(peak) for peak in np.argsort(spectrum)[-2:]} == {440, 1320}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """The three corpora, small."""
    folder = tmp_path_factory.mktemp("city")
    for layout, clips in (("TAU", 10), ("URBAN-SOUND-8K", 20), ("SONYC-UST", 10)):
        make_corpus(layout, folder / layout, clips, seed=1)
    return folder


def test_tau_is_read_as_tau(city):
    corpus = tau_corpus(city / "TAU")
    assert len(corpus.clips) == 10
    for clip in corpus.clips:
        info = soundfile.info(corpus.folder / clip.file)
        assert (info.samplerate, info.frames, info.channels, info.subtype) == (44100, 441000, 1, "PCM_24")
    assert len({clip.file.split("-")[0] for clip in corpus.clips}) == 10
    lists = {
        name: read_csv(city / "TAU/evaluation_setup" / f"fold1_{name}.csv", "\t")
        for name in ("train", "test", "evaluate")
    }
    assert [row["filename"] for row in lists["test"]] == [row["filename"] for row in lists["evaluate"]]
    assert [len(rows) for rows in lists.values()] == [7, 3, 3]
    meta = read_csv(city / "TAU/meta.csv", "\t")
    assert list(meta[0]) == ["filename", "scene_label", "identifier", "source_label"]
    assert {row["filename"] for row in meta} == {row["filename"] for rows in lists.values() for row in rows}


def test_urbansound8k_has_its_classes_and_true_durations(city):
    folder = city / "URBAN-SOUND-8K"
    table = folder / "metadata" / "UrbanSound8K.csv"
    rows = read_csv(recalculated_path(table))
    assert {row["class"] for row in rows} == set(groupings()["urbansound8k"])
    for row in rows:
        fs_id, class_id, _, _ = row["slice_file_name"].removesuffix(".wav").split("-")
        assert (fs_id, class_id) == (row["fsID"], row["classID"])
        scene = json.loads((folder / "scenes" / row["slice_file_name"].replace(".wav", ".json")).read_text())
        assert KINDS[scene["events"][-1]["kind"]].urbansound8k == row["class"]
    made = recalculated_path(table).read_bytes()
    write_recalculated(table, folder / "audio")  # as the downloader does
    assert recalculated_path(table).read_bytes() == made


def test_sonyc_annotations_say_what_is_heard(city):
    rows = read_csv(city / "SONYC-UST" / "annotations.csv")
    assert list(rows[0])[-8:] == [
        f"{number}_{name}_presence"
        for number, name in yaml.safe_load((city / "SONYC-UST/dcase-ust-taxonomy.yaml").read_text())[
            "coarse"
        ].items()
    ]
    assert {row["split"] for row in rows} == {"train", "validate", "test"}
    truths = [row for row in rows if row["annotator_id"] == "0"]
    assert {row["split"] for row in truths} == {"test"}
    for row in truths:
        scene = json.loads(
            (city / "SONYC-UST/scenes" / row["audio_filename"].replace(".wav", ".json")).read_text()
        )
        loud = [e for e in scene["events"] if e["level_db"] - 20 * np.log10(e["distance_m"]) >= 48]
        expected = {KINDS[e["kind"]].sonyc.split("-")[0] for e in loud}
        assert {column[0] for column in list(row)[-8:] if row[column] == "1"} == expected
    assert any(row[column] == "-1" for row in rows for column in list(row)[-8:] if row["split"] == "validate")
    clips = {row["audio_filename"] for row in rows}
    assert all(
        sum(row["audio_filename"] == clip and int(row["annotator_id"]) > 0 for row in rows) == 3
        for clip in clips
    )


def test_the_bytes_depend_on_the_seed_alone(city, tmp_path):
    make_corpus("TAU", tmp_path / "again", 8, seed=1, jobs=2)
    for path in (tmp_path / "again" / "audio").iterdir():
        assert path.read_bytes() == (city / "TAU/audio" / path.name).read_bytes()
    make_corpus("TAU", tmp_path / "other", 8, seed=2)
    assert not same_files(tmp_path / "again/audio", tmp_path / "other/audio")


def test_a_corpus_goes_on_and_is_not_made_twice(tmp_path):
    clips = make_corpus("URBAN-SOUND-8K", tmp_path / "urban", 20)
    times = {clip.path: clip.path.stat().st_mtime_ns for clip in clips}
    clips[3].path.unlink()
    done = []
    make_corpus("URBAN-SOUND-8K", tmp_path / "urban", 20, report=lambda *progress: done.append(progress))
    assert done == [(1, 1)]
    assert all(clip.path.stat().st_mtime_ns == times[clip.path] for clip in clips if clip != clips[3])


def test_a_city_grows_to_what_it_would_have_been(tmp_path):
    grown, at_once = tmp_path / "grown", tmp_path / "at_once"
    clips = make_corpus("URBAN-SOUND-8K", grown, 20)
    times = {clip.path: clip.path.stat().st_mtime_ns for clip in clips}
    for folder in (grown, at_once):
        make_corpus("URBAN-SOUND-8K", folder, 22)
    assert all(path.stat().st_mtime_ns == written for path, written in times.items())
    for part in ("audio", "scenes", "metadata"):
        assert same_files(grown / part, at_once / part)
    with pytest.raises(UsageError, match=r"'clips': 22.* as many clips or more"):
        make_corpus("URBAN-SOUND-8K", grown, 21)


@pytest.mark.parametrize("content", ["{", "[]", '{"layout": "TAU"}'])
def test_a_damaged_record_of_a_city_is_reported(tmp_path, content):
    (tmp_path / "city.json").write_text(content)
    with pytest.raises(DatasetError, match=r"city\.json is damaged"):
        make_corpus("TAU", tmp_path, 8)


@pytest.mark.parametrize(("layout", "clips"), [("TAU", 7), ("ESC-50", 100)])
def test_what_cannot_be_made_is_refused(tmp_path, layout, clips):
    with pytest.raises(UsageError, match=r"7 clips of TAU: it takes 8|expected one of TAU"):
        make_corpus(layout, tmp_path / "city", clips)
    assert not (tmp_path / "city").exists()


def test_a_city_without_a_kind_is_the_same_but_for_its_events(city, tmp_path):
    birdless = make_corpus("TAU", tmp_path / "birdless", 8, seed=1, without=["birds"])
    whole = json.loads((city / "TAU/scenes" / f"{birdless[4].path.stem}.json").read_text())  # a park
    birds = [Event(**event) for event in whole["events"] if event["kind"] == "birds"]
    assert birds and "birds" not in birdless[4].scene.kinds()
    sound, sr = soundfile.read(city / "TAU/audio" / birdless[4].path.name)
    difference = sound - soundfile.read(birdless[4].path)[0]
    expected = np.zeros(len(sound))
    for bird in birds:
        start = round(bird.onset_s * sr)
        rendered = render_event(bird, sr)[: len(sound) - start]
        expected[start : start + len(rendered)] += rendered
    np.testing.assert_allclose(difference, expected, atol=3e-7)  # 24 bits, twice
    with pytest.raises(UsageError, match=r"'without': \[\].*'without': \['dog'\]"):
        make_corpus("TAU", city / "TAU", 8, seed=1, without=["dog"])
    for layout, kinds, message in (
        ("TAU", ["bird"], "event 'bird'"),
        ("URBAN-SOUND-8K", ["dog"], "expected TAU"),
    ):
        with pytest.raises(UsageError, match=message):
            make_corpus(layout, tmp_path / "none", 20, without=kinds)
    assert not (tmp_path / "none").exists()


def test_other_peoples_folders_are_left_alone(city, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds something else"):
        make_corpus("TAU", tmp_path, 10)
    with pytest.raises(UsageError, match=r"holds a city of .*'seed': 1"):
        make_corpus("TAU", city / "TAU", 10, seed=2)


def test_the_script_writes_a_corpus_that_the_next_script_reads(tmp_path, call_script):
    code, said, stderr = call_script("make_city.py", "TAU", "--clips", 8, "--output", tmp_path, "--jobs", 1)
    assert not code, stderr
    (folder,) = tmp_path.iterdir()
    assert f"{folder}: 8 clips, 1.3 min" in said
    made = ("--audio_dataset_path", folder, "--data_path", tmp_path / "data", "--jobs", 1)
    code, said, stderr = call_script("exp_train_model/create_mel_tho_dataset.py", *made)
    assert not code, stderr
    assert "train: 6 clips, 60 seconds" in said


def test_wrong_use_is_one_line(tmp_path, call_script):
    code, _, stderr = call_script("make_city.py", "TAU", "--clips", 3, "--output", tmp_path)
    assert code == 2
    assert stderr.startswith("error: 3 clips of TAU: it takes 8 or more")


def test_a_demo_sound_of_a_place_says_what_is_heard(tmp_path, call_script):
    options = ("--place", "park", "--duration_s", 2, "--seed", 5)
    code, said, stderr = call_script("make_demo_sound.py", tmp_path / "park.ogg", *options)
    assert not code, stderr
    assert "0.00 to  2.00 s: wind" in said
    assert soundfile.info(tmp_path / "park.ogg").subtype == "VORBIS"
    code, _, stderr = call_script(
        "make_demo_sound.py", tmp_path / "park.wav", "--place", "park", "--duration_s", 0.1
    )
    assert code == 2
    assert "a scene of the city takes 0.2 s or more" in stderr


def test_events_may_be_cut_by_both_ends_of_a_scene():
    rng = np.random.default_rng(0)
    events = [draw_event("siren", 3.0, (1, 10), rng) for _ in range(200)]
    assert all(0 <= event.onset_s < event.offset_s <= 3 for event in events)
    assert min(event.offset_s - event.onset_s for event in events) >= 0.299
    assert 0.2 < np.mean([event.onset_s == 0 for event in events]) < 0.9
    assert 0.2 < np.mean([event.offset_s == 3 for event in events]) < 0.9


def test_a_clip_that_was_not_made_here_is_neither_written_over_nor_taken_for_one(tmp_path):
    clips = make_corpus("URBAN-SOUND-8K", tmp_path / "urban", 20)
    at_once = make_corpus("URBAN-SOUND-8K", tmp_path / "other", 21)
    foreign = tmp_path / "urban" / "audio" / at_once[-1].path.name
    foreign.write_bytes(b"precious")
    table = (tmp_path / "urban" / "metadata" / "UrbanSound8K.csv").read_bytes()
    with pytest.raises(UsageError, match=f"{foreign.name} is there already"):
        make_corpus("URBAN-SOUND-8K", tmp_path / "urban", 21)
    assert foreign.read_bytes() == b"precious"
    assert (tmp_path / "urban" / "metadata" / "UrbanSound8K.csv").read_bytes() == table
    assert len(clips) == 20


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to a folder", "corpus"])
def test_the_script_leaves_alone_what_it_did_not_write(tmp_path, call_script, kind):
    folder = tmp_path / "out" / "URBAN-SOUND-8K"
    folder.parent.mkdir()
    mine = tmp_path / "mine"
    if kind in ("link to a folder", "corpus"):
        mine = (folder if kind == "corpus" else tmp_path / "mine") / "audio" / "100032-3-0-0.wav"
        mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    if kind == "file":
        folder.write_bytes(b"precious")
    elif kind != "corpus":
        folder.symlink_to(tmp_path / "mine")
    before = sorted(tmp_path.rglob("*"))
    code, _, stderr = call_script("make_city.py", "URBAN-SOUND-8K", "--clips", 20, "--output", folder.parent)
    assert (code, "holds something else" in stderr) == (2, True), stderr
    assert mine.read_bytes() == b"precious"
    assert sorted(tmp_path.rglob("*")) == before

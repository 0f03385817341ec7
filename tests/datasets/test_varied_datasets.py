"""Datasets with more sound of the same recordings: held-out splits as recorded, the same bytes however it is made."""

import csv
import json

import numpy as np
import pytest

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, open_dataset
from spectral_transcoder.datasets.creation.plan import make_plan
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.variations import Variations
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS
from spectral_transcoder.utils.errors import DatasetError
from tests.helpers.made_corpora import same_files, write_clip, write_noises

ANALYSIS = ChunkAnalysis(front_ends=("YamNet",))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Eighteen clips of 2.7 s in six groups, named <group>-<number>."""
    return write_noises(tmp_path_factory.mktemp("varied") / "noises", n_clips=18, duration_s=2.7)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    """Three backgrounds, one of them too short."""
    folder = tmp_path_factory.mktemp("streets")
    for index, duration_s in enumerate((4, 1.5, 0.5)):
        write_clip(folder / f"street{index}.wav", duration_s, index)
    return folder


def make(sounds, output, variations=None, jobs=1, **settings):
    """Make the dataset `noises`, return it."""
    corpus = folder_corpus(sounds, "noises", group_by="-")
    create_dataset(corpus, output, ANALYSIS, jobs, variations=variations, **settings)
    return open_dataset(output, "noises")


def rows_of(dataset):
    """The table of what was made."""
    with (dataset.folder / "noises_variations.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def everything(streets):
    return Variations(shifts=1, mixtures=40, equalised=True, backgrounds=streets)


@pytest.fixture(scope="module")
def plain(sounds, tmp_path_factory):
    return make(sounds, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def varied(sounds, everything, tmp_path_factory):
    return make(sounds, tmp_path_factory.mktemp("varied"), everything)


def test_no_wish_changes_no_byte(sounds, plain, tmp_path):
    again = make(sounds, tmp_path, Variations())
    assert same_files(plain.folder, again.folder)
    assert "variations" not in plain.manifest["parameters"]
    assert set(plain.manifest["counts"]["train"]) == {"clips", "chunks"}


def test_validation_and_evaluation_stay_as_recorded(plain, varied):
    for split in ("valid", "eval"):
        for array, values in plain.split(split).arrays.items():
            np.testing.assert_array_equal(varied.split(split).arrays[array], values)
    recorded = plain.split("train")
    for array, values in recorded.arrays.items():
        np.testing.assert_array_equal(varied.split("train").arrays[array][: len(recorded)], values)


def test_everything_is_made_of_the_training_split(sounds, plain, varied):
    held_out = {
        str(fname).rpartition("_")[0] for split in ("valid", "eval") for fname in plain.split(split).fnames
    }
    rows = rows_of(varied)
    assert {row["kind"] for row in rows} == {"equalised", "shift", "background", "mixture"}
    assert not held_out & {row[key] for row in rows for key in ("file", "second_file")}
    groups = [(row["file"][0], row["second_file"][0]) for row in rows if row["kind"] == "mixture"]
    assert all(first != second for first, second in groups)


def test_the_table_has_a_row_for_every_chunk_that_was_made(plain, varied):
    counts = varied.manifest["counts"]["train"]
    n_recorded = plain.manifest["counts"]["train"]["chunks"]
    n_clips = plain.manifest["counts"]["train"]["clips"]
    # of 2.7 s: two seconds as they are, two half a second later, two over a background; and 40 of mixtures
    assert counts == {
        "clips": n_clips,
        "chunks": n_recorded + 6 * n_clips + 40,
        "made_chunks": 6 * n_clips + 40,
    }
    names = [f"{row['name']}_{chunk}" for row in rows_of(varied) for chunk in range(int(row["chunks"]))]
    assert list(varied.split("train").fnames[n_recorded:]) == names
    listed = varied.manifest["files"]["noises_variations.csv"]
    assert listed["sha256"]
    assert varied.manifest["parameters"]["variations"]["mixtures"] == 40


def test_a_shift_in_a_dataset_is_the_chunk_cut_there(sounds, tmp_path):
    train = make(sounds, tmp_path, Variations(shifts=1)).split("train")
    fname = next(name for name in train.fnames if "+500ms_1" in name)
    recording = read_audio(sounds / fname.partition("+")[0])
    cut = recording.samples[recording.sr // 2 :][: 2 * recording.sr]
    expected = ANALYSIS.arrays(type(recording)(cut, recording.sr), 0, 2)
    index = list(train.fnames).index(fname)
    for array, values in expected.items():
        np.testing.assert_array_equal(train.arrays[array][index], values[1])


def test_the_number_of_processes_changes_no_byte(sounds, everything, varied, tmp_path):
    assert same_files(varied.folder, make(sounds, tmp_path / "two", everything, jobs=2).folder)


def test_another_wish_is_another_dataset(sounds, everything, varied, tmp_path):
    others = (Variations(shifts=1), Variations(shifts=2), Variations(shifts=1, seed=1))
    prints = {make(sounds, tmp_path / f"{index}", wish).provenance for index, wish in enumerate(others)}
    assert len(prints | {varied.provenance}) == 4
    output = varied.folder.parent
    with pytest.raises(DatasetError, match=r"variations.shifts is 1 there, 3 here"):
        make(sounds, output, Variations(shifts=3))
    assert make(sounds, output, everything).provenance == varied.provenance  # verifies


def test_held_out_recordings_are_no_backgrounds(sounds, streets, tmp_path):
    """Neither the file itself, under another name, nor another one of its group."""
    corpus = folder_corpus(sounds, "noises", group_by="-")
    held_out = next(clip for clip in corpus.clips if clip.split == "eval")
    (tmp_path / "street.wav").symlink_to(streets / "street0.wav")
    (tmp_path / "innocent.wav").symlink_to(sounds / held_out.file)
    (tmp_path / f"{held_out.group}-99.wav").symlink_to(streets / "street1.wav")
    plan = make_plan(corpus, ANALYSIS, Variations(backgrounds=tmp_path))
    used = {clip.made.sources[1].file for clip in plan.clips if clip.made}
    assert used == {"street.wav"}


def test_damaged_sounds_are_reported_once_and_what_is_made_of_them_is_left_out(sounds, streets, tmp_path):
    folder, backgrounds = tmp_path / "noises", tmp_path / "streets"
    for source, target in ((sounds, folder), (streets, backgrounds)):
        target.mkdir()
        for path in source.iterdir():
            (target / path.name).symlink_to(path)
    corpus = folder_corpus(folder, "noises", group_by="-")
    group = next(clip.group for clip in corpus.clips if clip.split == "train")
    for path in (folder / f"{group}-50.flac", backgrounds / "street3.flac"):
        content = bytearray(write_clip(path, 3).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        path.write_bytes(content)
    dataset = make(folder, tmp_path / "data", Variations(shifts=1, mixtures=60, backgrounds=backgrounds))
    listed = [clip["file"] for clip in dataset.manifest["skipped"]]
    assert len(listed) == 2
    assert listed[0] == f"{group}-50.flac"
    rows = rows_of(dataset)
    spoilt = [row for row in rows if {row["file"], row["second_file"]} & {f"{group}-50.flac", "street3.flac"}]
    assert len(spoilt) > 3
    assert all(row["chunks"] == "0" and row["skipped"] for row in spoilt)
    assert sum(int(row["chunks"]) for row in rows) == dataset.manifest["counts"]["train"]["made_chunks"]
    assert not np.isnan(dataset.split("train").third_octaves).any()
    json.dumps(dataset.manifest)


def test_classifiers_of_other_front_ends_get_the_same_sounds(sounds, tmp_path):
    corpus = folder_corpus(sounds, "noises", group_by="-")
    create_dataset(
        corpus, tmp_path, ChunkAnalysis(front_ends=("EfficientAT",)), 1, variations=Variations(mixtures=5)
    )
    split = open_dataset(tmp_path, "noises").split("train")
    assert split.mels(EFFICIENTAT_MELS).shape == (len(split), 100, 128)

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from spectral_transcoder.datasets.corpora import (
    PROPORTIONS,
    SPLITS,
    URBAN_SCENES,
    Clip,
    Corpus,
    folder_corpus,
    split_groups,
    tau_corpus,
)
from spectral_transcoder.experiments.transcoding.plans import MEL_DATASETS
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from tests.helpers.made_corpora import TAU_NAMES, write_clip, write_tau_lists

N_DEVICE_A = 10545
SCENES = ("airport", "bus", "metro", "park", "public_square", "street_pedestrian", "street_traffic", "tram")
CITIES = ("barcelona", "helsinki", "lisbon", "london", "lyon", "milan", "paris", "prague", "vienna")


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """As many names as TAU has of device a, and others between them."""
    names = []
    for index in range(N_DEVICE_A):
        place = f"{SCENES[index % 8]}-{CITIES[index % 9]}-{index // 100}-{index}"
        names += [f"{place}-a.wav"] + ([f"{place}-s3.wav"] if index % 3 == 0 else [])
    return write_tau_lists(tmp_path_factory.mktemp("tau"), names, n_train=9000), names


def files_of(corpus, split):
    return [clip.file for clip in corpus.clips if clip.split == split]


def test_the_split_is_scikit_learns_with_the_published_counts(official):
    folder, names = official
    corpus = tau_corpus(folder)
    train, rest = train_test_split(
        [name for name in names if name.endswith("-a.wav")], test_size=0.25, random_state=71
    )
    valid, evaluation = train_test_split(rest, test_size=0.5, random_state=71)
    for split, expected in zip(SPLITS, (train, valid, evaluation), strict=True):
        assert set(files_of(corpus, split)) == set(expected)
    assert [len(files_of(corpus, split)) for split in SPLITS] == [7908, 1318, 1319]
    assert corpus.name == "Dcase-Task1-full"


def test_urban_is_split_by_itself(official):
    folder, names = official
    urban = [name for name in names if name.endswith("-a.wav") and name.split("-")[0] in URBAN_SCENES]
    train, _ = train_test_split(urban, test_size=0.25, random_state=71)
    corpus = tau_corpus(folder, "urban")
    assert {clip.file for clip in corpus.clips} == set(urban)
    assert set(files_of(corpus, "train")) == set(train)
    assert corpus.name == "Dcase-Task1-urban"


def test_test_is_the_first_fifty_rows_of_any_device(official):
    folder, names = official
    corpus = tau_corpus(folder, "test")
    assert [clip.file for clip in corpus.clips] == names[:50]
    assert [len(files_of(corpus, split)) for split in SPLITS] == [37, 6, 7]
    assert corpus.name == "Dcase-Task1-TEST"


def test_by_city_no_city_is_in_two_splits(official):
    corpus = tau_corpus(official[0], by_city=True)
    cities = {split: {file.split("-")[1] for file in files_of(corpus, split)} for split in SPLITS}
    assert cities["train"] == {"london", "lyon", "milan", "paris", "vienna"}
    assert cities["valid"] == {"lisbon", "prague"}
    assert cities["eval"] == {"barcelona", "helsinki"}
    assert corpus.name == "Dcase-Task1-full-by-city"


def test_another_seed_is_another_split(official):
    assert tau_corpus(official[0], seed=1).clips != tau_corpus(official[0]).clips


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ([*TAU_NAMES, "park-london-1-a.wav"], {}, "park-london-1-a.wav"),
        ([*TAU_NAMES, "park-nantes-1-2-a.wav"], {"by_city": True}, "nantes"),
        (TAU_NAMES[:2], {}, "five or more"),
        (TAU_NAMES[1:2] * 5, {"by_city": True}, "valid"),
        (TAU_NAMES, {"dataset_type": "rural"}, "full, urban, test"),
        (TAU_NAMES, {"name": "a b"}, "--dataset_name"),
    ],
)
def test_wrong_tau_corpora_are_refused(tmp_path, names, options, message):
    write_tau_lists(tmp_path / "tau", names, n_train=3)
    with pytest.raises(UsageError, match=message):
        tau_corpus(tmp_path / "tau", **options)


def test_a_missing_tau_names_the_command(tmp_path):
    with pytest.raises(MissingFileError, match=r"download_datasets.py --dataset TAU"):
        tau_corpus(tmp_path)


def test_a_list_without_file_names_is_refused(tmp_path):
    write_tau_lists(tmp_path / "tau", TAU_NAMES, n_train=3)
    (tmp_path / "tau/evaluation_setup/fold1_train.csv").write_text("filename,scene_label\na,b\n")
    with pytest.raises(UsageError, match="filename"):
        tau_corpus(tmp_path / "tau")


@pytest.fixture
def recordings(tmp_path):
    """Eight recordings, the first cut into five slices, in two folders."""
    for slice_index in range(5):
        write_clip(tmp_path / "fold1" / f"100-3-{slice_index}.wav", 0.1)
    for recording in range(101, 108):
        write_clip(tmp_path / "fold2" / f"{recording}-1-0.flac", 0.1)
    write_clip(tmp_path / ".trash" / "1.wav", 0.1)
    write_clip(tmp_path / "fold1" / "._100-3-0.wav", 0.1)
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


def test_a_folder_is_searched_for_sounds(recordings):
    corpus = folder_corpus(recordings, name="mine")
    expected = [f"fold1/100-3-{index}.wav" for index in range(5)]
    expected += [f"fold2/{recording}-1-0.flac" for recording in range(101, 108)]
    assert [clip.file for clip in corpus.clips] == expected
    assert corpus.clips == folder_corpus(recordings, name="mine").clips
    assert folder_corpus(recordings).name == recordings.name


@pytest.mark.parametrize("group_by", ["-", r"/(\d+)-", r"(fold\d)/(\d+)"])
def test_slices_of_one_recording_stay_together(recordings, group_by):
    corpus = folder_corpus(recordings, group_by=group_by)
    splits = {clip.split for clip in corpus.clips if "100-3" in clip.file}
    assert len({clip.group for clip in corpus.clips}) == 8
    assert splits == {"train"}
    assert corpus.parameters["group_by"] == group_by


@pytest.mark.parametrize(
    ("group_by", "message"),
    [("(", "no regular expression"), (r"(\d{5})", "captures nothing in fold1/100-3-0")],
)
def test_wrong_patterns_are_refused(recordings, group_by, message):
    with pytest.raises(UsageError, match=message):
        folder_corpus(recordings, group_by=group_by)


def test_evaluation_files_can_be_given(recordings):
    corpus = folder_corpus(recordings, group_by="-", eval_files=r"^fold2/10[1-3]")
    held_out = [clip.file for clip in corpus.clips if clip.split == "eval"]
    assert held_out == [f"fold2/{recording}-1-0.flac" for recording in (101, 102, 103)]
    assert {clip.split for clip in corpus.clips if "100-3" in clip.file} == {"train"}
    assert (
        sum(clip.split == "valid" for clip in corpus.clips) == 1
    )  # a seventh of nine clips, in whole groups
    assert corpus.parameters["eval_files"] == r"^fold2/10[1-3]"


@pytest.mark.parametrize(
    ("eval_files", "message"),
    [
        ("(", "--eval_files .* no regular expression"),
        ("fold9", "matches no file"),
        ("-3-1", "divides groups"),
    ],
)
def test_wrong_evaluation_files_are_refused(recordings, eval_files, message):
    with pytest.raises(UsageError, match=message):
        folder_corpus(recordings, group_by="-", eval_files=eval_files)


def test_two_groups_are_too_few(recordings):
    with pytest.raises(UsageError, match="none of them for the splits eval"):
        folder_corpus(recordings, group_by="(fold.)")


@pytest.mark.parametrize("name", [*MEL_DATASETS, "..", ".hidden", "a/b", "a\\b", "a+b", ""])
def test_names_that_no_selector_can_mean_are_refused(name):
    clips = tuple(Clip(f"{split}.wav", split, split) for split in SPLITS)
    with pytest.raises(UsageError, match="--dataset_name"):
        Corpus(name, Path(), clips, {})


def test_folders_without_sound_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="holds no sound"):
        folder_corpus(tmp_path)
    with pytest.raises(MissingFileError, match="no folder"):
        folder_corpus(tmp_path / "nowhere")


@given(st.lists(st.integers(1, 50), min_size=3, max_size=60), st.integers(0, 5))
def test_groups_are_shared_out_near_the_proportions(sizes, seed):
    sizes = {f"g{index}": size for index, size in enumerate(sizes)}
    split_of = split_groups(sizes, seed)
    assert split_of.keys() == sizes.keys()
    assert set(split_of.values()) == set(SPLITS)
    for split, share in PROPORTIONS.items():
        n_clips = sum(size for group, size in sizes.items() if split_of[group] == split)
        assert n_clips <= share * sum(sizes.values()) + max(sizes.values())


def test_many_single_clips_meet_the_proportions():
    split_of = split_groups({f"g{index}": 1 for index in range(1600)}, seed=71)
    assert [list(split_of.values()).count(split) for split in SPLITS] == [1200, 200, 200]
    assert split_of != split_groups({f"g{index}": 1 for index in range(1600)}, seed=72)

import pytest
from sklearn.model_selection import train_test_split

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.tau import URBAN_SCENES, tau_corpus
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import TAU
from tests.helpers.made_corpora import TAU_NAMES, write_tau_lists

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


@pytest.mark.parametrize(("suffix", "mark"), [(".WAV", ""), (".flac", ""), (".wav", "\ufeff")])
def test_lists_in_other_spellings_lose_no_clip(tmp_path, suffix, mark):
    names = [name.removesuffix(".wav") + suffix for name in TAU_NAMES]
    folder = write_tau_lists(tmp_path / "tau", names, n_train=3)
    for path in (folder / "evaluation_setup").iterdir():
        path.write_text(mark + path.read_text(), encoding="utf-8")
    expected = {name for name in names if name.endswith(f"-a{suffix}")}
    assert {clip.file for clip in tau_corpus(folder).clips} == expected


def test_the_folder_that_holds_the_corpus_serves_too(tmp_path):
    folder = write_tau_lists(tmp_path / TAU.name, TAU_NAMES, n_train=3)
    assert tau_corpus(tmp_path) == tau_corpus(folder)

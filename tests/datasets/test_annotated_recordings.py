"""Tables of times of presence, and files of many recordings' levels."""

import numpy as np
import pytest

from spectral_transcoder.datasets.annotated_recordings import read_recorded_levels, read_times_of_presence
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError


def write(path, text):
    path.write_text(text)
    return path


def test_a_table_is_read(tmp_path):
    annotated = read_times_of_presence(
        write(tmp_path / "t.csv", "recording,traffic,birds\n001,0.3,0\n002,1,0.05\n")
    )
    assert annotated.recordings == ("001", "002")  # names, not numbers
    assert annotated.classes == ("traffic", "birds")
    assert annotated.times_of_presence.tolist() == [[0.3, 0], [1, 0.05]]


@pytest.mark.parametrize(
    "text, word",
    [
        ("file,traffic\na,0\n", "expected recording"),
        ("recording\na\n", "a column for each class"),
        ("recording,traffic\n", "0 rows"),
        ("recording,traffic\na,0\na,1\n", "a twice"),
        ("recording,traffic\na,0\nb,1.5\n", "b: expected times of presence in 0 … 1"),
        ("recording,traffic\na,\n", "a: expected times of presence in 0 … 1"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, word):
    with pytest.raises(DatasetError, match=word):
        read_times_of_presence(write(tmp_path / "t.csv", text))


def test_a_missing_table_is_reported(tmp_path):
    with pytest.raises(MissingFileError, match="recording"):
        read_times_of_presence(tmp_path / "t.csv")


def test_levels_are_read_with_the_period_of_their_name(tmp_path):
    levels = np.random.default_rng(0).normal(60, 5, (2, 40, 29)).astype(np.float32)
    path = tmp_path / "levels_62.5ms.npz"
    np.savez(path, recordings=["a.flac", "b.flac"], levels_db=levels)
    stored = read_recorded_levels(path)
    assert stored.period_s == 0.0625
    assert np.array_equal(stored.levels_db["b.flac"], levels[1])
    assert read_recorded_levels(path, 0.1).period_s == 0.1


def test_levels_of_an_unknown_period_or_without_names_are_refused(tmp_path):
    np.savez(tmp_path / "levels.npz", recordings=["a"], levels_db=np.zeros((1, 8, 29)))
    with pytest.raises(UsageError, match="period"):
        read_recorded_levels(tmp_path / "levels.npz")
    np.savez(tmp_path / "x_1ms.npz", levels_db=np.zeros((1, 8, 29)))
    with pytest.raises(DatasetError, match="recordings"):
        read_recorded_levels(tmp_path / "x_1ms.npz")
    np.savez(tmp_path / "y_1ms.npz", recordings=["a"], levels_db=np.full((1, 8, 29), np.nan))
    with pytest.raises(DatasetError, match="finite"):
        read_recorded_levels(tmp_path / "y_1ms.npz")


@pytest.mark.shared
def test_lorient_is_read(shared):
    folder = shared / "audio/lorient1k"
    annotated = read_times_of_presence(folder / "time_of_presence.csv")
    assert annotated.times_of_presence.shape == (15, 3)
    assert annotated.times_of_presence[0].tolist() == [0.3, 0.5, 0]
    stored = read_recorded_levels(folder / "levels_128ms.npz")
    assert stored.period_s == 0.128 and list(stored.levels_db) == list(annotated.recordings)

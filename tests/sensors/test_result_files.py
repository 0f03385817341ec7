"""Rows read back: the same from CSV, HDF5 and Parquet; other files are told."""

import numpy as np
import pytest

from spectral_transcoder.sensors.result_files import find_results, read_results, result_columns
from spectral_transcoder.sensors.results import LEVEL_COLUMNS, write_csv, write_hdf5, write_parquet
from spectral_transcoder.utils.errors import LevelsError, MissingFileError
from tests.helpers.made_year import made_year

WRITERS = {".csv": write_csv, ".h5": write_hdf5, ".parquet": write_parquet}


@pytest.mark.parametrize("suffix", WRITERS)
def test_rows_come_back_as_they_were_written(tmp_path, suffix):
    table = made_year("7", n_days=2)
    path = tmp_path / f"day{suffix}"
    WRITERS[suffix](path, iter([table.slice(0, 100), table.slice(100)]))
    columns = ["sensor", "epoch_s", "birds_present", "birds_probability", LEVEL_COLUMNS[3]]
    assert set(columns) <= set(result_columns(path))
    tables = list(read_results(path, columns))
    for name in columns:
        own = np.concatenate([part[name].to_numpy(zero_copy_only=False) for part in tables])
        expected = table[name].to_numpy(zero_copy_only=False)
        assert (
            (own.astype(str) == expected.astype(str)).all()
            if name == "sensor"
            else np.allclose(own, expected)
        )


def test_folders_are_searched(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.parquet", "1.csv", "note.txt", "1.csv.json"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in find_results([tmp_path])] == ["1.csv", "2.parquet"]
    with pytest.raises(MissingFileError, match="nowhere"):
        find_results([tmp_path / "nowhere"])
    with pytest.raises(MissingFileError, match="classify_thirdo"):
        (tmp_path / "empty").mkdir()
        find_results([tmp_path / "empty"])


def test_times_of_periods_beside_an_output_are_no_rows(tmp_path):
    for name in ("day.parquet", "day_per_hour.csv", "bus_per_hour.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "day.parquet.json").write_text('{"made_from": {}}')
    found = [path.name for path in find_results([tmp_path])]
    assert found == ["bus_per_hour.csv", "day.parquet"]  # what lies beside no output may be rows


def test_folders_behind_links_are_searched_and_what_is_no_rows_is_passed_over(tmp_path):
    elsewhere = tmp_path / "disk"
    (tmp_path / "results/day.csv.parts").mkdir(parents=True)
    elsewhere.mkdir()
    (tmp_path / "results/linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tmp_path / "results")
    for name in ("results/day.csv", "results/._day.csv", "results/day_per_hour.csv", "disk/2.h5"):
        (tmp_path / name).write_text("x")
    (tmp_path / "results/day.csv.json").write_text('{"made_from": {}}')
    assert [path.name for path in find_results([tmp_path / "results"])] == ["day.csv", "2.h5"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.h5"])
def test_other_files_are_reported(tmp_path, name):
    (tmp_path / name).write_text("time,level\n1,2\n")
    with pytest.raises(LevelsError, match=name):
        result_columns(tmp_path / name)

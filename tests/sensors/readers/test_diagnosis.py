"""What is wrong with a file is said as it is."""

import subprocess
import sys

import numpy as np
import pytest

from spectral_transcoder.sensors.readers.formats import open_levels
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import survey_file
from spectral_transcoder.utils.errors import LevelsError
from tests.helpers.made_levels import epochs_s, street_levels, write_cense_hdf5, write_csv

LEVELS = street_levels(40)


def test_an_hdf5_that_another_program_writes_is_not_damaged(tmp_path):
    path = write_cense_hdf5(tmp_path / "day.h5", {("2020_1", "1"): (epochs_s(40), LEVELS)})
    code = "import h5py, sys; f = h5py.File(sys.argv[1], 'a', locking=True); print(flush=True); input()"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    writer.stdout.readline()
    with pytest.raises(
        LevelsError, match=r"open for writing in another program|not closed by the program"
    ) as refused:
        open_levels(path)
    assert "damaged" not in str(refused.value)
    writer.communicate(b"\n", timeout=60)
    assert survey_file(path, ReadOptions()).n_rows == 40


def test_a_latin_1_header_is_text(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(40), extra=[("Température (°C)", "12")])
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    assert survey_file(path, ReadOptions()).n_rows == 40


def test_a_pickled_npy_is_no_truncated_one(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(LevelsError, match="pickled Python objects"):
        open_levels(tmp_path / "a.npy")


def test_a_zip_of_two_files_says_so(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(LevelsError, match="holds 2 files: expected one table"):
        open_levels(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda text: text.replace("epoch", "when"), r"no epoch, time or date: expected a column"),
        (
            lambda text: "\n".join(line.replace(".0,", "x,", 1) for line in text.splitlines()),
            "are no dates that can be",
        ),
        (lambda text: text.partition("\n")[0] + "\n", "has no row of levels|without a row"),
    ],
)
def test_what_a_table_lacks(tmp_path, change, found):
    path = write_csv(tmp_path / "a.csv", LEVELS, 1000 + np.arange(40))
    path.write_text(change(path.read_text()))
    with pytest.raises(LevelsError, match=found):
        survey_file(path, ReadOptions())

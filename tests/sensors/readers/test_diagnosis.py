"""What is wrong with a file is said as it is."""

import gzip
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from spectral_transcoder.sensors.frame_checks import Findings
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
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(LevelsError, match="holds 2 files: expected one table"):
        open_levels(tmp_path / "a.zip")


def test_a_workbook_says_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "book.csv", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(LevelsError, match="a workbook of Excel"):
        open_levels(tmp_path / "book.csv")


def test_what_a_system_hides_in_an_archive_is_no_file_of_it(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(40))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "day/a.csv")
        for name in ("day/.DS_Store", "day/Thumbs.db", "__MACOSX/day/._a.csv"):
            archive.writestr(name, "x")
    assert survey_file(tmp_path / "a.zip", ReadOptions()).n_rows == 40


@pytest.mark.parametrize("start", [b"\x93NUMPY\1\0", b"\x89HDF\r\n\x1a\n"])
def test_arrays_that_are_compressed_say_so(tmp_path, start):
    (tmp_path / "a.gz").write_bytes(gzip.compress(start + bytes(200)))
    with pytest.raises(LevelsError, match="a compressed file of arrays: unpack it"):
        open_levels(tmp_path / "a.gz")


def test_a_small_compressed_file_that_was_cut_is_read_up_to_there(tmp_path):
    whole = gzip.compress(write_csv(tmp_path / "a.csv", LEVELS, epochs_s(40)).read_bytes())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    surveyed = survey_file(tmp_path / "a.csv.gz", ReadOptions())
    assert 5 < surveyed.n_rows < 40
    list(surveyed.blocks(findings := Findings()))
    assert "it is cut or damaged" in "\n".join(findings.notes)


def test_a_table_without_a_line_of_names_says_so(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(40))
    path.write_text(path.read_text().partition("\n")[2])
    with pytest.raises(LevelsError, match="has no line of names above its 30 columns"):
        open_levels(path)
    assert survey_file(path, ReadOptions(columns="2:30=20", time_column="1")).n_rows == 40


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

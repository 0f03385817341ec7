"""Files are whole or not there."""

import errno
import hashlib
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spectral_transcoder.utils import files
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.files import (
    atomic_path,
    refuse_foreign,
    refuse_overwriting,
    sha256_once,
    sha256_or_none,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_file_takes_its_name(tmp_path):
    path = tmp_path / "new" / "folder" / "a.wav"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".wav"
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["a.wav"]


@pytest.mark.parametrize("failure", [ValueError("a bug"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_a_failed_writer_leaves_nothing_and_the_old_file_survives(tmp_path, failure):
    path = tmp_path / "a.txt"
    for before in ([], ["a.txt"]):
        with pytest.raises(type(failure)), atomic_path(path) as temporary:
            temporary.write_text("half")
            raise failure
        assert names(tmp_path) == before
        path.write_text("old")
    assert path.read_text() == "old"


WRITE_AND_DIE = """
import os, signal, sys
from spectral_transcoder.utils.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half of a longer text")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path):
    path = tmp_path / "a.txt"
    died = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, path], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1 and not path.exists()
    with atomic_path(path) as temporary:
        assert temporary.read_text() == ""
        temporary.write_text("whole")
    assert names(tmp_path) == ["a.txt"] and path.read_text() == "whole"


def test_two_living_writers_of_one_path_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # it was finished last
    assert names(tmp_path) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old and longer")
    with atomic_path(str(path)) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("66 requested and 12 written"),  # numpy's
    ],
    ids=["full", "quota", "numpy"],
)
def test_a_full_disk_is_reported_clearly(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with (
        pytest.raises(SpectralTranscoderError, match=r"no space left .*a\.txt"),
        atomic_path(path) as temporary,
    ):
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a.txt"):
        raise PermissionError("not yours")


def test_finished_files_are_as_readable_as_any(tmp_path):
    """Temporary files are private; the umask decides about finished ones."""
    ordinary, path = tmp_path / "ordinary", tmp_path / "atomic"
    ordinary.write_text("")
    with atomic_path(path) as temporary:
        temporary.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize("name", ["a", "x" * 200 + "_model", "été.wav", ".hidden"])
def test_names_of_every_kind(tmp_path, name):
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("whole")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    "spelling", ["same", "relative", "symlink", "hard link", "through a linked folder", "case"]
)
def test_an_output_that_is_an_input_is_refused_in_any_spelling(tmp_path, monkeypatch, spelling):
    day = tmp_path / "day.csv"
    day.write_text("measured")
    (tmp_path / "link.csv").symlink_to(day)
    (tmp_path / "hard.csv").hardlink_to(day)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    output = {
        "same": day,
        "relative": Path("./day.csv"),
        "symlink": tmp_path / "link.csv",
        "hard link": tmp_path / "hard.csv",
        "through a linked folder": tmp_path / "folder" / "day.csv",
        "case": tmp_path / "DAY.csv",
    }[spelling]
    with pytest.raises(UsageError, match=r"is the input .*day\.csv") as refused:
        refuse_overwriting([tmp_path / "other.csv", day], tmp_path / "fine.json", output)
    assert refused.value.status == 2
    refuse_overwriting([day], tmp_path / "fine.json", tmp_path / "day.csv.json")


def test_a_checksum_is_computed_once_while_the_file_stays_as_it_is(tmp_path, monkeypatch):
    path, n_read = tmp_path / "weights", []
    path.write_bytes(b"one")
    sha256 = files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: n_read.append(path) or sha256(path))
    assert [sha256_once(path) for _ in range(3)] == [hashlib.sha256(b"one").hexdigest()] * 3
    assert len(n_read) == 1
    path.write_bytes(b"three")
    assert sha256_or_none(path) == hashlib.sha256(b"three").hexdigest()
    assert sha256_or_none(tmp_path / "missing") is None
    assert sha256_or_none(None) is None


@pytest.mark.parametrize("kind", ["file", "folder", "link to it", "link to nothing"])
def test_an_output_that_is_not_ours_is_refused_and_stays(tmp_path, kind):
    mine, output = tmp_path / "mine", tmp_path / "output"
    mine.write_text("precious")
    if kind == "file":
        output.write_text("precious")
    elif kind == "folder":
        output.mkdir()
    else:
        output.symlink_to(mine if kind == "link to it" else tmp_path / "nothing")
    with pytest.raises(UsageError, match="output is there already and was not written by this script"):
        refuse_foreign([tmp_path / "new", output], lambda path: path.read_text() == "ours")
    assert mine.read_text() == "precious"
    mine.write_text("ours")
    if kind == "link to it":
        refuse_foreign([output], lambda path: path.read_text() == "ours")

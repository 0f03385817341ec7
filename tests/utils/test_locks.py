"""Locks between processes."""

import errno
import subprocess
import sys
import time

import pytest

from spectral_transcoder.downloads.folders import only_one
from spectral_transcoder.utils import locks
from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.locks import Lock, exclusive_lock, sole_writer, take_lock

HOLD = """
import sys, pathlib
from spectral_transcoder.utils.locks import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_an_exclusive_lock_is_waited_for(tmp_path):
    code = (
        "import sys, time, pathlib; from spectral_transcoder.utils.locks import exclusive_lock\n"
        "with exclusive_lock(pathlib.Path(sys.argv[1])): print('mine', flush=True); time.sleep(1)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "lock"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "mine\n"
    start = time.monotonic()
    with exclusive_lock(tmp_path / "lock"):
        assert time.monotonic() - start > 0.5
    assert other.wait() == 0


def test_a_second_writer_is_refused_while_the_first_one_works(tmp_path):
    with sole_writer(tmp_path), pytest.raises(DatasetError, match="another process"), sole_writer(tmp_path):
        pass
    with sole_writer(tmp_path):
        assert not list(tmp_path.iterdir())


def test_a_lock_that_another_process_holds_is_theirs(tmp_path):
    path = tmp_path / "lock"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        with path.open("a") as file:
            assert take_lock(file) is Lock.THEIRS
        other.stdin.close()
        assert other.wait() == 0
    with path.open("a") as file:
        assert take_lock(file) is Lock.OURS


def test_a_lock_of_an_opening_keeps_out_another_opening_in_the_same_process(tmp_path):
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open("w") as second:
        assert take_lock(first, by_process=False) is Lock.OURS
        assert take_lock(second, by_process=False) is Lock.THEIRS
        assert take_lock(first) is Lock.OURS
        assert take_lock(second) is Lock.OURS  # a process does not keep itself out


@pytest.fixture
def failing_locks(monkeypatch):
    """Return a function that lets all locks fail with an error of the system."""

    def fail(code):
        def refuse(*_):
            raise OSError(code, "made to fail")

        monkeypatch.setattr(locks.fcntl, "flock", refuse)
        monkeypatch.setattr(locks.fcntl, "lockf", refuse)

    return fail


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_trusted_and_said_where_it_matters(tmp_path, failing_locks, code):
    failing_locks(code)
    with exclusive_lock(tmp_path / "lock") as answer:
        assert answer is Lock.NONE
    with sole_writer(tmp_path):
        pass
    said = []
    with only_one(tmp_path / "downloads", said.append):
        pass
    assert "without locks" in said[0]


def test_other_errors_are_not_taken_for_a_lock(tmp_path, failing_locks):
    failing_locks(errno.EIO)
    with pytest.raises(OSError, match="made to fail"), exclusive_lock(tmp_path / "lock"):
        pass

"""Locks between processes."""

import subprocess
import sys
import time

import pytest

from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.locks import exclusive_lock, sole_writer


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

"""Arrays on disk: damaged ones, and those that are computed once."""

import json

import numpy as np
import pytest

from spectral_transcoder.utils.arrays import cached_array, read_array
from spectral_transcoder.utils.errors import DatasetError


def test_a_damaged_array_is_an_error_that_says_what_to_do(tmp_path):
    np.save(tmp_path / "whole.npy", np.arange(5))
    assert read_array(tmp_path / "whole.npy", "").tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-3])
    for name in ("cut.npy", "missing.npy"):
        with pytest.raises(DatasetError, match="make it again"):
            read_array(tmp_path / name, "make it again")


class Computation:
    """Writes how many times it was done."""

    def __init__(self):
        self.n_times = 0

    def __call__(self, path):
        self.n_times += 1
        np.save(path, np.array([self.n_times]))


def test_a_cached_array_is_computed_once_for_what_it_is_made_from(tmp_path):
    compute, path = Computation(), tmp_path / "below" / "scores.npy"
    settings = {"shape": (2, 3)}  # a tuple, which JSON gives back as a list
    assert [cached_array(path, settings, compute)[0] for _ in range(3)] == [1, 1, 1]
    assert cached_array(path, {"shape": (2, 4)}, compute)[0] == 2
    assert isinstance(cached_array(path, {"shape": (2, 4)}, compute), np.memmap)


def test_a_computation_that_was_stopped_leaves_nothing_that_is_taken_for_valid(tmp_path):
    compute, path = Computation(), tmp_path / "scores.npy"
    cached_array(path, {"weights": "a"}, compute)

    def stopped(path):
        np.save(path, np.array([-1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_array(path, {"weights": "b"}, stopped)
    assert not path.with_suffix(".json").exists()
    assert cached_array(path, {"weights": "a"}, compute)[0] == 2
    assert json.loads(path.with_suffix(".json").read_text()) == {"weights": "a"}

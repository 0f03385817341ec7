"""Counts with their nouns."""

from spectral_transcoder.utils.words import counted


def test_a_count_of_one_is_singular():
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [counted(n, "task is", "tasks are") for n in (1, 3)] == ["1 task is", "3 tasks are"]

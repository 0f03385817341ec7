"""Counts with their nouns, and names that would break a line."""

from spectral_transcoder.utils.words import counted, on_one_line


def test_a_count_of_one_is_singular():
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [counted(n, "task is", "tasks are") for n in (1, 3)] == ["1 task is", "3 tasks are"]


def test_a_text_stays_on_its_line():
    text = "a\nb\r\x1b[2J\x85\u2028é 日本 \udce9\\n"
    assert on_one_line(text) == "a\\nb\\r\\x1b[2J\\x85\\u2028é 日本 \udce9\\n"
    assert len(on_one_line(text).splitlines()) == 1

"""Names of files as text of one line."""

import pytest

from spectral_transcoder.utils.names import readable


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("été 東京.csv", "été 東京.csv"),
        ("caf\udce9", "caf\\xe9"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x00\x1b[2J\x7f\x85\u2028\u2029", "\\x00\\x1b[2J\\x7f\\x85\\u2028\\u2029"),
    ],
)
def test_a_name_is_one_line(name, text):
    assert readable(name) == text
    assert len(text.splitlines()) == 1

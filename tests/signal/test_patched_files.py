"""Files with other bytes at some positions."""

import io

import pytest

from spectral_transcoder.signal.patched_files import PatchedFile

CONTENT = bytes(range(100))
PATCH = {0: b"ab", 37: b"cdef", 99: b"z"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("step", [1, 3, 38, 1000])
def test_what_is_read_is_what_the_patched_bytes_would_be(path, step):
    """In pieces of any size, from any place: a piece may begin and end within a patch."""
    expected = bytearray(CONTENT)
    for position, content in PATCH.items():
        expected[position : position + len(content)] = content
    with io.BufferedReader(PatchedFile(path, PATCH), buffer_size=step) as file:
        assert b"".join(iter(lambda: file.read(step), b"")) == expected
        for start in (0, 1, 36, 38, 40, 99, 100):
            assert file.seek(start) == start == file.tell()
            assert file.read(5) == expected[start : start + 5]
    assert path.read_bytes() == CONTENT

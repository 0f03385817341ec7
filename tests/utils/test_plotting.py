"""Figures written to files."""

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.plotting import save

PNG = b"\x89PNG\r\n\x1a\n"


def figure(lines):
    drawn = Figure(figsize=(2, 1))
    for line in range(lines):
        drawn.subplots().plot([0, line])
    return drawn


def test_a_picture_of_ours_is_replaced(tmp_path):
    path = tmp_path / "a.png"
    save(figure(1), path)
    before = path.read_bytes()
    save(figure(3), path)
    assert path.read_bytes() != before
    assert imread(path).shape == (150, 300, 4)


@pytest.mark.parametrize("content", [b"", b"precious", PNG + b"of a camera", b"Matplotlib"])
def test_what_is_no_picture_of_ours_stays(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.png is there already") as refused:
        save(figure(1), path)
    assert refused.value.status == 2
    assert path.read_bytes() == content

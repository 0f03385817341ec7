"""Sizes as text, and what a check says of many faults."""

from types import SimpleNamespace

import pytest

from spectral_transcoder.downloads.commands import FAULTS_SHOWN, check
from spectral_transcoder.downloads.datasets import DatasetFolder
from spectral_transcoder.downloads.manifest import PublishedDataset
from spectral_transcoder.downloads.progress import readable_size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (1_700_000_000, "1.7 GB"),
        (47e12, "47000.0 GB"),
    ],
)
def test_sizes_are_in_decimal_units(size_bytes, text):
    assert readable_size(size_bytes) == text


def test_nothing_is_to_be_unpacked_where_no_archive_is_missing(tmp_path):
    dataset = PublishedDataset("corpus", "corpus", files=(), clips=0, unpacked_bytes=10**9, layout=())
    assert DatasetFolder(dataset, tmp_path).unpack_bytes() == 0


def test_a_check_counts_the_faults_that_it_does_not_show(capsys):
    faults = [f"file {index} is missing" for index in range(FAULTS_SHOWN + 3)]
    folder = SimpleNamespace(entry=SimpleNamespace(name="corpus"), faults=lambda: faults)
    assert check([folder]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == FAULTS_SHOWN + 1 and lines[-1] == "corpus: and 3 faults more"

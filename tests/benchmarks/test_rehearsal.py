"""Archives that take no disk, and the rehearsal itself at its smallest size."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = [("a/one.wav", bytes(range(256)) * 700), ("a/empty.wav", b""), ("b/two.csv", b"x,y\n" * 33)]


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_virtual_archives_are_what_the_standard_library_reads():
    from virtual_archives import virtual_tar_gz, virtual_zip

    packed = virtual_zip(MEMBERS)
    with zipfile.ZipFile(io.BytesIO(packed.read(0, packed.size))) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == MEMBERS
    packed = virtual_tar_gz(MEMBERS)
    with tarfile.open(fileobj=io.BytesIO(packed.read(0, packed.size)), mode="r:gz") as archive:
        assert [(info.name, archive.extractfile(info).read()) for info in archive] == MEMBERS


def test_any_range_of_a_virtual_file_can_be_read():
    from virtual_archives import virtual_tar_gz

    packed = virtual_tar_gz(MEMBERS)
    whole = packed.read(0, packed.size)
    assert len(whole) == packed.size and packed.md5() == hashlib.md5(whole).hexdigest()
    for start, length in ((0, 1), (9, 600), (511, 70_000), (packed.size - 3, 50), (packed.size, 5)):
        assert packed.read(start, length) == whole[start : start + length]


def test_corpora_of_the_true_size_have_the_official_counts():
    from rehearsal_corpora import tau_lists, tau_names, urban_table

    names = tau_names(1.0)
    assert len(set(names)) == 23_040 and sum(name.endswith("-a.wav") for name in names) == 10_545
    tables = tau_lists(names)
    listed = sum(
        tables[f"evaluation_setup/fold1_{part}.csv"].count(b"\naudio/") for part in ("train", "evaluate")
    )
    assert listed == 23_040
    clips, table = urban_table(1.0)
    assert len({name for name, _ in clips}) == 8_732 == table.count(b"\n") - 1


@pytest.mark.slow
def test_the_rehearsal_at_its_smallest_size(call_script, tmp_path):
    status, said, _ = call_script(
        "benchmarks/rehearsal.py", "--scale", 0.001, "--clips_scale", 0.001, "--kills", 1, "--kill_every_s", 1,
        "--folder", tmp_path, "--results", tmp_path,
    )  # fmt: skip
    assert status == 0
    *downloads, dataset, outputs = json.loads((tmp_path / "rehearsal.json").read_text())["parts"]
    assert [part["notes"]["clips"] for part in downloads] == [23, 19, 16]
    assert all(part["notes"]["left over"] == 0 and part["peak_disk_mb"] > 1 for part in downloads)
    assert dataset["notes"]["clips"] == 16 and outputs["notes"] == {"clips": 16, "outputs": 32}
    assert "| dataset of experiment 1 |" in said
    assert [path.name for path in tmp_path.iterdir()] == ["rehearsal.json"]

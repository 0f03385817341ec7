"""Files of 1 GB pass through little memory."""

import gzip
import hashlib
import tarfile

import pytest
import yaml

from benchmarks.measured_command import run_measured
from tests.helpers.loopback import command

pytestmark = pytest.mark.slow

BIG_BYTES = 10**9
LIMIT_BYTES = 200e6


class Zeros:
    """A file of zeros that takes no memory."""

    def read(self, length):
        return bytes(length)


def md5(blocks):
    digest = hashlib.md5()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def test_fetching(tmp_path, server):
    server.files["big.pth"] = (BIG_BYTES, lambda _, length: bytes(length))
    file = {
        "name": "big.pth",
        "bytes": BIG_BYTES,
        "md5": md5(bytes(10**6) for _ in range(BIG_BYTES // 10**6)),
    }
    group = {"folder": "pretrained_models", "url": server.url + "/{name}", "files": [file]}
    manifest, output = tmp_path / "manifest.yaml", tmp_path / "out"
    manifest.write_text(yaml.safe_dump({"models": {"M": group}}))
    script = "download_pretrained_models.py"
    peak_bytes = run_measured(command(script, "--manifest", manifest, "--output", output)).peak_bytes
    assert peak_bytes < LIMIT_BYTES
    big = output / "pretrained_models" / "big.pth"
    assert big.stat().st_size == BIG_BYTES
    big.unlink()


def test_unpacking(tmp_path):
    archive = tmp_path / "mirror" / "D" / "archives" / "big.tar.gz"
    archive.parent.mkdir(parents=True)
    with gzip.open(archive, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        info = tarfile.TarInfo("audio/big.wav")
        info.size = BIG_BYTES
        tar.addfile(info, Zeros())
    file = {"name": "big.tar.gz", "bytes": archive.stat().st_size, "md5": md5([archive.read_bytes()])}
    dataset = {"folder": "D", "url": "unused", "clips": 1, "unpacked_bytes": BIG_BYTES, "files": [file]}
    dataset["layout"] = [{"member": "(.+)", "goes_to": r"\1"}]
    manifest, output = tmp_path / "manifest.yaml", tmp_path / "out"
    manifest.write_text(yaml.safe_dump({"datasets": {"D": dataset}}))
    arguments = ("--manifest", manifest, "--mirror", tmp_path / "mirror", "--output", output)
    peak_bytes = run_measured(command("download_datasets.py", *arguments)).peak_bytes
    assert peak_bytes < LIMIT_BYTES
    big = output / "D" / "audio" / "big.wav"
    assert big.stat().st_size == BIG_BYTES
    big.unlink()

"""The shipped list of files against a second reading of the facts, and lists that are wrong."""

import hashlib
import re

import pytest

from spectral_transcoder.downloads.checksums import RecordedChecksum
from spectral_transcoder.downloads.manifest import choose, load_manifest
from spectral_transcoder.utils import paths
from spectral_transcoder.utils.errors import UsageError

TAU = "TAU-urban-acoustic-scenes-2020-mobile-development"
EFFICIENTATS = {"04": 432, "05": 443, "10": 471, "20": 478, "30": 482, "40": 484}


@pytest.fixture(scope="module")
def manifest():
    return load_manifest()


@pytest.fixture(scope="module")
def section(shared):
    texts = (path.read_text(encoding="utf-8") for path in shared.glob("*.md"))
    (text,) = (text for text in texts if "## 10. Files to download" in text)
    files = text.partition("\n## 10.")[2].partition("\n## 11.")[0]
    # the address, size and sha256 of EfficientAT-mn04 stand in a section of its own
    address = re.search(r"`https://github.com/fschmid56\S+, [\d,]+ bytes, sha256 [0-9a-f]{64}", text)[0]
    return files + address.replace("4,066,513", "4066513")


@pytest.fixture(scope="module")
def files(manifest):
    entries = [*manifest.models.values(), *manifest.datasets.values()]
    return {(entry.name, file.name): file for entry in entries for file in entry.files}


@pytest.mark.shared
def test_every_checksum_of_the_facts_and_no_other(section, files, shared):
    commit = "9599ac8987cd429783953104c179d5d99c9dc784"
    in_facts = set(
        re.findall(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-f])", section)
    )
    assert commit in in_facts and len(in_facts) == 48
    transcoders = {
        hashlib.md5(path.read_bytes()).hexdigest()
        for path in (shared / "reference" / "published_transcoders").iterdir()
    }
    published = [file.checksum for file in files.values() if not isinstance(file.checksum, RecordedChecksum)]
    assert {checksum.digest for checksum in published} == in_facts - {commit} | transcoders
    lengths = {"md5": 32, "git_blob_sha1": 40, "sha256": 64}
    assert all(len(file.checksum.digest) == lengths[file.checksum.algorithm] for file in files.values())


@pytest.mark.shared
def test_every_size_of_the_facts_stands_beside_its_checksum(section, files):
    pairs = re.findall(
        r"(?<![0-9a-f])(\d{4,})(?: bytes)?,? (?:sha256 )?([0-9a-f]{64}|[0-9a-f]{32})\b", section
    )
    expected = {digest: int(size) for size, digest in pairs}
    (first,) = re.findall(r"audio-0: (\d+) bytes", section)
    expected["bbb4dbae7d2e58e18d24878b9ee1eb51"] = int(first)
    assert len(expected) == 1 + 3 + 18 + 1 + 1 + 1 + 1
    found = {file.checksum.digest: file.size for (group, _), file in files.items() if group != "transcoders"}
    assert {digest: size for digest, size in found.items() if size is not None} == expected


@pytest.mark.shared
def test_every_record_and_address_of_the_facts(section, files):
    records = re.findall(r"^- ([^,:]+)[^,]*, record (\d+)", section, flags=re.MULTILINE)
    groups = {"UrbanSound8K": "URBAN-SOUND-8K", "SONYC-UST v2.3": "SONYC-UST", "PANN": "PANN"}
    assert len(records) == 4
    for title, record in records:
        group = groups.get(title, "TAU")
        for (name, file_name), file in files.items():
            if name == group:
                quoted = file_name.replace("=", "%3D")
                assert file.urls == (f"https://zenodo.org/records/{record}/files/{quoted}?download=1",)
    published = {url for file in files.values() for url in file.urls if "zenodo.org" not in url}
    for address in set(re.findall(r"https://[^\s`]+", section)):
        if "zenodo.org/records" not in address:
            start = address.partition("<name>")[0]
            assert any(url.startswith(start) for url in published), address


@pytest.mark.shared
def test_every_name_of_the_facts(section, files, shared):
    named = set(re.findall(r"`([^`/ ]+\.(?:tar\.gz|csv|yaml|md|pth))`", section)) - {
        "meta.csv",
        "UrbanSound8K.csv",
    }
    named |= {f"audio-{part}.tar.gz" for part in range(19)}
    named |= {f"{TAU}.{part}.zip" for part in ["doc", "meta", *(f"audio.{i}" for i in range(1, 17))]}
    named |= {path.name for path in (shared / "reference" / "published_transcoders").iterdir()}
    named |= {"efficientnet_b0_rwightman-7f5810bc.pth", "yamnet.pth", "yamnet_classification.tflite"}
    named |= {f"mn{width}_as_mAP_{score}.pt" for width, score in EFFICIENTATS.items()}
    assert named - {"yamnet_mobile_relu6.pth"} == {name for _, name in files}


def test_the_wider_efficientats_are_fetched_on_request_only(manifest):
    """Their release publishes no checksums: what arrives first is recorded."""
    named = [entry.name for entry in choose(manifest.models, None, "--models")]
    assert "EfficientAT-mn04" in named
    for width, score in list(EFFICIENTATS.items())[1:]:
        assert f"EfficientAT-mn{width}" not in named
        (file,) = manifest.models[f"EfficientAT-mn{width}"].files
        assert isinstance(file.checksum, RecordedChecksum)
        release = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1"
        assert file.urls == (f"{release}/mn{width}_as_mAP_{score}.pt",)


@pytest.mark.shared
def test_each_checksum_belongs_to_its_name(section, files, shared):
    """The order of the lists: the n-th checksum is the n-th archive's."""
    sonyc = re.search(r"audio-18\.tar\.gz` md5: ((?:[0-9a-f]{32} ?){19})", section)[1].split()
    for part, digest in enumerate(sonyc):
        assert files["SONYC-UST", f"audio-{part}.tar.gz"].checksum.digest == digest
    tau = re.search(r"audio\.16\.zip` bytes/md5: ((?:\d+ [0-9a-f]{32}(?:; )?){16})", section)[1].split("; ")
    for part, pair in enumerate(tau, start=1):
        file = files["TAU", f"{TAU}.audio.{part}.zip"]
        assert f"{file.size} {file.checksum.digest}" == pair
    for path in (shared / "reference" / "published_transcoders").iterdir():
        file = files["transcoders", path.name]
        assert file.size == path.stat().st_size
        assert file.checksum.digest == hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.shared
def test_the_expected_counts(section, manifest):
    numbers = re.search(r"UrbanSound8K ([\d,]+) clips, SONYC-UST ([\d,]+), TAU development ([\d,]+)", section)
    found = [manifest.datasets[name].clips for name in ("URBAN-SOUND-8K", "SONYC-UST", "TAU")]
    assert [f"{clips:,}" for clips in found] == list(numbers.groups())


def test_files_go_where_the_project_looks_for_them(manifest):
    for group in manifest.models.values():
        expected = paths.REFERENCE_MODELS if group.name == "transcoders" else paths.PRETRAINED_MODELS
        assert paths.PROJECT_ROOT / group.folder == expected


def test_choosing(manifest):
    assert [entry.name for entry in choose(manifest.datasets, "URBAN-SOUND-8K, TAU", "--dataset")] == [
        "TAU",
        "URBAN-SOUND-8K",
    ]
    with pytest.raises(
        UsageError,
        match=r"choose from PANN, EfficientAT-mn04, .*YamNet, YamNetMobile, effnet_b0, effnet_b7, transc",
    ):
        choose(manifest.models, "pann", "--models")


FILES = "files: [{name: a, md5: '0123456789abcdef0123456789abcdef'}]"


@pytest.mark.parametrize(
    "text",
    [
        "models: {M: {folder: f, url: u, files: [{name: a, bytes: 1}]}}",
        "models: {M: {folder: f, url: u, files: [{name: a, md5: 12345678901234567890123456789012}]}}",
        "models: {M: {folder: f, url: u, files: [{name: a, md5: abc}]}}",
        f"models: {{M: {{folder: f, {FILES}}}}}",
        f"models: {{M: {{folder: ../f, url: u, {FILES}}}}}",
        f"models: {{M: {{folder: /f, url: u, {FILES}}}}}",
        f"datasets: {{D: {{folder: f, url: u, {FILES}}}}}",
        "just text",
        "models: [",
    ],
)
def test_wrong_lists_are_refused_in_one_line(tmp_path, text):
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="expected the form of"):
        load_manifest(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_manifest(tmp_path / "none.yaml")

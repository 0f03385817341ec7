"""Archives from anywhere: what is unsafe is refused by name, and nothing of the user's is overwritten."""

import contextlib
import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.downloads.unpack import unpack
from spectral_transcoder.utils.errors import DownloadError
from tests.helpers.loopback import noise, tree


def same_place(name):
    return name


def make_zip(path, members):
    """`members`: (name, bytes, Unix mode with its type bits, or 0)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.external_attr = name, mode << 16
            archive.writestr(info, content)
    return path


def make_tar(path, members):
    """`members`: (name, bytes, tarfile type)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(content))
    return path


UNSAFE_NAMES = [
    "../out.wav",
    "audio/../../out.wav",
    "/tmp/out.wav",
    "audio/..",
    "..\\out.wav",
    "audio\\out.wav",
]


def refused(archive, tmp_path, name, reason):
    before = tree(tmp_path)
    with pytest.raises(DownloadError) as error:
        unpack(archive, tmp_path / "inside" / "folder", same_place)
    assert repr(name) in str(error.value) and reason in str(error.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_names_that_leave_the_folder(tmp_path, name):
    reason = "path" if "\\" in name else "leaves"
    members = [("fine.wav", b"fine", 0), (name, b"bad", 0)]
    refused(make_zip(tmp_path / "a.zip", members), tmp_path, name, reason)
    members = [("fine.wav", b"fine", tarfile.REGTYPE), (name, b"bad", tarfile.REGTYPE)]
    refused(make_tar(tmp_path / "a.tar.gz", members), tmp_path, name, reason)


def test_a_name_that_zipfile_would_cut_short(tmp_path):
    refused(make_zip(tmp_path / "a.zip", [("out.wav\0.txt", b"bad", 0)]), tmp_path, "out.wav\0.txt", "path")


def test_a_layout_that_would_leave_the_folder(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("fine.wav", b"fine", 0)])
    with pytest.raises(DownloadError, match="leaves"):
        unpack(archive, tmp_path / "inside", lambda name: f"../{name}")
    assert list(tree(tmp_path)) == ["a.zip"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)
def test_tar_members_that_are_no_files(tmp_path, kind, reason):
    archive = make_tar(tmp_path / "a.tar.gz", [("fine.wav", b"1", tarfile.REGTYPE), ("odd.wav", b"", kind)])
    refused(archive, tmp_path, "odd.wav", reason)


@pytest.mark.parametrize(
    ("mode", "reason"), [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "device")]
)
def test_zip_members_that_are_no_files(tmp_path, mode, reason):
    archive = make_zip(tmp_path / "a.zip", [("fine.wav", b"1", 0), ("odd.wav", b"/etc/passwd", mode | 0o777)])
    refused(archive, tmp_path, "odd.wav", reason)


@pytest.mark.parametrize("twin", ["a.wav", "./a.wav", "A.WAV"])
def test_duplicate_names(tmp_path, twin):
    with pytest.warns(UserWarning) if twin == "a.wav" else contextlib.nullcontext():
        archive = make_zip(tmp_path / "a.zip", [("a.wav", b"1", 0), (twin, b"2", 0)])
    refused(archive, tmp_path, twin, "already")
    members = [("a.wav", b"1", tarfile.REGTYPE), (twin, b"2", tarfile.REGTYPE)]
    refused(make_tar(tmp_path / "a.tar.gz", members), tmp_path, twin, "already")


def test_names_that_the_layout_brings_together(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("fold1/a.wav", b"1", 0), ("fold2/a.wav", b"2", 0)])
    with pytest.raises(DownloadError, match=r"'fold2/a.wav' goes where 'fold1/a.wav' goes already"):
        unpack(archive, tmp_path / "inside", lambda name: name.rpartition("/")[2])
    assert list(tree(tmp_path)) == ["a.zip"]


def test_a_file_inside_a_file(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("a/b.wav", b"1", 0), ("a", b"2", 0)])
    refused(archive, tmp_path, "a/b.wav", "inside")


@pytest.mark.parametrize("mine", [b"mine!!", b"theirs and more", b"the", b""])
def test_a_file_of_the_user_is_not_overwritten(tmp_path, mine):
    archive = make_zip(tmp_path / "a.zip", [("mine.wav", b"theirs", 0)])
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "mine.wav").write_bytes(mine)
    with pytest.raises(DownloadError, match=r"mine.wav is in the way"):
        unpack(archive, folder, same_place)
    assert (folder / "mine.wav").read_bytes() == mine


def test_a_link_of_the_user_is_not_written_through(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("link.wav", b"theirs", 0)])
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "target").write_bytes(b"mine")
    (folder / "link.wav").symlink_to(tmp_path / "target")
    with pytest.raises(DownloadError, match=r"link.wav is in the way"):
        unpack(archive, folder, same_place)
    assert (tmp_path / "target").read_bytes() == b"mine"


def test_what_is_there_already_is_kept_not_written_again(tmp_path):
    contents = {f"audio/{index}.wav": noise(5000, seed=index) for index in range(10)}
    archive = make_tar(tmp_path / "a.tar.gz", [(n, c, tarfile.REGTYPE) for n, c in contents.items()])
    folder = tmp_path / "inside"
    assert unpack(archive, folder, same_place) == dict.fromkeys(contents, 5000)
    assert tree(folder) == contents
    (folder / "audio/7.wav").unlink()
    inodes = {path.name: path.stat().st_ino for path in (folder / "audio").iterdir()}
    (folder / "audio" / ".unfinished.part").write_bytes(b"half of a killed run's")
    unpack(archive, folder, same_place)
    assert tree(folder) == contents
    assert inodes.items() <= {path.name: path.stat().st_ino for path in (folder / "audio").iterdir()}.items()


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_cut_archive_is_reported_as_damaged(tmp_path, suffix):
    archive = tmp_path / f"a{suffix}"
    if suffix == ".zip":
        make_zip(archive, [("a.wav", noise(10_000), 0)])
    else:
        make_tar(archive, [("a.wav", noise(10_000), tarfile.REGTYPE)])
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(DownloadError, match="is damaged"):
        unpack(archive, tmp_path / "inside", same_place)


def test_what_macos_adds_stays_packed(tmp_path):
    names = ["./", "audio/", "./audio/a.wav", "audio/._a.wav", "audio/.DS_Store", "__MACOSX/audio/._a.wav"]
    kinds = [tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE for name in names]
    members = [
        (name, b"" if name.endswith("/") else b"1", kind) for name, kind in zip(names, kinds, strict=True)
    ]
    unpack(make_tar(tmp_path / "a.tar.gz", members), tmp_path / "inside", same_place)
    assert list(tree(tmp_path / "inside")) == ["audio/a.wav"]


@given(
    names=st.lists(
        st.text(alphabet="ab./\\\0", min_size=1, max_size=8).filter(lambda name: not name.endswith("/")),
        min_size=1,
        max_size=4,
    )
)
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_name_at_all_writes_outside(tmp_path_factory, names):
    tmp_path = tmp_path_factory.mktemp("any")
    archive = make_zip(tmp_path / "a.zip", [(name, b"1", 0) for name in names])
    folder = tmp_path / "deep" / "inside"
    try:
        sizes = unpack(archive, folder, same_place)
    except DownloadError:
        sizes = {}
    assert set(tree(tmp_path)) == {"a.zip", *(f"deep/inside/{name}" for name in sizes)}

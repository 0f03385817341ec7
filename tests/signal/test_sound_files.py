import pytest

from spectral_transcoder.signal.sound_files import find_audio, find_sounds, list_audio
from spectral_transcoder.utils.errors import MissingFileError


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A folder audio/ with sounds, and a working folder with others."""
    audio, here = tmp_path / "audio", tmp_path / "here"
    for path in (audio / "a.wav", audio / "b.FLAC", audio / "readme.txt", here / "c.wav", here / "a.wav"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (audio / "empty").mkdir()
    monkeypatch.chdir(here)
    return audio, here


def test_names_paths_and_folders_are_found(folders):
    audio, here = folders
    found = find_audio(["b.FLAC", "c.wav", str(audio), str(here / "a.wav")], audio)
    assert [path.resolve() for path in found] == [
        audio / "b.FLAC",
        here / "c.wav",
        audio / "a.wav",
        audio / "b.FLAC",
        here / "a.wav",
    ]


def test_a_path_that_exists_wins_over_a_bare_name(folders):
    audio, here = folders
    assert find_audio(["a.wav"], audio)[0].resolve() == here / "a.wav"


@pytest.mark.parametrize("name", ["nothing.wav", "empty"])
def test_what_is_not_found_is_named(folders, name):
    with pytest.raises(MissingFileError, match=name):
        find_audio(["a.wav", name], folders[0])


def test_only_what_can_be_read_is_taken_from_a_folder(tmp_path):
    """Raw samples say neither rate nor format, and a folder is no sound, whatever its name."""
    for name in ("a.wav", "b.mp3", "c.ogg", "d.raw", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    assert [path.name for path in find_audio([str(tmp_path)], tmp_path)] == ["a.wav", "b.mp3", "c.ogg"]


@pytest.fixture
def without_ffmpeg(tmp_path, monkeypatch):
    """No program is found."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def tree(tmp_path):
    """Sounds in sub-folders, behind links, hidden ones, formats that are not read."""
    elsewhere = tmp_path / "elsewhere"
    folder = tmp_path / "sounds"
    for path in (
        folder / "a.wav",
        folder / "deep" / "er" / "b.WAV",
        folder / "._a.wav",
        folder / ".trash" / "c.wav",
        folder / "talk.m4a",
        folder / "deep" / "song.AAC",
        folder / "Thumbs.db",
        elsewhere / "d.flac",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "a_loop").symlink_to(folder)
    (folder / "deep" / "up").symlink_to(folder / "deep")
    (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    return folder


def test_sounds_behind_links_and_in_sub_folders_are_found_once(tree, without_ffmpeg):
    assert find_sounds(tree).files == ("a.wav", "deep/er/b.WAV", "linked/d.flac")
    assert find_audio([str(tree)], tree) == [tree / name for name in find_sounds(tree).files]


def test_sounds_that_cannot_be_read_are_listed_with_the_reason(tree, without_ffmpeg):
    reasons = find_sounds(tree).left_out
    assert list(reasons) == ["deep/song.AAC", "gone.wav", "talk.m4a"]
    assert "ffmpeg" in reasons["talk.m4a"]
    assert "not there" in reasons["gone.wav"]
    assert list_audio([str(tree)], tree)[1] == list(reasons.values())


def test_a_folder_of_nothing_but_such_sounds_says_so(tmp_path, without_ffmpeg):
    (tmp_path / "talk.m4a").write_bytes(b"")
    with pytest.raises(MissingFileError, match=r"talk\.m4a.*ffmpeg"):
        find_audio([str(tmp_path)], tmp_path)

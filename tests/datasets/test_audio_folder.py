import pytest

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from tests.helpers.made_corpora import write_clip


@pytest.fixture
def recordings(tmp_path):
    """Eight recordings, the first cut into five slices, in two folders."""
    for slice_index in range(5):
        write_clip(tmp_path / "fold1" / f"100-3-{slice_index}.wav", 0.1)
    for recording in range(101, 108):
        write_clip(tmp_path / "fold2" / f"{recording}-1-0.flac", 0.1)
    write_clip(tmp_path / ".trash" / "1.wav", 0.1)
    write_clip(tmp_path / "fold1" / "._100-3-0.wav", 0.1)
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


def test_a_folder_is_searched_for_sounds(recordings):
    corpus = folder_corpus(recordings, name="mine")
    expected = [f"fold1/100-3-{index}.wav" for index in range(5)]
    expected += [f"fold2/{recording}-1-0.flac" for recording in range(101, 108)]
    assert [clip.file for clip in corpus.clips] == expected
    assert corpus.clips == folder_corpus(recordings, name="mine").clips
    assert folder_corpus(recordings).name == recordings.name


@pytest.mark.parametrize("group_by", ["-", r"/(\d+)-", r"(fold\d)/(\d+)"])
def test_slices_of_one_recording_stay_together(recordings, group_by):
    corpus = folder_corpus(recordings, group_by=group_by)
    splits = {clip.split for clip in corpus.clips if "100-3" in clip.file}
    assert len({clip.group for clip in corpus.clips}) == 8
    assert splits == {"train"}
    assert corpus.parameters["group_by"] == group_by


@pytest.mark.parametrize(
    ("group_by", "message"),
    [("(", "no regular expression"), (r"(\d{5})", "captures nothing in fold1/100-3-0")],
)
def test_wrong_patterns_are_refused(recordings, group_by, message):
    with pytest.raises(UsageError, match=message):
        folder_corpus(recordings, group_by=group_by)


def test_evaluation_files_can_be_given(recordings):
    corpus = folder_corpus(recordings, group_by="-", eval_files=r"^fold2/10[1-3]")
    held_out = [clip.file for clip in corpus.clips if clip.split == "eval"]
    assert held_out == [f"fold2/{recording}-1-0.flac" for recording in (101, 102, 103)]
    assert {clip.split for clip in corpus.clips if "100-3" in clip.file} == {"train"}
    assert (
        sum(clip.split == "valid" for clip in corpus.clips) == 1
    )  # a seventh of nine clips, in whole groups
    assert corpus.parameters["eval_files"] == r"^fold2/10[1-3]"


@pytest.mark.parametrize(
    ("eval_files", "message"),
    [
        ("(", "--eval_files .* no regular expression"),
        ("fold9", "matches no file"),
        ("-3-1", "divides groups"),
    ],
)
def test_wrong_evaluation_files_are_refused(recordings, eval_files, message):
    with pytest.raises(UsageError, match=message):
        folder_corpus(recordings, group_by="-", eval_files=eval_files)


def test_two_groups_are_too_few(recordings):
    with pytest.raises(UsageError, match="none of them for the splits eval"):
        folder_corpus(recordings, group_by="(fold.)")


def test_folders_without_sound_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="holds no sound"):
        folder_corpus(tmp_path)
    with pytest.raises(MissingFileError, match="no folder"):
        folder_corpus(tmp_path / "nowhere")


def test_sounds_of_formats_that_are_not_read_are_kept_with_the_reason(recordings, monkeypatch):
    monkeypatch.setenv("PATH", str(recordings))  # where there is no ffmpeg
    (recordings / "fold1" / "talk.m4a").write_bytes(b"")
    assert "ffmpeg" in folder_corpus(recordings).left_out["fold1/talk.m4a"]

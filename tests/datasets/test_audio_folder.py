import pytest

from spectral_transcoder.datasets.audio_folder import FileChoice, folder_corpus
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


def test_training_files_can_be_given_and_change_no_other_split(recordings):
    plain = {clip.file: clip.split for clip in folder_corpus(recordings, group_by="-").clips}
    for recording in range(300, 320):
        write_clip(recordings / "more" / f"{recording}-0-0.wav", 0.1)
    corpus = folder_corpus(recordings, group_by="-", choice=FileChoice(train_files="^more/"))
    splits = {clip.file: clip.split for clip in corpus.clips}
    assert {split for file, split in splits.items() if file.startswith("more/")} == {"train"}
    assert {file: split for file, split in splits.items() if not file.startswith("more/")} == plain
    assert corpus.parameters["train_files"] == "^more/"
    with pytest.raises(UsageError, match="both match"):
        folder_corpus(recordings, None, "-", eval_files="fold2", choice=FileChoice(train_files="102"))


def test_files_can_be_left_out(recordings):
    corpus = folder_corpus(recordings, group_by="-", choice=FileChoice(exclude_files=r"/10[12]-"))
    assert [clip.file for clip in corpus.clips if "10" in clip.file[6:9]][-1] == "fold2/107-1-0.flac"
    assert not {"fold2/101-1-0.flac", "fold2/102-1-0.flac"} & {clip.file for clip in corpus.clips}
    assert len(corpus.clips) == 10
    for pattern, message in (("fold9", "matches no file"), ("fold", "leave no file"), ("(", "no regular")):
        with pytest.raises(UsageError, match=message):
            folder_corpus(recordings, choice=FileChoice(exclude_files=pattern))


FREESOUND = r"(?:^|/)(?:[1-5]-)?(\d+)-"  # <recording>-… of UrbanSound8K, <fold>-<recording>-… of ESC-50


def test_recordings_that_another_folder_has_are_left_out(recordings):
    for name in ("1-103-A", "5-103-B", "2-100-A", "3-999-A"):
        write_clip(recordings / "esc" / f"{name}.ogg", 0.1)
    held_out = recordings / "fold2"
    choice = FileChoice(exclude_recordings_of=(held_out,))
    corpus = folder_corpus(recordings, None, FREESOUND, eval_files="^fold2/", choice=choice)
    files = {clip.file for clip in corpus.clips}
    assert {file for file in files if file.startswith("esc/")} == {"esc/2-100-A.ogg", "esc/3-999-A.ogg"}
    assert sum(file.startswith("fold2/") for file in files) == 7
    groups = {clip.file: clip.group for clip in corpus.clips}
    assert groups["esc/2-100-A.ogg"] == groups["fold1/100-3-0.wav"] == "100"
    with pytest.raises(UsageError, match="divides groups"):  # what the option is for
        folder_corpus(recordings, None, FREESOUND, eval_files="^fold2/")


def test_recordings_of_another_folder_need_groups_and_that_folder(recordings):
    with pytest.raises(UsageError, match="--group_by"):
        folder_corpus(recordings, choice=FileChoice(exclude_recordings_of=(recordings / "fold2",)))
    with pytest.raises(MissingFileError, match="no such folder"):
        folder_corpus(recordings, None, "-", choice=FileChoice(exclude_recordings_of=(recordings / "no",)))


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

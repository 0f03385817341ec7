"""Labels of UrbanSound8K and SONYC-UST, against ones taken by hand from the official tables."""

import numpy as np
import pandas as pd
import pytest

from spectral_transcoder.datasets.labelled import LabelledCorpus, corpus_record, open_labelled_corpus
from spectral_transcoder.datasets.urbansound8k_layout import lay_out_urbansound8k
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError
from tests.helpers.made_corpora import write_clip, write_sonyc_ust, write_urbansound8k

NAN = np.nan
# By hand from helpers.made_corpora.SONYC_VOTES: half of the votes are enough, -1 is none; on the test split annotator
# 0 alone counts, so that the last clip has no label at all.
SONYC_LABELS = {
    "00_000066.wav": ("train", (0, 0, 1, 0, 0, 0, 1, NAN)),
    "01_000006.wav": ("train", (1, 1, 0, 0, 0, 1, 0, 1)),
    "02_000010.wav": ("validate", (0, 0, 0, 0, 1, 0, 0, 0)),
    "03_000001.wav": ("test", (1, 0, 0, 0, 0, 0, 1, 0)),
    "04_000002.wav": ("test", (0, 0, 0, NAN, 0, 1, 0, 1)),
    "05_000003.wav": ("test", (1, 1, 0, 0, 0, 0, 0, 0)),
    "06_000004.wav": ("test", (NAN,) * 8),
}


def test_sonyc_labels_are_those_counted_by_hand(tmp_path):
    corpus, audio = open_labelled_corpus("SONYC-UST", write_sonyc_ust(tmp_path / "SONYC-UST"))
    assert audio == tmp_path / "SONYC-UST" / "audio"
    assert corpus.files.tolist() == list(SONYC_LABELS)
    assert corpus.parts.tolist() == [part for part, _ in SONYC_LABELS.values()]
    np.testing.assert_array_equal(corpus.labels, [labels for _, labels in SONYC_LABELS.values()])


def test_a_corpus_comes_back_from_its_csv_missing_votes_too(tmp_path):
    corpus, _ = open_labelled_corpus("SONYC-UST", write_sonyc_ust(tmp_path))
    corpus.save(tmp_path / "clips.csv")
    again = LabelledCorpus.load(tmp_path / "clips.csv", corpus_record("SONYC-UST"))
    np.testing.assert_array_equal(again.labels, corpus.labels)
    assert (again.files == corpus.files).all()
    assert (again.parts == corpus.parts).all()


def test_clips_of_urbansound8k_shorter_than_a_second_are_of_no_fold(tmp_path):
    clips = {
        "1-3-0-0.wav": (10, 1.0, 8000, 1),
        "2-9-0-0.wav": (2, 0.99, 8000, 1),
        "3-0-0-0.wav": (2, 2, 8000, 1),
    }
    write_urbansound8k(tmp_path / "URBAN-SOUND-8K", clips)
    corpus, _ = open_labelled_corpus("URBAN-SOUND-8K", tmp_path)  # the folder that it lies in
    assert corpus.parts.tolist() == ["10", "short", "2"]
    assert corpus.labels.argmax(1).tolist() == [3, 9, 0]
    assert corpus.folds == ["2", "10"]


def test_a_missing_corpus_names_the_command_and_a_foreign_table_what_it_lacks(tmp_path):
    with pytest.raises(MissingFileError, match=r"download_datasets\.py --dataset SONYC-UST"):
        open_labelled_corpus("SONYC-UST", tmp_path)
    (tmp_path / "annotations.csv").write_text("split,audio_filename\ntrain,a.wav\n")
    with pytest.raises(DatasetError, match="annotator_id"):
        open_labelled_corpus("SONYC-UST", tmp_path)


def test_folds_are_laid_out_as_the_downloader_leaves_them(tmp_path):
    write_clip(tmp_path / "audio" / "fold3" / "77-4-0-1.flac", 1.5, sr=8000)
    write_clip(tmp_path / "audio" / "fold10" / "78-0-0-0.wav", 0.5, sr=8000)
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
        "78-0-0-0.wav,78,6.5,10.5,2,10,0,air_conditioner\n"
    )
    assert lay_out_urbansound8k(tmp_path / "audio", tmp_path / "out").counts == {"3": 1, "10": 1}
    lines = (tmp_path / "out" / "metadata" / "UrbanSound8K_recalculated.csv").read_text().splitlines()
    assert sorted(lines[1:]) == [
        "77-4-0-1.wav,77,,,,3,4,drilling,1.5",
        "78-0-0-0.wav,78,6.5,10.5,2,10,0,air_conditioner,0.5",
    ]
    corpus, audio = open_labelled_corpus("URBAN-SOUND-8K", tmp_path / "out")
    assert sorted(path.name for path in audio.iterdir()) == sorted(corpus.files)


def test_folds_that_come_one_after_the_other_are_all_in_the_table(tmp_path):
    for fold in (2, 10, 1):
        write_clip(tmp_path / f"part{fold}" / f"fold{fold}" / f"{fold}-4-0-1.wav", 1, sr=8000)
        counts = lay_out_urbansound8k(tmp_path / f"part{fold}", tmp_path / "out").counts
    assert counts == {"1": 1, "2": 1, "10": 1}
    corpus, audio = open_labelled_corpus("URBAN-SOUND-8K", tmp_path / "out")
    assert sorted(corpus.files) == sorted(path.name for path in audio.iterdir())
    table = (tmp_path / "out" / "metadata" / "UrbanSound8K.csv").read_text()
    (audio / "2-4-0-1.wav").unlink()
    assert lay_out_urbansound8k(tmp_path / "part1", tmp_path / "out").counts == {"1": 1, "10": 1}
    lay_out_urbansound8k(tmp_path / "part2", tmp_path / "out")
    again = (tmp_path / "out" / "metadata" / "UrbanSound8K.csv").read_text()
    assert sorted(again.splitlines()) == sorted(table.splitlines())


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        ("slice_file_name,fsID,start,end,salience,fold,classID,class,notes\n", "column notes"),
        (
            "slice_file_name,fsID,start,end,salience,fold,classID,class\n9-4-0-1.wav,9,,,,1,4,drilling\n",
            "9-4-0-1",
        ),
    ],
)
def test_a_corpus_that_is_laid_out_over_itself_loses_nothing(tmp_path, table, lost):
    write_clip(tmp_path / "us/audio/fold1/77-4-0-1.wav", 1, sr=8000)
    path = tmp_path / "us/metadata/UrbanSound8K.csv"
    path.parent.mkdir()
    path.write_text(table)
    with pytest.raises(UsageError, match=f"would lose the .*{lost}"):
        lay_out_urbansound8k(tmp_path / "us", tmp_path / "us")
    assert path.read_text() == table


@pytest.mark.parametrize("name", ["foldx", "fold0", "fold2_old"])
def test_a_folder_of_clips_that_is_no_fold_is_reported(tmp_path, name):
    write_clip(tmp_path / "audio" / name / "77-4-0-1.wav", 1, sr=8000)
    with pytest.raises(DatasetError, match=f"{name} holds clips: expected fold1"):
        lay_out_urbansound8k(tmp_path / "audio", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_without_rows_or_columns_is_reported(tmp_path):
    folder = write_urbansound8k(tmp_path / "URBAN-SOUND-8K", {})
    with pytest.raises(DatasetError, match=r"UrbanSound8K_recalculated\.csv lists no clip"):
        open_labelled_corpus("URBAN-SOUND-8K", folder)
    write_clip(tmp_path / "audio" / "fold1" / "77-4-0-1.wav", 1, sr=8000)
    (folder / "metadata" / "UrbanSound8K.csv").write_text("a,b\n")
    with pytest.raises(DatasetError, match=r"UrbanSound8K\.csv is not the official table: it lacks class"):
        lay_out_urbansound8k(tmp_path / "audio", folder)


def test_clips_that_cannot_be_used_do_not_stop_the_others(tmp_path):
    """One is damaged, one is called otherwise, and macOS and Windows left files of theirs."""
    folder = tmp_path / "mine" / "UrbanSound8K" / "audio" / "fold1"
    write_clip(folder / "77-4-0-1.wav", 1.5, sr=8000)
    write_clip(folder / "street.wav", 1, sr=8000)
    (folder / "78-4-0-1.wav").write_bytes(b"RIFF damaged")
    for name in ("._77-4-0-1.wav", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    laid_out = lay_out_urbansound8k(tmp_path / "mine", tmp_path / "out")
    assert laid_out.counts == {"1": 1}
    assert set(laid_out.left_out) == {str(folder / "78-4-0-1.wav"), str(folder / "street.wav")}
    assert open_labelled_corpus("URBAN-SOUND-8K", tmp_path / "out")[0].files.tolist() == ["77-4-0-1.wav"]


def test_no_clip_that_can_be_used_is_an_error(tmp_path):
    (tmp_path / "fold1").mkdir()
    (tmp_path / "fold1" / "78-4-0-1.wav").write_bytes(b"RIFF damaged")
    with pytest.raises(DatasetError, match="78-4-0-1"):
        lay_out_urbansound8k(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("9-3-0-0.wav,9,0.0,4.0,1,,3,-,2.0", "fold of 1"),
        ("9-3-0-0.wav,9,0.0,4.0,1,11,3,-,2.0", "fold of 1"),
        ("9-3-0-0.wav,9,0.0,4.0,1,1,,-,2.0", "classID"),
        ("9-3-0-0.wav,9,0.0,4.0,1,1,3,-,", "duration"),
        ("9-3-0-0.wav,9,0.0,4.0,1,1,3,-,4.0\n9-3-0-0.wav,9,0.0,4.0,1,1,3,-,4.0", "name of their own"),
    ],
)
def test_a_row_that_lacks_something_is_named(tmp_path, row, expected):
    folder = write_urbansound8k(tmp_path / "URBAN-SOUND-8K", {"1-3-0-0.wav": (10, 1.0, 8000, 1)})
    with (folder / "metadata" / "UrbanSound8K_recalculated.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(DatasetError, match=rf"1 row lacks a {expected}.*9-3-0-0\.wav"):
        open_labelled_corpus("URBAN-SOUND-8K", folder)


def test_a_split_on_which_no_vote_counts_is_reported(tmp_path):
    """As where the rows of the annotator who verified the test split were left out."""
    folder = write_sonyc_ust(tmp_path / "SONYC-UST", duration_s=0.1)
    table = pd.read_csv(folder / "annotations.csv")
    table["annotator_id"] = 7
    table.to_csv(folder / "annotations.csv", index=False)
    corpus = open_labelled_corpus("SONYC-UST", folder)[0]
    with pytest.raises(DatasetError, match="no clip of test of SONYC-UST has a vote that counts"):
        corpus.tested_parts()


def test_a_table_without_the_split_that_is_scored_is_reported(tmp_path):
    """As that of SONYC-UST's first version, which has `train` and `validate`."""
    folder = write_sonyc_ust(tmp_path / "SONYC-UST")
    table = folder / "annotations.csv"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("test")]
    table.write_text("\n".join(lines) + "\n")
    corpus, _ = open_labelled_corpus("SONYC-UST", folder)
    with pytest.raises(DatasetError, match=r"no clip of the split test.*train 2, validate 1"):
        corpus.tested_parts()

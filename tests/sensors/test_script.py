"""classify_thirdo.py on folders and outputs as people have them: nothing of theirs is lost, good files are done."""

import gzip
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import soundfile
from tqdm import TqdmWarning

from spectral_transcoder.sensors.figure import safe
from spectral_transcoder.sensors.rows_file import open_rows
from tests.helpers.made_levels import epochs_s, street_levels, write_csv

pytestmark = pytest.mark.shared


@pytest.fixture
def classify(shared, call_script):
    """Run classify_thirdo.py with the mobile YAMNet and PINV: (status, stdout, stderr)."""
    weights = shared / "pretrained/yamnet_mobile_relu6.pth"
    models = ["--classifier", "YamNetMobile", "--weights", weights, "--transcoder", "pinv", "--device", "cpu"]

    def run(*arguments, scores="classes"):
        return call_script("classify_thirdo.py", *models, "--offset=-88", "--scores", scores, *arguments)

    return run


def street(path, seed=0, n_frames=80):
    return write_csv(path, street_levels(n_frames, seed), epochs_s(n_frames))


@pytest.mark.parametrize("spelling", ["day.csv", "./day.csv", "link.csv", "DAY.csv"])
def test_an_output_over_an_input_is_refused(classify, tmp_path, monkeypatch, spelling):
    measured = street(tmp_path / "day.csv").read_bytes()
    (tmp_path / "link.csv").symlink_to("day.csv")
    monkeypatch.chdir(tmp_path)
    status, _, said = classify("day.csv", "-o", spelling)
    assert status == 2 and "which would be lost" in said
    assert (tmp_path / "day.csv").read_bytes() == measured and (tmp_path / "link.csv").is_symlink()


def test_a_file_that_is_not_ours_is_not_replaced(classify, tmp_path):
    street(tmp_path / "day.csv")
    (tmp_path / "notes.csv").write_text("mine")
    (tmp_path / "photo.png").write_text("mine too")
    assert classify(tmp_path / "day.csv", "-o", tmp_path / "notes.csv")[0] == 2
    assert classify(tmp_path / "day.csv", "-o", tmp_path / "photo.parquet")[0] == 2
    assert (tmp_path / "notes.csv").read_text() == "mine" and (
        tmp_path / "photo.png"
    ).read_text() == "mine too"


def test_rows_that_were_followed_are_not_replaced(classify, tmp_path):
    """Those of standard input come once; an output without a row, of a run that was refused say, is replaced."""
    street(tmp_path / "day.csv")
    output = tmp_path / "out.csv"
    with open_rows(output, "-") as rows:
        rows.write(pa.table({"sensor": [""], "epoch_s": [1.0]}))
    written = output.read_bytes()
    status, _, said = classify(tmp_path / "day.csv", "-o", output)
    assert status == 2 and "out.csv holds rows that were followed" in said and output.read_bytes() == written
    output.write_bytes(b"")
    assert classify(tmp_path / "day.csv", "-o", output)[0] == 0


def test_a_link_to_nowhere_is_not_replaced(classify, tmp_path):
    street(tmp_path / "day.csv")
    (tmp_path / "out.csv").symlink_to(tmp_path / "disk/out.csv")
    status, _, said = classify(tmp_path / "day.csv", "-o", tmp_path / "out.csv")
    assert status == 2 and "was not written by this script" in said and (tmp_path / "out.csv").is_symlink()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5"])
def test_outputs_in_a_folder_whose_name_is_no_text(classify, call_script, tmp_path, suffix):
    """What is written there is read back by plot_presence.py; --sensor may be no text either."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    street(folder / "day.csv")
    status, _, said = classify(folder / "day.csv", "--sensor", "\udce9", "-o", folder / f"out/day{suffix}")
    assert (status or 0, "Traceback" in said) == (0, False), said
    status, said, errors = call_script("plot_presence.py", folder / "out", "--output", tmp_path / "year")
    assert not status and "\\xe9: " in said, errors


def test_a_class_whose_column_is_that_of_a_label_is_refused(classify, tmp_path):
    street(tmp_path / "day.csv")
    (tmp_path / "mine.yaml").write_text("first: [Siren]")
    status, _, said = classify(
        tmp_path / "day.csv", "--grouping", tmp_path / "mine.yaml", "-o", tmp_path / "out.csv"
    )
    assert status == 2 and "first_score is a column of the first labels" in said


def test_files_that_are_not_looked_at_are_named(classify, tmp_path):
    folder = tmp_path / "levels"
    for name in ("day.csv", "noext", "day.dat", "~$day.csv", "__MACOSX/day.csv", "@eaDir/day.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        street(folder / name)
    (folder / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    status, _, said = classify(folder, "-o", tmp_path / "out.csv")
    assert status == 1 and "gone.csv: a link to a file that is not there" in said
    assert "not looked at, by their suffixes: 2 files" in said and "noext" in said
    assert "MACOSX" not in said and "eaDir" not in said and "~$" not in said


def test_own_outputs_in_an_input_folder_are_no_inputs(classify, tmp_path):
    street(tmp_path / "day.csv")
    output = tmp_path / "result.csv"
    assert classify(tmp_path, "-o", output)[0] == 0
    written = output.read_bytes()
    status, said, _ = classify(tmp_path, "-o", output)
    assert status == 0 and "is there already" in said and output.read_bytes() == written
    assert (
        classify(tmp_path, "-o", output, "--per", "minute", scores="all")[0] == 0
    )  # ours: it may be made anew
    assert (tmp_path / "result_per_minute.csv").is_file()
    assert "is there already" in classify(tmp_path, "-o", output, "--per", "minute", scores="all")[1]


def test_good_files_are_done_and_bad_ones_are_named(classify, tmp_path):
    folder = tmp_path / "sensors"
    (folder / "north").mkdir(parents=True)
    street(folder / "a.csv")
    street(folder / "north/b.csv", seed=1)
    (folder / "damaged.csv").write_text("epoch,20\n1,2\n")
    for hidden in ("._a.csv", ".DS_Store", "Thumbs.db"):
        (folder / hidden).write_bytes(b"\0\1")
    (folder / "north/loop").symlink_to(folder)
    status, _, said = classify(folder, "-o", tmp_path / "out.parquet")
    assert status == 1 and said.count("left out:") == 1 and "damaged.csv" in said
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert sorted(set(table["file"].to_pylist())) == [str(folder / "a.csv"), str(folder / "north/b.csv")]
    assert "damaged.csv" in json.loads((tmp_path / "out.parquet.json").read_text())["files_left_out"][0]


def test_the_same_measurement_twice_is_counted_once(classify, tmp_path):
    folder = tmp_path / "sensors"
    folder.mkdir()
    street(folder / "day.csv")
    measured = (folder / "day.csv").read_bytes()
    (folder / "day (1).csv").write_bytes(measured)
    (folder / "day.csv.gz").write_bytes(gzip.compress(measured))
    (folder / "other ends of lines.csv").write_bytes(measured.replace(b"\r\n", b"\n") + b"\n")
    status, _, said = classify(folder, "-o", tmp_path / "out.parquet")
    assert status == 1 and said.count("holds the same as") == 3
    assert pyarrow.parquet.read_metadata(tmp_path / "out.parquet").num_rows == 10


def test_sensors_of_similar_names_have_pictures_of_their_own(classify, tmp_path):
    names = ["a/b", "a_b", "a:b", "NA", "null"]
    levels = np.repeat(street_levels(16), len(names), axis=0)
    path = write_csv(
        tmp_path / "day.csv", levels, np.repeat(epochs_s(16), len(names)), extra=[("sensor", "S")]
    )
    lines = path.read_text().splitlines()
    lines[1:] = [line.replace(",S,", f",{names[i % len(names)]},") for i, line in enumerate(lines[1:])]
    path.write_text("\n".join(lines))
    assert classify(path, "-o", tmp_path / "out.parquet")[0] == 0
    assert len(list(tmp_path.glob("out_*.png"))) == len(names)
    found = set(pyarrow.parquet.read_table(tmp_path / "out.parquet")["sensor"].to_pylist())
    assert found == set(names)
    assert len({safe(name) for name in names}) == len(names)


def test_a_latin_1_name_is_one_file_like_others(classify, tmp_path):
    name = tmp_path / b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    street(name)
    status, _, said = classify(name, "-o", tmp_path / "out.csv")
    assert status == 0, said
    assert "caf\\xe9.csv" in (tmp_path / "out.csv").read_text()


def test_levels_every_second_are_classified_as_such(shared, classify, tmp_path):
    path = shared / "sensors/nti_xl2_long_RTA_3rd_Log.txt"
    status, said, _ = classify(path, "--offset=-120", "-o", tmp_path / "out.parquet")
    assert status == 0 and "frames of 1 s" in said
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 30 and table["start_utc"][0].as_py() == "2026-02-06T10:19:44.000Z"
    assert set(table["duration_s"].to_pylist()) == {1.0}


def test_the_bar_counts_what_was_measured(shared, classify, tmp_path):
    """47 rows of 62.5 ms fill three windows of 1 s with their padding; the bar ends at 2.94 s all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", TqdmWarning)
        status, _, said = classify(shared / "sensors/cirrus_third_63ms_comma.csv", "-o", tmp_path / "out.csv")
    assert status == 0 and "2.88/2.94" in said


def test_sounds_may_be_heard_by_their_levels_every_second(classify, tmp_path):
    """Twice the sound as levels of 125 ms and of 1 s: the same levels of windows, other scores."""
    sound = np.random.default_rng(0).normal(0, 0.1, 96000) * np.linspace(0.1, 1, 96000)
    soundfile.write(tmp_path / "a.wav", sound.astype(np.float32), 32000)
    tables = {}
    for period in (0.125, 1):
        output = tmp_path / f"{period}.parquet"
        status, said, _ = classify(tmp_path / "a.wav", "--from-audio", "--period", period, "-o", output)
        assert status == 0 and f"frames of {period:g} s" in said
        tables[period] = pyarrow.parquet.read_table(output).to_pandas()
    fine, coarse = (table[table["complete"]] for table in tables.values())
    assert len(fine) == len(coarse) >= 2
    np.testing.assert_allclose(fine["level_1000"], coarse["level_1000"], atol=0.01)
    assert not np.allclose(fine["first_score"], coarse["first_score"], rtol=1e-3)


def test_files_of_both_resolutions_are_refused_together(shared, classify, tmp_path):
    files = [street(tmp_path / "day.csv"), shared / "sensors/nti_xl2_long_RTA_3rd_Log.txt"]
    status, _, said = classify(*files, "-o", tmp_path / "out.csv")
    assert status == 1 and "classify them apart" in said


def test_channels_that_cancel_and_cut_sounds_are_reported(classify, tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, 96000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([sound, -sound], 1), 32000)
    soundfile.write(tmp_path / "b.flac", sound, 32000)
    cut = (tmp_path / "b.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(cut[: len(cut) // 2])
    sounds, out = [tmp_path / "a.wav", tmp_path / "b.flac"], tmp_path / "out.csv"
    status, said, errors = classify(*sounds, "--from-audio", "--offset=0", "-o", out)
    assert status == 1 and "b.flac" in errors and "its channels cancel" in said
    status, said, _ = classify(
        *sounds, "--from-audio", "--offset=0", "--channel", "1", "--accept_truncated", "-o", out
    )
    assert (
        status == 0 and "truncated, and was read all the same" in said and "channels cancel when" not in said
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_with_ends_of_lines_and_tabs_stay_within_their_rows_and_lines(classify, tmp_path, suffix):
    """Of a folder, a file, a file that cannot be used, one that is not looked at, and the output."""
    folder = tmp_path / "north\nstreet"
    folder.mkdir()
    street(folder / "a\tday\r\n\u2028.csv")
    (folder / "da\nmaged.csv").write_text("epoch,20\n1,2\n")
    (folder / "no\ntes.dat").write_text("mine")
    output = tmp_path / f"o\nut{suffix}"
    status, printed, said = classify(folder, "--sensor_from", "folder", "-o", output)
    name = f"{tmp_path}/north\\nstreet/a\\tday\\r\\n\\u2028.csv"
    assert status == 1
    starts = {line.partition(":")[0] for line in printed.splitlines()}
    assert {name, "written"} <= starts and not starts & {"street/a\tday", "ut.csv", "ut.parquet"}
    last = [line.replace(str(tmp_path), "") for line in said.splitlines()[-2:]]
    assert last[0].startswith("not looked at") and "no\\ntes.dat" in last[0]
    assert last[1].startswith("left out: /north\\nstreet/da\\nmaged.csv: ")
    _, again, _ = classify(folder, "--sensor_from", "folder", "-o", output)
    assert "o\\nut" + suffix + " is there already" in again
    table = (pyarrow.csv.read_csv if suffix == ".csv" else pyarrow.parquet.read_table)(output)
    assert set(table["file"].to_pylist()) == {name}
    assert set(table["sensor"].to_pylist()) == {"north\\nstreet"}
    if suffix == ".csv":
        assert len(output.read_text().splitlines()) == 1 + table.num_rows


def test_an_error_with_such_a_name_is_one_line(classify, tmp_path):
    (tmp_path / "da\nmaged.csv").write_text("epoch,20\n1,2\n")
    status, _, said = classify(tmp_path / "da\nmaged.csv", "-o", tmp_path / "out.csv")
    assert status == 1 and "da\\nmaged.csv" in said and len(said.splitlines()) == 1

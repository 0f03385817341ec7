"""Outputs: formats, resuming after a kill, the script's answers, memory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from matplotlib.image import imread

import classify_thirdo
from benchmarks.measured_command import run_measured
from spectral_transcoder.sensors import records, results
from tests.helpers.made_levels import epochs_s, street_levels, write_cense_hdf5, write_csv

ROOT = Path(classify_thirdo.__file__).parent


def script(shared, levels, output, *options):
    """The command line of classify_thirdo.py with the mobile YAMNet and PINV."""
    weights = str(shared / "pretrained/yamnet_mobile_relu6.pth")
    models = ["--classifier", "YamNetMobile", "--weights", weights, "--transcoder", "pinv", "--device", "cpu"]
    return [str(levels), "-o", str(output), *models, *map(str, options)]


def call(monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["classify_thirdo.py", *arguments])
    return classify_thirdo.main()


@pytest.fixture
def day(tmp_path):
    """Forty seconds and a bit of levels, with a gap."""
    kept = np.delete(np.arange(330), np.arange(100, 140))
    return write_csv(tmp_path / "day.csv", street_levels(330)[kept], epochs_s(330)[kept])


@pytest.mark.shared
def test_csv_hdf5_and_parquet_hold_the_same(shared, monkeypatch, tmp_path, day, capsys):
    tables = {}
    for suffix in records.SUFFIXES:
        output = tmp_path / f"out{suffix}"
        call(monkeypatch, script(shared, day, output, "--offset", -88, "--window_s", 3))
        tables[suffix] = output
    printed = capsys.readouterr().out
    assert "YamNetMobile; transcoder: PINV" in printed and "of sensor data per second of compute" in printed

    parquet = pyarrow.parquet.read_table(tables[".parquet"])
    text = pyarrow.csv.read_csv(tables[".csv"])
    assert text.column_names == parquet.column_names
    assert len(parquet.column_names) == 6 + 2 * 3 + 2 * 3 + 29 + 521
    for name in ("Speech", "traffic_score", "level_31.5", "duration_s"):
        np.testing.assert_allclose(text[name].to_numpy(), parquet[name].to_numpy(), rtol=1e-6)
    with h5py.File(tables[".h5"]) as file:
        labels = list(file["label_scores"].attrs["columns"])
        np.testing.assert_array_equal(file["label_scores"][:, labels.index("Speech")], parquet["Speech"])
        np.testing.assert_array_equal(file["levels_db"][:, 2], parquet["level_31.5"])
        assert file["start_utc"][0].decode() == "2020-01-01T00:00:00.000Z"

    assert parquet["start_utc"][0].as_py() == "2020-01-01T00:00:00.000Z"
    assert parquet["complete"].to_pylist() == [True] * 4 + [False] + [True] * 7 + [False]
    assert parquet["duration_s"].to_pylist()[4] == 0.5
    scores = np.stack([parquet[name].to_numpy() for name in labels], axis=1)
    np.testing.assert_array_equal(parquet["first_score"], scores.max(1))
    first_24 = street_levels(24)[:, 2].astype(float)
    assert parquet["level_31.5"][0].as_py() == pytest.approx(
        10 * np.log10(np.mean(10 ** (first_24 / 10))), abs=1e-3
    )
    assert imread(tmp_path / "out.png").shape[1] == 1650
    assert not list(tmp_path.glob("*.parts"))

    record = json.loads((tmp_path / "out.csv.json").read_text())
    assert record["offset_db"] == -88 and record["found"]["gaps"]["ranges"] == 1
    call(monkeypatch, script(shared, day, tables[".csv"], "--offset", -88, "--window_s", 3))
    assert "is there already" in capsys.readouterr().out


@pytest.mark.shared
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(shared, tmp_path):
    levels = write_csv(tmp_path / "day.csv", street_levels(60000), epochs_s(60000))
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    options = ["--offset", "-88", "--hop_s", "4"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    python = [sys.executable, str(ROOT / "classify_thirdo.py")]

    def run(output):
        command = [*python, *script(shared, levels, output, *options)]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    process = run(killed)
    parts = tmp_path / "killed.csv.parts"
    deadline = time.monotonic() + 300
    while not (parts / "000000.arrow").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not killed.exists() and list(parts.glob("*.arrow"))

    printed, _ = run(killed).communicate()
    assert "going on after" in printed
    assert run(whole).wait() == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert (tmp_path / "killed.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


def test_parts_of_other_options_are_refused(tmp_path):
    parts = results.Parts(tmp_path / "a.csv", {"offset": 0})
    assert not parts.folder.exists()  # nothing is left of a run that failed before its first part
    parts.add(0, pyarrow.table({"a": [1]}))
    assert results.Parts(tmp_path / "a.csv", {"offset": 0}).done == 1
    with pytest.raises(results.UsageError, match="made from other files or options"):
        results.Parts(tmp_path / "a.csv", {"offset": 2})


@pytest.mark.shared
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], "100 % of the frames are louder than full scale"),
        (["--window_s", "1.5", "--offset", "-88"], "whole seconds"),
        (["--offset", "-88", "--grouping", "nothing"], "grouping 'nothing'"),
    ],
)
def test_wrong_options_are_reported(shared, monkeypatch, tmp_path, day, options, found):
    with pytest.raises(results.UsageError, match=found):
        call(monkeypatch, script(shared, day, tmp_path / "out.csv", *options))
    with pytest.raises(results.UsageError, match=r"out\.txt: expected a name that ends in \.csv"):
        call(monkeypatch, script(shared, day, tmp_path / "out.txt"))


@pytest.mark.shared
def test_sensors_have_a_picture_each_and_sounds_are_sensors(shared, monkeypatch, tmp_path, capsys):
    audio = tmp_path / "sounds"
    audio.mkdir()
    for path in sorted((shared / "audio/urbansound8k/fold1").glob("*.ogg"))[:2]:
        (audio / path.name).write_bytes(path.read_bytes())
    output = tmp_path / "out.parquet"
    call(monkeypatch, script(shared, audio, output, "--from-audio", "--scores", "classes"))
    table = pyarrow.parquet.read_table(output)
    assert sorted(set(table["sensor"].to_pylist())) == sorted(path.stem for path in audio.iterdir())
    assert "Speech" not in table.column_names and "traffic_present" in table.column_names
    assert len(list(tmp_path.glob("out_*.png"))) == 2


@pytest.mark.shared
def test_the_offset_is_estimated_from_the_levels(shared, monkeypatch, tmp_path, day, capsys):
    call(monkeypatch, script(shared, day, tmp_path / "out.csv", "--estimate-offset"))
    assert (
        "offset by --estimate_offset: -" in (printed := capsys.readouterr().out) and "would clip" in printed
    )


def test_ten_million_rows_of_garbage_end_soon_in_little_memory(tmp_path):
    path = tmp_path / "garbage.csv"
    header = ",".join(["epoch", *results.NOMINAL_HZ])
    with path.open("w") as file:
        file.write(header + "\n")
        block = "lorem,ipsum,dolor\n" * 100_000
        for _ in range(100):
            file.write(block)
    code = (
        "import sys; from spectral_transcoder.sensors import read_levels\n"
        "try: list(read_levels(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    import_bytes = run_measured([sys.executable, "-c", code, tmp_path / "none"], cwd=ROOT).peak_bytes
    start = time.monotonic()
    refused = run_measured([sys.executable, "-c", code, path], cwd=ROOT)
    assert time.monotonic() - start < 60
    assert refused.printed.startswith("LevelsError")
    assert "3 columns instead of 30, 'lorem,ipsum,dolor'" in refused.printed
    assert refused.peak_bytes - import_bytes < 200e6


@pytest.mark.slow
@pytest.mark.shared
def test_a_day_of_levels_within_a_gigabyte(shared, tmp_path):
    levels = np.concatenate([street_levels(86400, seed) for seed in range(8)])
    path = write_cense_hdf5(tmp_path / "day.h5", {("2020_1", "1"): (epochs_s(691_200), levels)})
    # one second in twelve, so that the test takes minutes; what a window holds in memory is the same
    arguments = script(shared, path, tmp_path / "day.parquet", "--offset", -88, "--hop_s", 12)
    peak_bytes = run_measured([sys.executable, "classify_thirdo.py", *arguments], cwd=ROOT).peak_bytes
    assert pyarrow.parquet.read_metadata(tmp_path / "day.parquet").num_rows == 7200
    assert peak_bytes < 1e9

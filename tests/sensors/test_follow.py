"""classify_thirdo.py --follow as it is called: rows at once, a clean end, rows that are there already."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
import soundfile

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.follow import Reported
from spectral_transcoder.sensors.frame_checks import Findings
from tests.helpers.made_levels import csv_lines, epochs_s, street_levels

ROOT = Path(__file__).parents[2]


def run_following(shared, arguments, **options):
    """Run classify_thirdo.py --follow with PINV and the mobile YAMNet."""
    weights = shared / "pretrained/yamnet_mobile_relu6.pth"
    command = [
        sys.executable, ROOT / "classify_thirdo.py", *arguments, "--follow", "--offset", "-88",
        "--classifier", "YamNetMobile", "--weights", weights, "--transcoder", "pinv",
        "--device", "cpu", "--scores", "classes",
    ]  # fmt: skip
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_each_gap_is_reported_with_its_own_time(monkeypatch):
    """Also those of which only the number is kept; rows that follow each other are one range."""
    monkeypatch.setattr(frame_checks, "KEPT_RANGES", 2)
    findings, said = Findings(), []
    reported = Reported(findings, said.append)
    for hour in (0, 1, 2, 3):
        for row in (0, 1):
            findings.add(frame_checks.GAP, "a.csv", 3600 * hour + 0.125 * row, 3600 * hour + 0.125 * row, 1)
        reported.update()
    assert [line.partition("T")[2][:5] for line in said] == ["00:00", "01:00", "02:00", "03:00"]
    found = findings.kinds[frame_checks.GAP]
    assert (found.n_rows, found.n_ranges) == (8, 4)
    assert found.ranges == [("a.csv", 0, 0.125), ("a.csv", 3600, 3600.125)]


@pytest.mark.shared
def test_standard_input_that_is_closed_or_empty(shared):
    closed = run_following(shared, ["-"], preexec_fn=lambda: os.close(0)).communicate(timeout=60)[1]
    empty = run_following(shared, ["-"], stdin=subprocess.DEVNULL).communicate(timeout=60)[1]
    assert b"error: standard input is closed" in closed and b"Traceback" not in closed, closed
    assert b"error: standard input ended before its first window" in empty, empty


@pytest.mark.shared
def test_ctrl_c_before_the_first_row(shared):
    process = run_following(shared, ["-"], stdin=subprocess.PIPE)
    process.stdin.write(b"epoch,20\n")
    process.stdin.flush()
    status = Path(f"/proc/{process.pid}/status")
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> signal.SIGTERM - 1 & 1:
        time.sleep(0.1)  # until it listens to signals, and waits for rows
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and b"0 windows" in errors and b"Traceback" not in errors, errors


@pytest.mark.shared
def test_rows_of_standard_input_are_added_to_those_that_are_there(shared, tmp_path):
    """After a power failure, which left half a row; a last line without an end is a row; other columns are refused."""
    head, *rows = csv_lines(tmp_path, street_levels(48), epochs_s(48))
    output = tmp_path / "windows.csv"
    for part in (rows[:24], rows[24:]):
        process = run_following(shared, ["-", "-o", output], stdin=subprocess.PIPE)
        _, errors = process.communicate(head + b"".join(part).rstrip(b"\r\n"), timeout=60)
        assert process.returncode == 0, errors
        with output.open("ab") as file:
            file.write(b'"","standard in')
    with output.open("r+b") as file:
        file.truncate(output.stat().st_size - len(b'"","standard in'))
    table = pyarrow.csv.read_csv(output)
    np.testing.assert_allclose(table["epoch_s"].to_numpy(), epochs_s(48)[::8])
    assert table["complete"].to_pylist() == [True] * 6
    output.write_bytes(b'"a","b"\n1,2\n')
    process = run_following(shared, ["-", "-o", output], stdin=subprocess.PIPE)
    _, errors = process.communicate(head + b"".join(rows), timeout=60)
    assert process.returncode == 2 and b"rows of other columns" in errors
    assert output.read_bytes() == b'"a","b"\n1,2\n'


@pytest.mark.shared
def test_rows_of_a_file_replace_those_of_the_same_time(shared, tmp_path):
    """Followed a second time, after yesterday's file was replaced by today's: yesterday's rows stay."""
    head, *rows = csv_lines(tmp_path, street_levels(64), epochs_s(64))
    growing, output = tmp_path / "today.csv", tmp_path / "out/rows.csv"
    for first, end in ((0, 40), (32, 48), (32, 64)):
        growing.write_bytes(head + b"".join(rows[first:end]))
        process = run_following(shared, [growing, "-o", output])
        n_rows = 1 + (end // 8)
        deadline = time.monotonic() + 60
        while not output.is_file() or output.read_bytes().count(b"\n") < n_rows:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    table = pyarrow.csv.read_csv(output)
    np.testing.assert_allclose(table["epoch_s"].to_numpy(), epochs_s(64)[::8])


@pytest.mark.shared
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_sound_from_ffmpeg(shared, tmp_path):
    """Its WAV does not know its length, and has metadata before the samples."""
    sound = np.random.default_rng(0).normal(0, 0.1, 4 * 32000).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", sound, 32000)
    ffmpeg = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "a.flac", "-metadata", "title=data", "-f", "wav", "-"],
        stdout=subprocess.PIPE,
    )
    out, errors = run_following(shared, ["-", "--from-audio"], stdin=ffmpeg.stdout).communicate(timeout=60)
    assert pyarrow.csv.read_csv(io.BytesIO(out)).num_rows == 4, errors


@pytest.mark.shared
def test_a_file_that_grows_row_by_row_until_ctrl_c(shared, tmp_path):
    """From the row that ends a window to its scores less than a second; a gap is reported; Ctrl-C ends with 0."""
    header, *rows = csv_lines(tmp_path, street_levels(64), epochs_s(96)[np.r_[:40, 72:96]])
    growing = tmp_path / "today.csv"
    growing.write_bytes(header + b"".join(rows[:16]))
    process = run_following(shared, [growing])
    said = [process.stdout.readline() for _ in range(3)]  # the header and two windows
    latencies = []
    with growing.open("ab", buffering=0) as file:
        for second in range(2, 8):
            for row in rows[8 * second : 8 * second + 8]:
                file.write(row)
            written = time.monotonic()
            said.append(process.stdout.readline())
            latencies.append(time.monotonic() - written)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    table = pyarrow.csv.read_csv(io.BytesIO(b"".join(said) + rest))
    assert table.num_rows == 8 and table["complete"].to_pylist() == [True] * 8
    assert b"gaps: " in errors and b"8 windows" in errors and b"Traceback" not in errors
    assert np.median(latencies) < 1, latencies

"""Levels and sounds that are still being written: rows at once, gaps reported, a clean end, bounded memory."""

import io
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
import soundfile

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.follow import live_windows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.sensors.live import LiveLevels, LiveSound
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.windows import Windowing, join_batches, window_batches
from spectral_transcoder.utils.errors import AudioError, LevelsError
from tests.helpers.made_levels import epochs_s, street_levels, write_csv

ROOT = Path(__file__).parents[2]


def lines_of(tmp_path, levels, epochs):
    return write_csv(tmp_path / "rows.csv", levels, epochs).read_bytes().splitlines(keepends=True)


def follow(chunks, windowing=None, options=None):
    """Return the windows of chunks with how many chunks had come, and findings."""
    findings, taken = Findings(), 0

    def counted():
        nonlocal taken
        for chunk in chunks:
            taken += 1
            yield chunk

    live = LiveLevels("-", options or ReadOptions(), findings)
    assert live.open(counted())
    batches = [
        (batch, taken) for batch in live_windows(live.blocks(), windowing or Windowing(1, 1, -88), findings)
    ]
    live.finish()
    return batches, findings


def test_a_window_is_there_with_its_last_row(tmp_path):
    levels = street_levels(86)
    batches, _ = follow(lines_of(tmp_path, levels, epochs_s(86)))
    taken = [count for batch, count in batches for _ in range(len(batch))]
    assert taken[0] == 10  # the header and the nine rows that tell the period
    assert taken[1:] == [*(1 + 8 * k for k in range(2, 11)), 87]  # and what is left at the end


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_pieces_of_any_size_give_the_windows_of_the_whole_file(tmp_path, size):
    from spectral_transcoder.sensors.reading import read_levels

    kept = np.delete(np.arange(200), np.arange(90, 130))
    path = write_csv(tmp_path / "a.csv", street_levels(200)[kept], epochs_s(200)[kept])
    data = path.read_bytes()
    batches, findings = follow([data[i : i + size] for i in range(0, len(data), size)])
    expected = join_batches(list(window_batches(read_levels(path), Windowing(1, 1, -88), Findings())))
    found = join_batches([batch for batch, _ in batches])
    np.testing.assert_allclose(found.epoch_s, expected.epoch_s)
    np.testing.assert_array_equal(found.seconds_db, expected.seconds_db)
    assert findings.kinds[frame_checks.GAP].n_ranges == 1


@pytest.mark.shared
def test_rows_with_the_times_of_their_ends_begin_a_period_before(shared):
    """A log every second, line by line: the first rows, which tell the period, and those behind them."""
    from spectral_transcoder.sensors.reading import read_levels

    path = shared / "sensors/nti_xl2_long_RTA_3rd_Log.txt"
    windowing = Windowing(1, 1, -120, 1)
    batches, findings = follow(path.read_bytes().splitlines(keepends=True), windowing)
    expected = join_batches(list(window_batches(read_levels(path), windowing, Findings())))
    found = join_batches([batch for batch, _ in batches])
    np.testing.assert_array_equal(found.epoch_s, expected.epoch_s)
    np.testing.assert_array_equal(found.seconds_db, expected.seconds_db)
    assert found.n_frames.sum() == 30
    assert not findings.kinds and len(findings.notes) == 1  # the row over the whole log is no row


def test_a_clock_that_is_set_back_goes_on(tmp_path):
    epochs = epochs_s(160)
    epochs[80:] -= 3600
    batches, findings = follow(lines_of(tmp_path, street_levels(160), epochs))
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 160 - 7  # seven wait for the eighth
    assert findings.kinds[frame_checks.SET_BACK].n_ranges == 1


def test_ten_million_bytes_without_the_end_of_a_line_are_refused():
    with pytest.raises(LevelsError, match="no end of a line"):
        follow([b"epoch,20" * 1000] * 1000)


def test_memory_does_not_grow(tmp_path):
    header, *rows = lines_of(tmp_path, street_levels(8), epochs_s(8))
    cells = [row.partition(b",")[2] for row in rows]

    def chunks(n_rows):
        yield header
        for index in range(0, n_rows, 80):
            block = range(index, index + 80)
            yield b"".join(b"%.3f,%s" % (1.6e9 + 0.125 * i, cells[i % 8]) for i in block)

    def peak(n_rows):
        tracemalloc.start()
        live = LiveLevels("-", ReadOptions(), findings := Findings())
        live.open(chunks(n_rows))
        for _ in live_windows(live.blocks(), Windowing(10, 10, -88), findings):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(800)
    assert peak(40_000) < 1.2 * peak(4_000) + 100_000


@pytest.mark.parametrize(("sr", "subtype", "tolerance"), [(32000, "PCM_16", 0.05), (48000, "FLOAT", 0.3)])
def test_a_sound_that_is_being_recorded(sr, subtype, tolerance):
    sound = np.random.default_rng(0).normal(0, 0.1, (3 * sr, 2)).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sr, subtype, format="WAV")
    data = buffer.getvalue()
    live = LiveSound("-", ReadOptions(start_s=100.0), Findings())
    assert live.open(iter([data[i : i + 1000] for i in range(0, len(data), 1000)]))
    blocks = list(live.blocks())
    levels = np.concatenate([block.levels_db for block in blocks])
    if sr == 32000:
        expected = THIRD_OCTAVES.levels(sound.mean(1)) - 26
        np.testing.assert_allclose(levels, expected[: len(levels)], atol=tolerance)
    assert len(levels) >= 22
    np.testing.assert_allclose(np.concatenate([block.epoch_s for block in blocks])[:2], [100, 100.125])
    with pytest.raises(AudioError, match="no header of a WAV"):
        LiveSound("-", ReadOptions(), Findings()).open(iter([b"\0" * 100]))


@pytest.mark.shared
def test_a_file_that_grows_row_by_row_until_ctrl_c(shared, tmp_path):
    """From the row that ends a window to its scores less than a second; a gap is reported; Ctrl-C ends with 0."""
    header, *rows = lines_of(tmp_path, street_levels(64), epochs_s(96)[np.r_[:40, 72:96]])
    growing = tmp_path / "today.csv"
    growing.write_bytes(header + b"".join(rows[:16]))
    weights = shared / "pretrained/yamnet_mobile_relu6.pth"
    command = [sys.executable, str(ROOT / "classify_thirdo.py"), str(growing), "--follow", "--offset", "-88"]
    command += [
        "--classifier",
        "YamNetMobile",
        "--weights",
        str(weights),
        "--transcoder",
        "pinv",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*command, "--scores", "classes"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
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

"""Levels and sounds that are still being written: rows at once, gaps reported, a clean end, bounded memory."""

import gzip
import io
import os
import shutil
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

from spectral_transcoder.sensors import frame_checks, standard_input
from spectral_transcoder.sensors.follow import live_windows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.sensors.live import LiveLevels, LiveSound, Stop, follow_bytes
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.standard_input import StandardInput
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


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"RIFF\0\0\0\0WAVEfmt \n\n\n", "use --from-audio"),
        (gzip.compress(b"epoch,20\n1,2\n", mtime=0), "is compressed"),
        ("epoch,20,25\n1,2,3\n2,3,4\n".encode("utf-16-le"), "is text in UTF-16-LE: expected UTF-8"),
    ],
    ids=["sound", "gzip", "UTF-16"],
)
def test_what_is_no_text_is_named(start, words):
    with pytest.raises(LevelsError, match=words):
        LiveLevels("-", ReadOptions(), Findings()).open(iter([start]))


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


def test_a_head_that_comes_again_is_no_row(tmp_path):
    """A sensor that is switched on again sends its head once more."""
    head, *rows = lines_of(tmp_path, street_levels(40), epochs_s(40))
    batches, findings = follow([head, *rows[:20], head, *rows[20:]])
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 40
    assert len(findings.notes) == 1 and not findings.kinds


def test_a_row_that_cannot_be_read_is_reported_when_it_comes(tmp_path):
    head, *rows = lines_of(tmp_path, street_levels(40), epochs_s(40))
    live = LiveLevels("-", ReadOptions(), findings := Findings())
    assert live.open(iter([head, *rows[:20], b"1,2,3\n", *rows[20:]]))
    for block in live.blocks():
        if block.epoch_s[0] > epochs_s(40)[20]:
            break
    assert "a row is no levels, and left out: 3 columns instead of 30" in findings.notes[-1]


def test_a_signal_that_comes_twice_at_once_is_one():
    """`timeout` sends it to the process and to its group."""
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        time.sleep(0.6)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


class Asked:
    """Ends what is followed once so many rows were given."""

    asked = False


def follow_file(path, steps, n_frames):
    """Follow a file while steps, called one after the other, change it; return windows and findings."""
    stop, findings = Asked(), Findings()
    live = LiveLevels(path, ReadOptions(), findings)
    assert live.open(follow_bytes(path, stop))
    batches, steps, n_seen = [], list(steps), 0
    for block in live.blocks():
        batches.append(block)
        n_seen += len(block)
        if steps and n_seen >= steps[0][0]:
            steps.pop(0)[1]()
        stop.asked = n_seen >= n_frames
    return batches, findings


@pytest.mark.parametrize("way", ["moved", "emptied"])
def test_a_file_that_another_takes_the_place_of_is_followed_on(tmp_path, way):
    """As logs are rotated: moved away, or copied and emptied; half a line at the end of the old one is lost."""
    head, *rows = lines_of(tmp_path, street_levels(60), epochs_s(60))
    growing = tmp_path / "today.csv"
    growing.write_bytes(head + b"".join(rows[:30]) + rows[30][:20])

    def rotate():
        if way == "moved":
            growing.rename(tmp_path / "yesterday.csv")
        growing.write_bytes(head + b"".join(rows[31:60]))

    blocks, findings = follow_file(growing, [(30, rotate)], 59)
    np.testing.assert_allclose(
        np.concatenate([block.epoch_s for block in blocks]), np.delete(epochs_s(60), 30)
    )
    assert any("cut or replaced by another file" in note for note in findings.notes)


def test_a_file_of_another_period_does_not_follow(tmp_path):
    head, *rows = lines_of(tmp_path, street_levels(60), epochs_s(60))
    _, *other = lines_of(tmp_path, street_levels(20), 1.6e9 + np.arange(20))
    growing = tmp_path / "today.csv"
    growing.write_bytes(head + b"".join(rows[:30]))

    def replace():
        growing.unlink()
        growing.write_bytes(head + b"".join(other))

    with pytest.raises(LevelsError, match="rows every 1000 ms follow rows every 125 ms"):
        follow_file(growing, [(30, replace)], 50)


def wav_bytes(sound, sr, subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sr, subtype, format="WAV")
    return buffer.getvalue()


def levels_of_sound(chunks, source="-"):
    live = LiveSound(source, ReadOptions(start_s=100.0), Findings())
    assert live.open(iter(chunks))
    blocks = list(live.blocks())
    return np.concatenate([block.levels_db for block in blocks]), np.concatenate(
        [block.epoch_s for block in blocks]
    )


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "DOUBLE"])
def test_sounds_of_every_kind_of_samples(subtype):
    sound = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    content = wav_bytes(sound, 32000, subtype)
    levels, _ = levels_of_sound([content])
    expected = THIRD_OCTAVES.levels(soundfile.read(io.BytesIO(content), dtype="float32")[0]) - 26
    np.testing.assert_allclose(levels, expected[: len(levels)], atol=0.01)


@pytest.mark.parametrize("source", ["-", "growing.wav"])
def test_chunks_of_a_wav_beside_its_samples_are_no_sound(source):
    """A title with the word data before them; behind them, pictures and marks, in a wav from a pipe."""
    sound = np.random.default_rng(0).normal(0, 0.01, 64000).astype(np.float32)
    plain = wav_bytes(sound, 32000)
    title = b"LIST" + (18).to_bytes(4, "little") + b"INFOINAM" + (5).to_bytes(4, "little") + b"data!\0"
    start = plain.index(b"data")
    behind = b"LIST" + (40000).to_bytes(4, "little") + bytes(range(1, 251)) * 160
    whole = plain[:start] + title + plain[start:] + (behind if source == "-" else b"")
    levels, _ = levels_of_sound([whole[i : i + 777] for i in range(0, len(whole), 777)], source)
    expected = THIRD_OCTAVES.levels(soundfile.read(io.BytesIO(plain), dtype="float32")[0]) - 26
    np.testing.assert_allclose(levels, expected[: len(levels)], atol=0.01)
    assert len(levels) == (64000 - THIRD_OCTAVES.frame_length) // THIRD_OCTAVES.hop_length + 1


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_does_not_know_its_length(size):
    sound = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    content = wav_bytes(sound, 32000)
    start = content.index(b"data")
    content = content[: start + 4] + size.to_bytes(4, "little") + content[start + 8 :]
    assert len(levels_of_sound([content])[0]) == 15


def test_sound_that_is_missing_is_a_gap(monkeypatch):
    """A recorder that is stopped for a minute; a pause after which nothing is missing is none."""
    content = wav_bytes(np.random.default_rng(0).normal(0, 0.1, 4 * 32000).astype(np.float32), 32000)
    start = content.index(b"data") + 8
    pieces = [content[:start], *(content[i : i + 64000] for i in range(start, len(content), 64000))]
    now = iter([1000.0, 1003.0, 1064.0])  # the header, then what follows each pause
    monkeypatch.setattr(time, "time", lambda: next(now))
    live = LiveSound("-", ReadOptions(), findings := Findings())
    head, *seconds = pieces
    assert live.open(iter([head, seconds[0], seconds[1], b"", seconds[2], b"", seconds[3]]))
    windows = list(live_windows(live.blocks(), Windowing(1, 1, 0), findings))
    starts = np.concatenate([batch.epoch_s for batch in windows])
    np.testing.assert_allclose(starts[:2], [1000, 1001])
    assert starts[-1] == pytest.approx(1063)
    assert findings.kinds[frame_checks.GAP].n_ranges == 1


@pytest.fixture
def piped(monkeypatch):
    """A pipe that is standard input: the end that is written."""
    read, write = os.pipe()
    with os.fdopen(read) as reading, os.fdopen(write, "wb", 0) as writing:
        monkeypatch.setattr(sys, "stdin", reading)
        yield writing


def test_a_sound_begins_when_it_was_recorded_not_when_the_models_are_loaded(piped):
    """Its first second arrives at once, others while nobody takes them: a pipe holds a second, a recorder no more."""
    content = wav_bytes(np.random.default_rng(0).normal(0, 0.1, 5 * 32000).astype(np.float32), 32000)
    began_s = time.time()
    arriving = StandardInput(pauses=True)
    for start in range(0, len(content), 64000):
        piped.write(content[start : start + 64000])  # would wait for ever if nobody read
    time.sleep(0.5)
    live = LiveSound("-", ReadOptions(), Findings(), standard_input=arriving)
    piped.close()
    assert live.open(follow_bytes("-", Asked(), sound=True, standard_input=arriving))
    first_s = next(live.blocks()).epoch_s[0]
    assert began_s - 1.1 < first_s < began_s + 0.3


def test_a_sound_in_a_file_ends_when_it_was_written(tmp_path):
    path = tmp_path / "growing.wav"
    path.write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32), 32000))
    os.utime(path, (5000, 5000))
    live = LiveSound(path, ReadOptions(), Findings())
    assert live.open(iter([path.read_bytes()]))
    assert next(live.blocks()).epoch_s[0] == pytest.approx(4998)


def test_standard_input_tells_of_a_pause(piped, monkeypatch):
    monkeypatch.setattr(standard_input, "PAUSE_S", 0.2)
    chunks = StandardInput(pauses=True).chunks(lambda: False)
    found = []
    for pause_s in (0.3, 0, 0.4):
        time.sleep(pause_s)
        piped.write(b"ab")
        found.append(next(chunks))
    found.append(next(chunks))
    piped.close()
    assert [*found, *chunks] == [b"ab", b"ab", b"", b"ab"]  # none before the first


def run_following(shared, arguments, **options):
    """Run classify_thirdo.py --follow with PINV and the mobile YAMNet."""
    weights = shared / "pretrained/yamnet_mobile_relu6.pth"
    command = [
        sys.executable,
        str(ROOT / "classify_thirdo.py"),
        *map(str, arguments),
        "--follow",
        "--offset=-88",
    ]
    command += ["--classifier", "YamNetMobile", "--weights", str(weights), "--transcoder", "pinv"]
    return subprocess.Popen(
        [*command, "--device", "cpu", "--scores", "classes"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


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
    head, *rows = lines_of(tmp_path, street_levels(48), epochs_s(48))
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
    head, *rows = lines_of(tmp_path, street_levels(64), epochs_s(64))
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

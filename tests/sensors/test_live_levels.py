"""Levels that are still being written: rows at once, gaps reported, bounded memory, files that are replaced."""

import gzip
import tracemalloc

import numpy as np
import pytest

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.follow import live_windows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.live_levels import LiveLevels
from spectral_transcoder.sensors.live_source import Stop, follow_bytes
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels
from spectral_transcoder.sensors.windows import Windowing, join_batches, window_batches
from spectral_transcoder.utils.errors import LevelsError
from tests.helpers.made_levels import csv_lines, epochs_s, street_levels, write_csv


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
    batches, _ = follow(csv_lines(tmp_path, levels, epochs_s(86)))
    taken = [count for batch, count in batches for _ in range(len(batch))]
    assert taken[0] == 10  # the header and the nine rows that tell the period
    assert taken[1:] == [*(1 + 8 * k for k in range(2, 11)), 87]  # and what is left at the end


@pytest.mark.parametrize(("period_s", "n_chunks"), [(None, 10), (0.125, 3)])
def test_a_period_that_is_said_saves_the_wait(tmp_path, period_s, n_chunks):
    """Its header and two rows are enough then; fewer are no table."""
    lines = csv_lines(tmp_path, street_levels(20), epochs_s(20))
    options = ReadOptions(period_s=period_s)
    chunks = iter(lines)
    assert LiveLevels("-", options, Findings()).open(chunks)
    assert len(list(chunks)) == len(lines) - n_chunks
    assert not LiveLevels("-", options, Findings()).open(iter(lines[: n_chunks - 1]))


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_pieces_of_any_size_give_the_windows_of_the_whole_file(tmp_path, size):
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
    batches, findings = follow(csv_lines(tmp_path, street_levels(160), epochs))
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 160 - 7  # seven wait for the eighth
    found = findings.kinds[frame_checks.SET_BACK]
    assert found.n_ranges == 1 and found.n_rows == 0


@pytest.mark.parametrize("first", [80, 100])
@pytest.mark.parametrize("back_s", [5, 3600])
def test_a_clock_that_is_set_back_within_a_chunk_loses_no_row(tmp_path, first, back_s):
    """As of a file that has grown before it is followed: no line comes alone."""
    epochs = epochs_s(400)
    epochs[200:] -= back_s
    head, *rows = csv_lines(tmp_path, street_levels(400), epochs)
    pieces = [b"".join(rows[start : start + 120]) for start in range(first, 400, 120)]
    batches, findings = follow([head + b"".join(rows[:first]), *pieces])
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 400
    assert findings.kinds[frame_checks.SET_BACK].n_ranges == 1


def test_a_clock_that_is_set_back_among_the_first_rows(tmp_path):
    epochs = epochs_s(40)
    epochs[20:] -= 3600
    head, *rows = csv_lines(tmp_path, street_levels(40), epochs)
    batches, _ = follow([head + b"".join(rows[:30]), *rows[30:]])
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 40


@pytest.mark.parametrize("at", [4, 150])
@pytest.mark.parametrize("time", [b"nan", b"1e20"])
def test_a_row_without_a_date_takes_no_other_with_it(tmp_path, time, at):
    head, *rows = csv_lines(tmp_path, street_levels(300), epochs_s(300))
    rows[at] = time + b"," + rows[at].partition(b",")[2]
    batches, findings = follow([head + b"".join(rows[:100]), b"".join(rows[100:])])
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 299
    assert findings.kinds[frame_checks.NO_TIME].n_rows == 1


def test_a_file_of_a_name_that_is_no_text(tmp_path):
    growing = tmp_path / "caf\udce9.csv"
    growing.write_bytes(b"".join(csv_lines(tmp_path, street_levels(20), epochs_s(20))))
    blocks, _ = follow_file(growing, [], 20)
    assert {block.file for block in blocks} == {f"{tmp_path}/caf\\xe9.csv"}


def test_a_sensor_whose_name_has_characters_that_are_not_shown(tmp_path):
    path = write_csv(tmp_path / "a.csv", street_levels(20), epochs_s(20), extra=[("sensor", "north\t\x1b")])
    batches, _ = follow(path.read_bytes().splitlines(keepends=True))
    assert {block.sensor for block in read_levels(path)} == {"north\\t\\x1b"}
    assert {name for batch, _ in batches for name in batch.sensor} == {"north\\t\\x1b"}


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
    header, *rows = csv_lines(tmp_path, street_levels(8), epochs_s(8))
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
    head, *rows = csv_lines(tmp_path, street_levels(40), epochs_s(40))
    batches, findings = follow([head, *rows[:20], head, *rows[20:]])
    assert sum(batch.n_frames.sum() for batch, _ in batches) == 40
    assert len(findings.notes) == 1 and not findings.kinds


@pytest.mark.parametrize("at", [3, 20])
def test_a_row_that_cannot_be_read_is_reported_when_it_comes(tmp_path, at):
    """Also one of those that show the period."""
    head, *rows = csv_lines(tmp_path, street_levels(40), epochs_s(40))
    live = LiveLevels("-", ReadOptions(), findings := Findings())
    assert live.open(iter([head, *rows[:at], b"1,2,3\n", *rows[at:]]))
    for block in live.blocks():
        if block.epoch_s[0] > epochs_s(40)[20]:
            break
    assert "a row is no levels, and left out: 3 columns instead of 30" in findings.notes[-1]


def follow_file(path, steps, n_frames):
    """Follow a file while steps, called one after the other, change it; return windows and findings."""
    stop, findings = Stop(), Findings()
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
    head, *rows = csv_lines(tmp_path, street_levels(60), epochs_s(60))
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
    head, *rows = csv_lines(tmp_path, street_levels(60), epochs_s(60))
    _, *other = csv_lines(tmp_path, street_levels(20), 1.6e9 + np.arange(20))
    growing = tmp_path / "today.csv"
    growing.write_bytes(head + b"".join(rows[:30]))

    def replace():
        growing.unlink()
        growing.write_bytes(head + b"".join(other))

    with pytest.raises(LevelsError, match="rows every 1000 ms follow rows every 125 ms"):
        follow_file(growing, [(30, replace)], 50)

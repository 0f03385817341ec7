"""A file that is followed again, after the computer or its clock began anew: no row is lost, and none comes twice."""

import pyarrow.csv
import pytest

from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.follow import write_rows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.live_levels import LiveLevels
from spectral_transcoder.sensors.live_source import Stop, follow_bytes
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.rows_file import open_rows
from spectral_transcoder.sensors.windows import Windowing
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.made_levels import START_S, csv_lines, epochs_s, street_levels, write_csv


@pytest.fixture
def follow(models, tmp_path):
    """Follow today.csv until it has given so many rows; return the times and durations that the output has then."""
    model = SensorClassifier(*models("YamNet"))
    growing, output = tmp_path / "today.csv", tmp_path / "windows.csv"

    def run(n_rows, windowing=None, change=None):
        stop, findings = Stop(), Findings()
        live = LiveLevels(str(growing), ReadOptions(), findings)
        with open_rows(output, str(growing)) as rows:
            assert live.open(counted(follow_bytes(growing, stop), stop, n_rows, change))
            write_rows(live, model, windowing or Windowing(1, 1, -88), rows, False, lambda line: None)
        table = pyarrow.csv.read_csv(output)
        return list(zip(table["epoch_s"].to_pylist(), table["duration_s"].to_pylist(), strict=True))

    return run


def counted(chunks, stop, n_rows, change):
    """Give chunks until they had so many rows, then `change` the file and go on, or stop."""
    n_seen = 0
    for chunk in chunks:
        n_seen += chunk.count(b"\n") - chunk.count(b"epoch")
        yield chunk
        if change is not None and n_seen >= change[0]:
            change[1]()
            change = None
        stop.asked = n_seen >= n_rows


@pytest.fixture
def write(tmp_path):
    """Write today.csv with 125 ms levels from each of some times on: (seconds since 1970, how many rows)."""

    def write_rows_of(*stretches, seed=0):
        lines = []
        for number, (start_s, n_rows) in enumerate(stretches):
            head, *rows = csv_lines(tmp_path, street_levels(n_rows, seed + number), epochs_s(n_rows, start_s))
            lines += rows
        (tmp_path / "today.csv").write_bytes(head + b"".join(lines))

    return write_rows_of


def seconds(start_s, n_seconds):
    """Return the times and durations of so many whole windows of a second."""
    return [(start_s + k, 1) for k in range(n_seconds)]


@pytest.mark.parametrize("way", ["moved", "emptied"])
def test_a_level_is_in_one_window_where_files_changed_in_its_middle(follow, write, tmp_path, way):
    """Files end with their last window, as they do where they are classified afterwards."""
    growing = tmp_path / "today.csv"
    write((START_S, 28))

    def rotate():
        if way == "moved":
            growing.rename(tmp_path / "yesterday.csv")
        write((START_S + 3.5, 20))

    expected = [*seconds(START_S, 3), (START_S + 3, 0.5), *seconds(START_S + 3.5, 2), (START_S + 5.5, 0.5)]
    assert follow(48, change=(28, rotate)) == expected
    assert follow(20) == expected
    write((START_S + 3.5, 24))
    assert follow(24) == [*expected[:-1], (START_S + 5.5, 1)]


EARLY, LATER = seconds(30, 2), seconds(START_S + 100, 4)


def test_a_clock_that_was_not_set_at_first_takes_no_earlier_row(follow, write):
    """Rows of 1970, then true ones: those of the file before stay, those of this one are there once."""
    write((START_S, 32))
    yesterday = follow(32)
    write((30, 16), (START_S + 100, 32), seed=1)
    assert follow(48) == [*yesterday, *EARLY, *LATER]
    assert follow(48) == [*yesterday, *EARLY, *LATER]
    write((30, 16), (START_S + 200, 32), seed=2)  # the same times of 1970, measured another day
    expected = [*yesterday, *EARLY, *LATER, *EARLY, *seconds(START_S + 200, 4)]
    assert follow(48) == expected
    assert follow(48, Windowing(1, 1, -80)) == expected  # by another offset
    write((START_S + 300, 16))
    assert follow(16) == [*expected, *seconds(START_S + 300, 2)]


def test_other_windows_of_a_file_whose_clock_was_set_are_added(follow, write):
    """Nothing says that they are of the same file."""
    write((30, 16), (START_S + 100, 32))
    assert follow(48) == [*EARLY, *LATER]
    longer = [(30, 2), (START_S + 100, 2), (START_S + 102, 2)]
    assert follow(48, Windowing(2, 2, -88)) == [*EARLY, *LATER, *longer]


def test_other_windows_of_a_file_replace_its_rows(follow, write):
    write((START_S, 32))
    assert follow(32) == seconds(START_S, 4)
    assert follow(32, Windowing(2, 2, -88)) == [(START_S, 2), (START_S + 2, 2)]


def test_a_wrong_offset_replaces_no_row(follow, write, tmp_path):
    write((START_S, 160))
    rows = follow(160)
    with pytest.raises(UsageError, match="louder than full scale"):
        follow(160, Windowing(1, 1, 88))
    table = pyarrow.csv.read_csv(tmp_path / "windows.csv")
    assert table["epoch_s"].to_pylist() == [epoch_s for epoch_s, _ in rows]


def test_each_sensor_of_a_file_is_there_once(follow, tmp_path):
    """One is switched on later, and comes first where all rows are read at once."""
    sent = []
    for sensor, n_rows, start_s in (("north", 48, START_S), ("east", 32, START_S + 2)):
        path = tmp_path / "levels.csv"
        write_csv(path, street_levels(n_rows), epochs_s(n_rows, start_s), extra=[("sensor", sensor)])
        head, *rows = path.read_bytes().splitlines(keepends=True)
        sent.append(rows)
    north, east = sent
    both = [row for pair in zip(north[16:], east, strict=True) for row in pair]
    growing = tmp_path / "today.csv"
    growing.write_bytes(head + b"".join(north[:16]))

    def grow():
        with growing.open("ab") as file:
            file.write(b"".join(both))

    expected = sorted([*seconds(START_S, 6), *seconds(START_S + 2, 4)])
    assert sorted(follow(80, change=(16, grow))) == expected
    assert sorted(follow(80)) == expected

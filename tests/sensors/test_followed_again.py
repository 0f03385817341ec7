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
from tests.helpers.made_levels import START_S, csv_lines, epochs_s, street_levels


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
        n_seen += chunk.count(b",") // 29 - chunk.count(b"epoch")
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

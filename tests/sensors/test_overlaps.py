"""Times that several files of a sensor have: counted once, and said; where that would be guessed, said alone."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet
import pytest

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.inputs import survey_inputs
from spectral_transcoder.sensors.overlaps import Overlaps, find_overlaps
from spectral_transcoder.sensors.readers.options import ReadOptions
from tests.helpers.made_levels import START_S, epochs_s, street_levels, write_csv


def write_rows(path, rows, sensor="square", period_s=0.125, shift_s=0.0):
    """Write rows, by their positions in a long measurement, to a file; without a sensor's name, none is said."""
    rows = np.asarray(rows)
    extra = [("sensor", sensor)] if sensor else []
    return write_csv(
        path, street_levels(rows.max() + 1)[rows], START_S + period_s * rows + shift_s, extra=extra
    )


def read(files, **options):
    """Return the times of all rows that are counted, by sensor, and what is said of times that several files have."""
    inputs, findings = survey_inputs(files, ReadOptions(**options)), Findings()
    times = {}
    for block in inputs.blocks(findings):
        times.setdefault(block.sensor, []).append(block.epoch_s)
    said = [note for note in findings.notes if "counted" in note]
    assert sum(np.concatenate(own).size for own in times.values()) * 0.125 == pytest.approx(
        inputs.duration_s, abs=2
    )
    return {sensor: np.concatenate(own) for sensor, own in times.items()}, said


def test_an_hour_of_a_day_is_counted_once(tmp_path):
    """Whichever comes first, the longer file keeps its rows."""
    hour = write_rows(tmp_path / "a_hour.csv", range(240, 480))
    day = write_rows(tmp_path / "day.csv", range(960))
    times, said = read([hour, day])
    np.testing.assert_array_equal(times["square"], epochs_s(960))  # in their order, and all of the day's
    assert said == [
        f"{hour}: 30 s of sensor square are in {day} too, and counted once: "
        "2020-01-01T00:00:30.000Z to 2020-01-01T00:01:00.000Z"
    ]


def test_what_a_day_lacks_comes_from_the_hour(tmp_path):
    day = write_rows(tmp_path / "day.csv", np.delete(np.arange(960), range(300, 340)))
    hour = write_rows(tmp_path / "hour.csv", range(240, 480))
    times, said = read([day, hour])
    np.testing.assert_array_equal(np.sort(times["square"]), epochs_s(960))
    assert len(said) == 1 and ": 25 s of sensor square are in" in said[0]


def test_rows_without_a_level_are_no_measurement(tmp_path):
    """A day whose microphone was off for a while, and an hour that has the levels of that time."""
    levels, rows = street_levels(960), np.arange(960)
    levels[300:340] = np.nan
    day = write_csv(tmp_path / "day.csv", levels, epochs_s(960), extra=[("sensor", "square")])
    hour = write_rows(tmp_path / "hour.csv", range(240, 480))
    inputs = survey_inputs([day, hour], ReadOptions())
    kept = np.concatenate([block.epoch_s[~np.isnan(block.levels_db[:, 0])] for block in inputs.blocks()])
    np.testing.assert_array_equal(np.sort(kept), epochs_s(960)[rows])
    assert not inputs.overlaps.contained()


def test_what_longer_files_have_together_is_contained(tmp_path):
    files = [
        write_rows(tmp_path / "1.csv", range(480)),
        write_rows(tmp_path / "2.csv", range(480, 960)),
        write_rows(tmp_path / "3.csv", range(400, 600)),
        write_rows(tmp_path / "4.csv", range(900, 961)),
    ]
    inputs = survey_inputs(files, ReadOptions())
    assert inputs.overlaps.contained() == {2: 0}
    assert list(inputs.leave_out_contained().values()) == [files[0]]
    assert [file.path for file in inputs.surveyed] == [files[0], files[1], files[3]]
    assert "3.csv has no row that" in inputs.failed[files[2]]


@pytest.mark.parametrize("seed", range(6))
def test_every_time_of_a_sensor_comes_once_and_none_is_lost(tmp_path, seed):
    """Files of any lengths with any gaps of more than two seconds, against a set of times."""
    rng = np.random.default_rng(seed)
    files, expected = [], {"a": set(), "b": set()}
    for index in range(8):
        start, n_rows = rng.integers(0, 800), rng.integers(60, 700)
        rows = np.arange(start, start + n_rows)
        hole = int(rng.integers(5, n_rows - 30))
        rows = np.delete(rows, range(hole, hole + int(rng.integers(17, 28))))
        sensor = "ab"[index % 2]
        files.append(write_rows(tmp_path / f"{index}.csv", rows, sensor))
        expected[sensor] |= set(rows.tolist())
    times, _ = read(files)
    for sensor, rows in expected.items():
        found = np.round((np.sort(times[sensor]) - START_S) / 0.125).astype(int)
        assert found.tolist() == sorted(rows)


def test_clocks_of_two_exports_may_differ_by_less_than_half_a_row(tmp_path):
    day = write_rows(tmp_path / "day.csv", range(960))
    hour = write_rows(tmp_path / "hour.csv", range(240, 480), shift_s=0.05)
    times, _ = read([day, hour])
    np.testing.assert_array_equal(times["square"], epochs_s(960))


@pytest.mark.parametrize("others", [0, 1, 3])
def test_files_without_a_sensor_are_all_counted_and_said_in_one_line(tmp_path, others):
    files = [
        write_rows(tmp_path / f"{index}.csv", range(10 * index, 480), sensor="")
        for index in range(2 + others)
    ]
    times, said = read(files)
    assert len(times[""]) == sum(480 - 10 * index for index in range(2 + others))
    (line,) = said
    assert (
        "have rows of the same 59 s, and do not name their sensor" in line and "--sensor_from folder" in line
    )
    assert str(files[0]) in line and str(files[1]) in line
    assert ("more file" in line and "some too" in line) == bool(others)
    times, said = read(files, sensor="square")
    np.testing.assert_array_equal(times["square"], epochs_s(480))
    assert len(said) == 1 + others


def test_two_sensors_at_the_same_time_have_nothing_twice(tmp_path):
    files = [write_rows(tmp_path / f"{sensor}.csv", range(480), sensor) for sensor in "ab"]
    times, said = read(files)
    assert len(times["a"]) == len(times["b"]) == 480 and not said


def test_one_row_that_two_days_have_is_left_out_without_a_name_it_is_not_worth_a_line(tmp_path):
    for sensor, n_rows, n_lines in (("square", 960, 1), ("", 961, 0)):
        files = [
            write_rows(tmp_path / f"{sensor}1.csv", range(481), sensor),
            write_rows(tmp_path / f"{sensor}2.csv", range(480, 960), sensor),
        ]
        times, said = read(files)
        assert len(times[sensor]) == n_rows and len(said) == n_lines


def test_a_zone_that_is_assumed_of_one_file_is_doubted(tmp_path):
    """Text without a zone beside epochs: they may be an hour apart."""
    epochs = write_rows(tmp_path / "epochs.csv", range(480))
    text = tmp_path / "text.csv"
    head, *rows = write_rows(text, range(80, 400)).read_text().splitlines()
    stamps = (np.datetime64(0, "ms") + np.round(1000 * epochs_s(400)[80:]).astype("m8[ms]")).astype(str)
    rows = [
        f"{stamp.replace('T', ' ')},{row.partition(',')[2]}" for stamp, row in zip(stamps, rows, strict=True)
    ]
    text.write_text("\n".join([head.replace("epoch", "date"), *rows]))
    times, said = read([epochs, text])
    assert len(times["square"]) == 480 + 320
    assert len(said) == 1 and "rows of the same 40 s of sensor square, if times are in UTC" in said[0]
    times, said = read([epochs, text], timezone="UTC")
    np.testing.assert_array_equal(times["square"], epochs_s(480))
    assert "40 s of sensor square are in" in said[0]


@pytest.mark.shared
def test_what_is_measured_lasts_from_the_first_row_to_the_end_of_the_last(shared):
    """Also of a meter that writes the times of its rows' ends."""
    (file,) = survey_inputs([shared / "sensors/nti_xl2_long_RTA_3rd_Log.txt"], ReadOptions()).surveyed
    times = np.concatenate([block.epoch_s for block in file.blocks(Findings())])
    assert list(file.spans()) == [("", times[0], times[-1] + 1)]


def test_files_without_times_have_none_twice(tmp_path):
    """Each counts from 1970, whenever it was recorded."""
    for index in (0, 1):
        np.save(tmp_path / f"{index}.npy", street_levels(80, index).reshape(10, 8, 29))
    times, said = read([tmp_path / "0.npy", tmp_path / "1.npy"], sensor="square")
    assert len(times["square"]) == 160 and not said


def test_a_year_of_hours_beside_its_days_is_said_in_six_lines():
    """Held are begins and ends, not rows: eight thousand files take a moment."""

    def made(start_s, duration_s):
        known = SimpleNamespace(description=SimpleNamespace(assumed_zone=False))
        return SimpleNamespace(spans=lambda: [("square", start_s, start_s + duration_s)], source=known)

    days = [made(86400.0 * day, 86400.0) for day in range(365)]
    hours = [made(3600.0 * hour, 3600.0) for hour in range(24 * 365)]
    found = list(find_overlaps([*hours, *days]))
    assert len(found) == len(hours) and {overlap.duration_s for overlap in found} == {3600.0}
    assert {overlap.shorter for overlap in found} == set(range(len(hours)))
    assert Overlaps([*hours, *days]).duration_s == 365 * 86400


def test_many_pairs_are_said_in_six_lines(tmp_path):
    day = write_rows(tmp_path / "day.csv", range(960))
    hours = [write_rows(tmp_path / f"{hour}.csv", range(80 * hour, 80 * hour + 80)) for hour in range(8)]
    _, said = read([day, *hours])
    assert len(said) == 6 and said[-1] == "3 more files have 30 s of others, which are counted once too"


def test_the_script_counts_once_and_says_so(call_script, tmp_path):
    day = write_rows(tmp_path / "day.csv", range(960))
    hour = write_rows(tmp_path / "hour.csv", range(240, 480))
    options = ("--offset=-88", "--classifier", "MiniYamNet", "--transcoder", "pinv", "--scores", "classes")
    status, said, _ = call_script("classify_thirdo.py", day, hour, *options, "-o", tmp_path / "out.parquet")
    line = f"{hour}: 30 s of sensor square are in {day} too, and counted once"
    assert not status and line in said
    assert any(line in note for note in json.loads((tmp_path / "out.parquet.json").read_text())["notes"])
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 120 and set(table["file"].to_pylist()) == {str(day)}

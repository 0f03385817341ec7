"""Times of presence by periods, against sums that are done by hand."""

from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from spectral_transcoder.sensors.time_of_presence import PeriodOptions, time_of_presence

START_S = 1577836800.0  # 2020-01-01T00:00:00Z


def rows(epoch_s, present, probability=None, sensor="a", duration_s=1.0):
    n = len(epoch_s)
    columns = {
        "sensor": [sensor] * n,
        "epoch_s": np.asarray(epoch_s, float),
        "duration_s": np.full(n, duration_s),
        "birds_present": np.asarray(present, bool),
    }
    if probability is not None:
        columns["birds_probability"] = np.asarray(probability, np.float32)
    return pa.table(columns)


def test_windows_are_gathered_by_minute_across_tables():
    seconds = START_S + np.arange(90)
    present = np.arange(90) % 3 == 0
    tables = [rows(seconds[:50], present[:50]), rows(seconds[50:], present[50:])]
    found = time_of_presence(tables, PeriodOptions("minute"))
    assert found["measured_s"].tolist() == [60, 30]
    assert found["birds_time"].tolist() == pytest.approx([20 / 60, 10 / 30])


def test_probabilities_come_before_ranks():
    found = time_of_presence(
        [rows(START_S + np.arange(4), [1, 1, 1, 1], [0, 0.5, 0.5, 0])], PeriodOptions("day")
    )
    assert found["birds_time"].tolist() == [0.25]


def test_windows_of_other_lengths_count_by_their_length():
    tables = [rows([START_S], [True], duration_s=3), rows([START_S + 3], [False])]
    assert time_of_presence(tables, PeriodOptions("hour"))["birds_time"].tolist() == [0.75]


def overlapping(n_seconds, present, sensor="a"):
    """Windows of 3 s every 2 s over some seconds, as classifiers of whole spectrograms have them."""
    starts = np.arange(0, n_seconds - 2, 2)
    return rows(START_S + starts, np.broadcast_to(present, len(starts)), sensor=sensor, duration_s=3.0)


def test_seconds_that_two_windows_share_are_measured_once():
    """An hour of windows of 3 s every 2 s, in tables of any size: 60 s a minute, and 3 s of the last window."""
    table = overlapping(3601, True)
    pieces = [table.slice(0, 1), table.slice(1, 700), table.slice(701)]
    for tables in ([table], pieces):
        found = time_of_presence(tables, PeriodOptions("minute"))
        assert found["measured_s"].tolist() == 59 * [60] + [61]
        assert set(found["birds_time"]) == {1.0}


def test_windows_of_two_sensors_do_not_shorten_each_other():
    tables = [overlapping(61, True, "a"), overlapping(61, False, "b")]
    mixed = pa.concat_tables(tables).sort_by("epoch_s")
    found = time_of_presence([mixed.slice(0, 17), mixed.slice(17)], PeriodOptions("hour"))
    assert dict(zip(found["sensor"], found["measured_s"], strict=True)) == {"a": 61, "b": 61}


def test_a_gap_shortens_no_window():
    found = time_of_presence(
        [rows(START_S + np.array([0, 2, 20]), 3 * [True], duration_s=3.0)], PeriodOptions("hour")
    )
    assert found["measured_s"].tolist() == [2 + 3 + 3]


def test_sensors_stay_apart():
    tables = [rows([START_S], [True], sensor="a"), rows([START_S], [False], sensor="b")]
    found = time_of_presence(tables, PeriodOptions("hour"))
    assert dict(zip(found["sensor"], found["birds_time"], strict=True)) == {"a": 1, "b": 0}


def test_days_are_those_of_the_timezone():
    late = START_S + 22.5 * 3600  # 23:30 in Paris on the first, 00:30 on the second an hour later
    options = PeriodOptions("day", ZoneInfo("Europe/Paris"))
    found = time_of_presence([rows([late, late + 3600], [True, False])], options)
    assert [str(day.date()) for day in found["start"]] == ["2020-01-01", "2020-01-02"]


def test_the_hour_that_is_repeated_in_autumn_is_two():
    first = 1603587600.0 - 3600  # 2020-10-25T00:00:00Z is 02:00 in Paris, and 01:00Z is 02:00 again
    options = PeriodOptions("hour", ZoneInfo("Europe/Paris"))
    found = time_of_presence([rows([first, first + 3600], [True, False])], options)
    assert [start.strftime("%H:%M%z") for start in found["start"]] == ["02:00+0200", "02:00+0100"]


def test_hours_of_half_hour_zones_begin_on_the_hour():
    options = PeriodOptions("hour", ZoneInfo("Asia/Kolkata"))
    (start,) = time_of_presence([rows([START_S + 60], [True])], options)["start"]
    assert start.strftime("%H:%M") == "05:00"


def test_no_rows_are_no_periods():
    assert len(time_of_presence([], PeriodOptions("hour"))) == 0

"""Long-term statistics, against closed forms and sums that are done by hand."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spectral_transcoder.sensors.long_term import SensorStatistics, gather_statistics, lden
from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from tests.helpers.made_year import DAY_S, YEAR_S, made_year


def tone_rows(epoch_s, level_db, present=False, sensor="a", duration_s=60.0):
    """Rows of a 1 kHz tone, whose A-weighted level is its level; other bands are missing."""
    n = len(epoch_s)
    columns = {"sensor": [sensor] * n, "epoch_s": np.asarray(epoch_s, float)}
    columns |= {"duration_s": np.full(n, duration_s), "birds_present": np.broadcast_to(present, n)}
    for name in LEVEL_COLUMNS:
        columns[name] = np.full(n, np.nan, np.float32)
    columns["level_1000"] = np.broadcast_to(np.float32(level_db), n)
    return pa.table(columns)


def minutes(n_hours=24, start_h=0.0):
    return YEAR_S + start_h * 3600 + 60.0 * np.arange(60 * n_hours)


def statistics_of(*tables, timezone="UTC"):
    (statistics,) = gather_statistics(tables, ZoneInfo(timezone)).values()
    return statistics


def test_a_steady_level_is_all_levels_and_lden_6_4_db_more():
    """Of a constant level, Lden is L + 10 lg((12 + 4·10^.5 + 8·10)/24)."""
    summary = statistics_of(tone_rows(minutes(), 60.0)).summary()
    assert summary["LAeq"] == pytest.approx(60, abs=1e-4)
    assert [summary[name] for name in ("L10", "L50", "L90")] == pytest.approx([60, 60, 60], abs=0.25)
    assert summary["Lden"] == pytest.approx(60 + 10 * np.log10((12 + 4 * 10**0.5 + 80) / 24), abs=1e-3)
    assert summary["days"] == 1


def test_lden_needs_a_day_an_evening_and_a_night():
    hours = pd.date_range("2024-01-01", periods=24, freq="h")
    table = pd.DataFrame({"measured_s": 3600.0, "power_s": 3600.0 * 1e6}, index=hours)
    assert np.isfinite(lden(table))
    assert np.isnan(lden(table[(hours.hour < 19) | (hours.hour >= 23)]))


def test_mean_powers_are_averaged_not_decibels():
    statistics = statistics_of(tone_rows(minutes(12), 50.0), tone_rows(minutes(12, 12), 70.0))
    assert statistics.summary()["LAeq"] == pytest.approx(10 * np.log10((1e5 + 1e7) / 2), abs=1e-4)
    maps = statistics.weekly()
    assert maps["LAeq"][0, 3] == pytest.approx(50) and maps["LAeq"][0, 15] == pytest.approx(70)
    assert np.isnan(maps["LAeq"][1:]).all()


def test_exceeded_levels_are_percentiles_of_the_windows():
    levels = np.random.default_rng(0).uniform(40, 80, 60 * 24)
    summary = statistics_of(tone_rows(minutes(), levels)).summary()
    expected = np.percentile(levels.astype(np.float32), [90, 50, 10])
    assert [summary[name] for name in ("L10", "L50", "L90")] == pytest.approx(expected, abs=0.5)


def test_days_with_less_than_half_of_their_rows_are_missing():
    rows = [
        tone_rows(minutes(n_hours, 24 * day), 60.0, True) for day, n_hours in enumerate((24, 11, 13, 0, 24))
    ]
    days = statistics_of(*rows).daily()
    assert days["coverage"].tolist() == pytest.approx([1, 11 / 24, 13 / 24, 0, 1])
    assert days["birds_time"].isna().tolist() == [False, True, False, True, False]
    assert np.isnan(days["Lden"].iloc[2])  # no evening, no night after 23 h
    assert statistics_of(*rows).summary()["days"] == 3


def test_windows_far_apart_cover_their_day_too():
    """10 s every 20 minutes are all the rows of such a day."""
    days = statistics_of(made_year("a", n_days=2, every_s=1200)).daily()
    assert days["coverage"].tolist() == pytest.approx([1, 1])


def test_windows_that_overlap_count_once():
    """Two hours of windows of 3 s every 2 s, the second 20 dB louder: an hour each, not an hour and a half."""
    starts = YEAR_S + np.arange(0, 7200, 2.0)
    levels = np.where(starts < YEAR_S + 3600, 50.0, 70.0)
    table = tone_rows(starts, levels, True, duration_s=3.0)
    statistics = statistics_of(table.slice(0, 1001), table.slice(1001, 1), table.slice(1002))
    hourly = statistics.hourly()
    assert hourly["measured_s"].tolist() == [3600, 3601]
    assert hourly["LAeq"].tolist() == pytest.approx([50, 70], abs=1e-4)
    assert hourly["birds_time"].tolist() == [1, 1]
    assert statistics.interval_s == 2
    assert statistics.daily()["coverage"].tolist() == pytest.approx([2 / 24])


def test_hours_weekdays_and_days_are_local():
    sunday_23_utc = YEAR_S - 3600  # midnight of Monday 1 January in Paris
    statistics = statistics_of(tone_rows([sunday_23_utc], 60.0, True), timezone="Europe/Paris")
    assert statistics.weekly()["birds_time"][0, 0] == 1
    assert str(statistics.hours.index[0]) == "2024-01-01 00:00:00+01:00"


def test_days_of_23_and_25_hours_are_whole():
    march = YEAR_S + 89 * DAY_S  # 2024-03-30, UTC; clocks go forward on the 31st in Paris
    rows = tone_rows(march + 60.0 * np.arange(60 * 96), 60.0)
    days = statistics_of(rows, timezone="Europe/Paris").daily()
    assert days["coverage"].iloc[1:3].tolist() == pytest.approx([1, 1])


def test_the_clock_tells_weekends_apart():
    statistics = statistics_of(made_year("a", n_days=14))
    working, weekend = statistics.clock(False), statistics.clock(True)
    assert working["traffic_time"][8] > weekend["traffic_time"][8]
    assert (
        working["birds_time"].idxmax() == weekend["birds_time"].idxmax() == 5
        or working["birds_time"].idxmax() == 4
    )


def test_sensors_and_many_tables_are_gathered_in_order():
    tables = [made_year(name, n_days=3, seed=seed) for name, seed in (("b", 1), ("a", 2))]
    pieces = [table.slice(start, 100) for table in tables for start in range(0, len(table), 100)]
    found = gather_statistics(pieces)
    assert list(found) == ["a", "b"]
    whole = gather_statistics(tables)
    pd.testing.assert_frame_equal(found["b"].hourly(), whole["b"].hourly())


def test_memory_does_not_grow_with_tables():
    statistics = SensorStatistics("a", ("birds",))
    for start in range(300):
        statistics.add(tone_rows(minutes(1, start / 60), 60.0))
    assert len(statistics._hours) <= 65
    assert statistics.hours["rows"].sum() == 300 * 60

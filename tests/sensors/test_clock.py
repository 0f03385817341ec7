"""What is wrong with a clock is decided by the majority of the rows, and said."""

import numpy as np
import pytest

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels, survey_file
from spectral_transcoder.sensors.windows import Windowing, join_batches, window_batches
from spectral_transcoder.utils.errors import LevelsError
from tests.helpers.made_levels import START_S, epochs_s, street_levels, write_cense_hdf5, write_csv


def read(path, **options):
    """Return epochs, sensors of the blocks, and findings."""
    findings = Findings()
    blocks = list(read_levels(path, findings, ReadOptions(**options)))
    return np.concatenate([block.epoch_s for block in blocks]), [block.sensor for block in blocks], findings


def windows_of(path, findings=None, **options):
    findings = findings or Findings()
    surveyed = survey_file(path, ReadOptions(**options))
    windowing = Windowing(1, 1, -88, round(1 / surveyed.frame_s))
    return join_batches(list(window_batches(surveyed.blocks(findings), windowing, findings)))


@pytest.mark.parametrize("period_s", [0.01, 0.0625, 0.1, 0.128, 0.18, 0.25, 1.0])
@pytest.mark.parametrize("unit", [1, 1000])
def test_a_window_of_a_second_lasts_a_second_at_any_period(tmp_path, period_s, unit):
    n_rows = round(20 / period_s)
    times = np.round(START_S + period_s * np.arange(n_rows), 3) * unit
    path = write_csv(tmp_path / "a.csv", street_levels(n_rows), times)
    windows = windows_of(path, findings := Findings())
    assert 19 <= len(windows) <= 20
    np.testing.assert_allclose(np.diff(windows.epoch_s), 1, atol=0.002)
    assert f"every {1000 * period_s:g} ms" in findings.notes[0]


@pytest.mark.parametrize("period_s", [0.001, 2, 60])
def test_other_periods_are_refused_with_what_was_found(tmp_path, period_s):
    path = write_csv(tmp_path / "a.csv", street_levels(100), START_S + period_s * np.arange(100))
    with pytest.raises(
        LevelsError, match=f"follow each other every {period_s:g} s: expected every 10 ms to every"
    ):
        survey_file(path, ReadOptions())


def test_mixed_periods_are_refused(tmp_path):
    steps = np.where(np.arange(400) % 2 < 1, 0.125, 0.4) + 0.03 * np.random.default_rng(0).random(400)
    path = write_csv(tmp_path / "a.csv", street_levels(400), START_S + np.cumsum(steps))
    with pytest.raises(LevelsError, match="rows"):
        survey_file(path, ReadOptions())


@pytest.mark.parametrize("place", [1, 3, 200, 478])
@pytest.mark.parametrize("wrong_s", [4294967295.0, 0.0, 86400.0 * 3])
def test_one_wrong_time_costs_one_row(tmp_path, place, wrong_s):
    epochs = epochs_s(480)
    epochs[place] = wrong_s
    times, _, findings = read(write_csv(tmp_path / "a.csv", street_levels(480), epochs))
    np.testing.assert_allclose(times, np.delete(epochs_s(480), place))
    assert findings.kinds[frame_checks.OUT_OF_LINE].n_rows == 1


def test_a_clock_set_back_by_an_hour_costs_no_row(tmp_path):
    epochs = epochs_s(480)
    epochs[200:] -= 3600
    findings = Findings()
    windows = windows_of(write_csv(tmp_path / "a.csv", street_levels(480), epochs), findings)
    assert windows.n_frames.sum() == 480 and windows.complete.all()
    found = findings.kinds[frame_checks.SET_BACK]
    assert found.n_ranges == 1 and found.n_rows == 0  # none is lost


def test_a_clock_set_back_between_two_blocks_is_reported_too(tmp_path):
    """CENSE's HDF5 has a table for each day, of which the second is an hour early here."""
    days = {("2020_1", "1"): (epochs_s(480), street_levels(480))}
    days[("2020_1", "2")] = (epochs_s(480, START_S - 3600), street_levels(480, 1))
    times, _, findings = read(write_cense_hdf5(tmp_path / "a.h5", days))
    assert len(times) == 960
    assert findings.kinds[frame_checks.SET_BACK].ranges == [
        (str(tmp_path / "a.h5"), START_S - 3600, START_S - 3600)
    ]


def test_rows_that_repeat_the_times_of_more_rows_are_left_out(tmp_path):
    epochs = epochs_s(480)
    epochs[460:] -= 10  # the last 20 rows have times that 20 others have
    times, _, findings = read(write_csv(tmp_path / "a.csv", street_levels(480), epochs))
    assert len(times) == 460 and findings.kinds[frame_checks.REPEATED].n_rows == 20


def test_a_file_with_the_newest_row_first_is_turned_round(tmp_path):
    levels = street_levels(96)
    turned, whole = tmp_path / "turned.csv", tmp_path / "whole.csv"
    write_csv(turned, levels[::-1], epochs_s(96)[::-1])
    write_csv(whole, levels, epochs_s(96))
    findings = Findings()
    np.testing.assert_array_equal(windows_of(turned, findings).seconds_db, windows_of(whole).seconds_db)
    assert "newest row comes first" in "\n".join(findings.notes)


def test_two_series_one_after_the_other_are_kept_apart(tmp_path):
    path = write_csv(tmp_path / "a.csv", street_levels(480), np.tile(epochs_s(240), 2))
    times, sensors, findings = read(path)
    assert sensors == ["", "(2)"] and len(times) == 480
    assert "another series" in "\n".join(findings.notes)


@pytest.mark.parametrize("offset_s", [0.0, 0.05, 0.0625])
def test_two_series_that_take_turns_are_refused(tmp_path, offset_s):
    quiet, loud = street_levels(240, 0), street_levels(240, 1) + 12
    levels = np.stack([quiet, loud], 1).reshape(480, 29)
    epochs = np.stack([epochs_s(240), epochs_s(240) + offset_s], 1).ravel()
    path = write_csv(tmp_path / "a.csv", levels, epochs)
    with pytest.raises(LevelsError, match="sensor"):
        survey_file(path, ReadOptions())


def test_two_series_of_the_same_levels_that_take_turns_are_refused_by_their_steps(tmp_path):
    epochs = np.stack([epochs_s(240), epochs_s(240) + 0.04], 1).ravel()
    path = write_csv(tmp_path / "a.csv", street_levels(480), epochs)
    with pytest.raises(LevelsError, match="take turns"):
        survey_file(path, ReadOptions())


@pytest.mark.parametrize("offsets_s", [(0, 0.02, 0.07), (0, 0.01, 0.03, 0.08)])
def test_more_series_of_the_same_levels_that_take_turns_are_refused_by_their_steps(tmp_path, offsets_s):
    epochs = (epochs_s(240)[:, None] + np.array(offsets_s)).ravel()
    path = write_csv(tmp_path / "a.csv", street_levels(len(epochs)), epochs)
    with pytest.raises(LevelsError, match=f"{len(offsets_s)} series that take turns"):
        survey_file(path, ReadOptions())


def test_rows_that_are_missing_again_and_again_are_no_series_that_take_turns(tmp_path):
    kept = np.arange(480) % 5 < 3  # steps of 125, 125 and 375 ms
    path = write_csv(tmp_path / "a.csv", street_levels(480)[kept], epochs_s(480)[kept])
    assert survey_file(path, ReadOptions()).frame_s == 0.125


@pytest.mark.parametrize("offset_s", [0.0, 0.03])
def test_series_that_take_turns_block_by_block_are_refused(tmp_path, offset_s):
    """As two sensors that send a minute at a time do."""
    blocks = epochs_s(400).reshape(10, 40)
    epochs = np.stack([blocks, blocks + offset_s], 1).ravel()
    path = write_csv(tmp_path / "a.csv", street_levels(800), epochs)
    with pytest.raises(LevelsError, match="of 800 rows repeat the times of others, in 10 places"):
        survey_file(path, ReadOptions())


def test_a_clock_that_was_not_set_at_first_costs_these_rows(tmp_path):
    epochs = np.concatenate([0.125 * np.arange(40), epochs_s(440)])
    times, _, findings = read(write_csv(tmp_path / "a.csv", street_levels(480), epochs))
    assert len(times) == 440 and findings.kinds[frame_checks.OUT_OF_LINE].n_rows == 40
    assert len(read(write_csv(tmp_path / "b.csv", street_levels(40), epochs[:40]))[0]) == 40


def test_rows_within_a_gap_of_others_repeat_no_time(tmp_path):
    """The clock is an hour ahead for five seconds; the rows behind are neither dropped nor another series."""
    epochs = epochs_s(480)
    epochs[400:440] += 3600
    times, sensors, findings = read(write_csv(tmp_path / "a.csv", street_levels(480), epochs))
    assert len(times) == 480 and set(sensors) == {""}
    assert findings.kinds[frame_checks.SET_BACK].n_ranges == 1


def test_another_series_is_said_to_begin_at_its_row(tmp_path):
    epochs = np.concatenate([epochs_s(240), epochs_s(240)])
    findings = read(write_csv(tmp_path / "a.csv", street_levels(480), epochs))[2]
    assert "from row 241 on times are repeated" in "\n".join(findings.notes)


def test_a_period_that_contradicts_the_times_is_refused(tmp_path):
    path = write_csv(tmp_path / "a.csv", street_levels(96), epochs_s(96))
    with pytest.raises(LevelsError, match=r"every 0.125 s, but --period says 0.1 s"):
        survey_file(path, ReadOptions(period_s=0.1))
    assert survey_file(path, ReadOptions(period_s=0.125)).frame_s == 0.125


def test_arrays_take_the_period_that_is_given(tmp_path):
    np.save(tmp_path / "a.npy", street_levels(20))
    assert survey_file(tmp_path / "a.npy", ReadOptions(period_s=1.0)).frame_s == 1
    assert len(windows_of(tmp_path / "a.npy", period_s=1.0)) == 20
    assert "(assumed: see --period)" in survey_file(tmp_path / "a.npy", ReadOptions()).notes[0]
    assert "assumed" not in survey_file(tmp_path / "a.npy", ReadOptions(period_s=0.125)).notes[0]


@pytest.mark.parametrize("rows", [slice(200, None), slice(0, 250), slice(0, 150)])
def test_seconds_and_milliseconds_in_one_file_are_said_to_be_so(tmp_path, rows):
    epochs = epochs_s(400)
    epochs[rows] *= 1000
    path = write_csv(tmp_path / "a.csv", street_levels(400), epochs)
    with pytest.raises(LevelsError, match="in seconds in some rows and in milliseconds in others"):
        survey_file(path, ReadOptions())


def test_the_median_is_not_fooled_by_gaps_and_jitter(tmp_path):
    rng = np.random.default_rng(0)
    kept = np.sort(rng.choice(4000, 3000, replace=False))
    epochs = (epochs_s(4000) + rng.uniform(-0.02, 0.02, 4000))[kept]
    path = write_csv(tmp_path / "a.csv", street_levels(4000)[kept], epochs)
    assert survey_file(path, ReadOptions()).clocks[""].period_s == 0.125

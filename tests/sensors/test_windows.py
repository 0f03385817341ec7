"""Windows, gaps, and levels that cannot be."""

import numpy as np
import pytest

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import SILENCE_DBFS, LevelBlock
from spectral_transcoder.sensors.windows import Windowing, join_batches, window_batches
from spectral_transcoder.utils.errors import LevelsError, UsageError
from tests.helpers.made_levels import START_S, epochs_s, street_levels

ALL = np.ones(29, bool)


def cut(levels, epochs, window_s=1, hop_s=None, block=37, findings=None, offset_db=-88):
    """Return the windows of levels that arrive `block` frames at a time."""
    blocks = (
        LevelBlock("s", "f", epochs[i : i + block], levels[i : i + block], ALL)
        for i in range(0, len(levels), block)
    )
    windowing = Windowing(window_s, hop_s or window_s, offset_db)
    batches = list(window_batches(blocks, windowing, findings or Findings()))
    return join_batches(batches)


@pytest.mark.parametrize(("window_s", "hop_s"), [(1, 1), (10, 10), (10, 3), (2, 7)])
@pytest.mark.parametrize("n_frames", [1, 7, 8, 80, 403])
def test_windows_hold_the_frames_of_their_time(window_s, hop_s, n_frames):
    levels = street_levels(n_frames)
    windows = cut(levels, epochs_s(n_frames), window_s, hop_s)
    covered = np.zeros(n_frames, bool)
    for i in range(len(windows)):
        first = round((windows.epoch_s[i] - START_S) / 0.125)
        assert first == i * hop_s * 8
        own = windows.seconds_db[windows.first_second[i] :][: windows.n_seconds[i]].reshape(-1, 29)
        n = windows.n_frames[i]
        np.testing.assert_array_equal(own[:n], levels[first : first + n] - np.float32(88))
        assert (own[n:] == SILENCE_DBFS).all()
        assert windows.complete[i] == (n == window_s * 8)
        covered[first : first + n] = True
    assert windows.complete[:-1].all()
    expected = np.arange(n_frames) % (hop_s * 8) < window_s * 8
    assert (covered >= expected).all() and (hop_s <= window_s or (covered == expected).all())


def test_blocks_of_any_size_give_the_same_windows():
    levels = street_levels(500)
    once = cut(levels, epochs_s(500), 5, 2, block=500)
    pieces = cut(levels, epochs_s(500), 5, 2, block=9)
    np.testing.assert_array_equal(once.epoch_s, pieces.epoch_s)
    np.testing.assert_allclose(once.mean_levels_db, pieces.mean_levels_db, atol=1e-5)


def test_no_window_straddles_a_gap():
    epochs = np.delete(epochs_s(100), np.arange(30, 50))
    findings = Findings()
    windows = cut(np.delete(street_levels(100), np.arange(30, 50), axis=0), epochs, findings=findings)
    starts = (windows.epoch_s - START_S) / 0.125
    np.testing.assert_allclose(starts, [0, 8, 16, 24, 50, 58, 66, 74, 82, 90, 98])
    np.testing.assert_array_equal(np.flatnonzero(~windows.complete), [3, 10])
    gap = findings.kinds[frame_checks.GAP].ranges[0]
    assert gap[1:] == (START_S + 30 * 0.125, START_S + 50 * 0.125)


def test_clock_jitter_is_no_gap():
    epochs = epochs_s(80) + np.random.default_rng(0).uniform(-0.02, 0.02, 80)
    assert len(cut(street_levels(80), epochs)) == 10


@pytest.mark.parametrize("block", [40, 80], ids=["between blocks", "within a block"])
@pytest.mark.parametrize(("step_frames", "is_gap"), [(1.4, False), (1.6, True), (2.0, True)])
def test_a_step_of_more_than_one_and_a_half_frames_is_a_gap(block, step_frames, is_gap):
    epochs, findings = epochs_s(80), Findings()
    epochs[40:] += (step_frames - 1) * 0.125
    windows = cut(street_levels(80), epochs, 10, block=block, findings=findings)
    assert (frame_checks.GAP in findings.kinds) == is_gap
    np.testing.assert_array_equal(windows.n_frames, [40, 40] if is_gap else [80])


@pytest.mark.parametrize(
    ("kind", "value"),
    [(frame_checks.NOT_A_NUMBER, np.nan), (frame_checks.NOT_A_NUMBER, np.inf), (frame_checks.TOO_LOUD, 201)],
)
def test_levels_that_cannot_be_are_left_out_and_reported_by_time(kind, value):
    levels, findings = street_levels(80), Findings()
    levels[20:24, 5] = value
    windows = cut(levels, epochs_s(80), findings=findings, block=22)
    assert windows.n_frames.sum() == 76
    assert findings.kinds[kind].ranges == [("f", START_S + 20 / 8, START_S + 23 / 8)]
    assert findings.kinds[kind].n_rows == 4


def test_minus_infinity_is_silence():
    levels = street_levels(80)
    levels[::10, 28] = -np.inf
    windows = cut(levels, epochs_s(80))
    assert windows.complete.all() and len(windows) == 10
    assert windows.seconds_db[0, 0, 28] == SILENCE_DBFS and windows.seconds_db[0, 1, 28] > -100


@pytest.mark.parametrize("block", [7, 33, 80])
def test_constant_levels_are_reported_across_blocks(block):
    levels, findings = street_levels(80), Findings()
    levels[30:50] = levels[30]
    windows = cut(levels, epochs_s(80), findings=findings, block=block)
    assert windows.n_frames.sum() == 80
    assert findings.kinds[frame_checks.CONSTANT].ranges == [("f", START_S + 30 / 8, START_S + 49 / 8)]
    assert findings.kinds[frame_checks.CONSTANT].n_rows == 20


def test_rows_out_of_order_are_left_out_and_reported():
    epochs, findings = epochs_s(80), Findings()
    epochs[40:44] = epochs[30:34]
    windows = cut(street_levels(80), epochs, findings=findings)
    assert windows.n_frames.sum() == 76
    assert findings.kinds[frame_checks.NOT_LATER].n_rows == 4
    with pytest.raises(LevelsError, match="out of order"):
        cut(street_levels(200), epochs_s(200)[::-1], block=200)


def test_findings_are_bounded():
    epochs, findings = epochs_s(20000), Findings()
    levels = street_levels(20000)
    levels[::3, 0] = np.nan
    cut(levels, epochs, findings=findings, block=8192)
    found = findings.kinds[frame_checks.NOT_A_NUMBER]
    assert found.n_rows == found.n_ranges == 6667 and len(found.ranges) == frame_checks.KEPT_RANGES
    assert all(len(line) < 1000 for line in findings.lines())


def test_windows_are_whole_seconds():
    with pytest.raises(UsageError, match=r"hop_s=0\.5"):
        Windowing(1, 0.5)

"""What each task of a city classifies: small files together, large ones cut in time."""

import numpy as np
import pytest

from spectral_transcoder.sensors.inputs import survey_inputs
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.slurm.city_tasks import plan_tasks, shared_by_tasks
from tests.helpers.made_city import START_S
from tests.helpers.made_levels import epochs_s, street_levels, write_csv


@pytest.fixture
def inputs(levels):
    return survey_inputs(sorted(levels.glob("*.csv")), ReadOptions())


def test_small_files_share_a_task_and_large_ones_are_cut(inputs):
    tasks = plan_tasks(inputs, 8 / 60)
    shared, *cut = sorted(tasks, key=lambda task: -len(task.files))
    assert [len(task.files) for task in tasks].count(2) == 1 and shared.between_s is None
    (begin, middle), (other_middle, end) = [task.between_s for task in cut]
    assert middle == other_middle == START_S + 480  # rows that are added later are some task's, too
    assert begin < START_S and end > START_S + 1e9
    assert sum(task.hours for task in tasks) == pytest.approx(24 / 60, abs=0.01)


def test_no_task_of_a_cut_file_is_without_rows(tmp_path):
    """Three minutes, nothing for a month, and three minutes more."""
    n_frames = 480 * 6
    epochs = epochs_s(n_frames, START_S)
    epochs[n_frames // 2 :] += 30 * 86400
    path = write_csv(tmp_path / "gap.csv", street_levels(n_frames), epochs)
    inputs = survey_inputs([path], ReadOptions())
    tasks = plan_tasks(inputs, 2 / 60)
    assert len(tasks) == 3
    n_rows = []
    for task in tasks:
        inputs.between_s = task.between_s
        n_rows.append(sum(len(block) for block in inputs.blocks()))
    assert n_rows == [n_frames // 3] * 3


def test_rows_between_times_are_all_rows_once(inputs):
    whole = np.concatenate([block.epoch_s for block in inputs.blocks() if block.sensor == "c"])
    pieces = []
    for begin in (START_S, START_S + 480):
        inputs.between_s = (begin, begin + 480)
        pieces += [block.epoch_s for block in inputs.blocks() if block.sensor == "c"]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize(("hours", "n_lines"), [(24, 0), (0.25, 1)])
def test_what_tasks_count_twice_is_said(levels, hours, n_lines):
    """Four of c's sixteen minutes in a file of their own; one task for both of them leaves out what is there twice."""
    part = write_csv(
        levels / "c_part.csv", street_levels(1920), epochs_s(1920, START_S + 240), extra=[("sensor", "c")]
    )
    inputs = survey_inputs(sorted(levels.glob("c*.csv")), ReadOptions())
    said = shared_by_tasks(inputs.overlaps, plan_tasks(inputs, hours))
    assert said == n_lines * [
        f"{part}: 240 s of sensor c are in {levels / 'c.csv'} too, which another task has: both are counted, "
        "leave one out"
    ]

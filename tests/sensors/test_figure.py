"""What the picture of a sensor shows: means over the windows of each of its columns."""

import numpy as np
import pyarrow as pa
import pytest

from spectral_transcoder.sensors.figure import Cells, Span
from spectral_transcoder.sensors.results import LEVEL_COLUMNS, RANKS


def windows(levels_db, labels, present):
    """Return windows of a second, one after the other, with the same label and score in all ranks."""
    n_windows = len(levels_db)
    columns = {"epoch_s": np.arange(n_windows, dtype=float), "duration_s": np.ones(n_windows)}
    columns |= {name: np.asarray(levels_db, dtype=np.float32) for name in LEVEL_COLUMNS}
    for rank in RANKS:
        columns |= {f"{rank}_label": labels, f"{rank}_score": np.full(n_windows, 0.25 / len(RANKS))}
    return pa.table(columns | {"birds_present": present})


def test_columns_hold_energy_means_scores_and_shares():
    table = windows([60.0, 70.0, 50.0, 50.0], ["Car", "Bird", "Bird", "Bird"], [True, False, True, True])
    span = Span()
    span.add(table)
    assert (span.start_s, span.end_s, span.longest_s) == (0, 4, 1)
    span.longest_s = 2.0  # a column of the picture for two windows
    cells = Cells(span, ["birds"])
    cells.add(table)
    levels_db, scores, shares = cells.means()
    assert cells.labels == ["Bird", "Car"]
    expected = 10 * np.log10((10**6 + 10**7) / 2)
    assert levels_db[:, 0] == pytest.approx([expected, 50], abs=1e-4)
    np.testing.assert_allclose(scores, [[0.125, 0.125], [0.25, 0]])
    np.testing.assert_allclose(shares[:, 0], [0.5, 1])


def test_a_column_without_windows_is_empty():
    table = windows([60.0, 60.0], ["Car", "Car"], [True, True])
    span = Span()
    span.add(table)
    span.end_s = 4.0
    cells = Cells(span, ["birds"])
    cells.add(table)
    assert [np.isnan(part[2:]).all() for part in cells.means()] == [True] * 3

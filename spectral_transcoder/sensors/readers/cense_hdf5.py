"""CENSE's HDF5: `/{YYYY_M}/{D}/fast_125ms`, rows of epoch, 29 bands, leq, laeq (docs/method.md, section 11)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import N_BANDS
from spectral_transcoder.sensors.readers.columns import find_bands
from spectral_transcoder.sensors.readers.description import EPOCH_UNITS, Description, Rows
from spectral_transcoder.sensors.readers.hdf5 import open_hdf5
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.times import epoch_unit
from spectral_transcoder.utils.errors import LevelsError

DATASET = "fast_125ms"
N_COLUMNS = 1 + N_BANDS + 2  # epoch, bands, leq, laeq
PLAIN_COLUMNS = {band: 1 + band for band in range(N_BANDS)}
ROWS_PER_BLOCK = 4096


@dataclass(frozen=True)
class CenseHdf5:
    """An opened HDF5 of CENSE.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        Its days in the order of the calendar.
    n_rows : int
        Rows of all days.
    description : Description
        What was understood of it.
    """

    path: Path
    names: tuple[str, ...]
    n_rows: int
    description: Description = field(default_factory=lambda: Description("CENSE HDF5"))

    def rows(self, findings: Findings) -> Iterator[Rows]:
        """Give the rows of all days; days are allocated whole, and rows that were never filled are passed over."""
        unit = None
        with open_hdf5(self.path) as file:
            for name in self.names:
                table = file[name]
                fields = table.dtype.names
                epoch, bands = (find_fields(fields, self.path, name)) if fields else (0, PLAIN_COLUMNS)
                for start in range(0, len(table), ROWS_PER_BLOCK):
                    rows = table[start : start + ROWS_PER_BLOCK]
                    epochs, levels = split_columns(rows, epoch, bands)
                    written = np.isfinite(epochs) & (epochs > 0)
                    if not written.any():
                        continue
                    if unit is None:
                        unit = epoch_unit(epochs[written])
                        findings.note(f"{self.path}: epochs are in {EPOCH_UNITS[unit]}")
                    yield Rows("", epochs[written] * unit, levels[written])


def recognise(path: Path, datasets: Mapping[str, h5py.Dataset], options: ReadOptions) -> CenseHdf5 | None:
    """Return an HDF5 of CENSE, opened; None where datasets have another layout."""
    tables = {name: data for name, data in datasets.items() if name.split("/")[-1] == DATASET}
    if not tables or not all(is_cense(table) for table in tables.values()):
        return None
    names = sorted(tables, key=calendar_order)
    fields = tables[names[0]].dtype.names
    present, weighting = np.ones(N_BANDS, bool), "Z"
    if fields:
        _, bands = find_fields(fields, path, names[0])
        present = np.isin(np.arange(N_BANDS), list(bands))
    description = Description(
        "CENSE HDF5", present, weighting=options.weighting or weighting, period_s=options.period_s
    )
    n_rows = sum(len(table) for table in tables.values())
    return CenseHdf5(path, tuple(names), n_rows, description)


def find_fields(fields: Sequence[str], path: Path, name: str) -> tuple[int, dict[int, int]]:
    """Return the positions of epoch and bands among named fields; raise LevelsError where there is no epoch."""
    lower = [field.lower() for field in fields]
    if "epoch" not in lower:
        raise LevelsError(
            f"{path}/{name} has the fields {', '.join(fields[:8])} …: expected one called epoch"
        )
    return lower.index("epoch"), find_bands(fields, f"{path}/{name}").columns


def split_columns(
    rows: NDArray, epoch: int, bands: Mapping[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return epochs (n,) and levels (n, 29) of rows of plain columns or of named fields."""
    if rows.dtype.names:
        rows = np.stack([rows[name].astype(float) for name in rows.dtype.names], axis=1)
    levels = np.full((len(rows), N_BANDS), np.nan, np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which no level is
        levels[:, list(bands)] = rows[:, list(bands.values())]
    return rows[:, epoch].astype(float), levels


def calendar_order(name: str) -> list[int]:
    """Return (year, month, day) of /2020_11/3/fast_125ms, which text would sort before /2020_2/…."""
    return [int(number) for number in re.findall(r"\d+", name.removesuffix(DATASET))]


def is_cense(table: h5py.Dataset) -> bool:
    """Whether a dataset has CENSE's rows, as plain columns or as named fields."""
    if table.dtype.names is not None:
        return table.ndim == 1
    return table.ndim == 2 and table.shape[1] == N_COLUMNS and table.dtype.kind in "fiu"

"""Levels stored as arrays: CENSE HDF5, fast-to-ears h5 and npy (SPEC section 11)."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from spectral_transcoder.sensors.levels import N_BANDS, Columns, find_columns
from spectral_transcoder.utils.errors import LevelsError

DATASET = "fast_125ms"
CENSE = Columns(epoch=0, sensor=None, bands={band: 1 + band for band in range(N_BANDS)})
CENSE_COLUMNS = 1 + N_BANDS + 2  # epoch, bands, leq, laeq
ALL_BANDS = np.ones(N_BANDS, bool)


@dataclass(frozen=True)
class ArrayFile:
    """An opened file of arrays; see `formats.open_levels`."""

    path: Path
    kind: str
    n_rows: int
    timed: bool
    rows: Callable
    present: np.ndarray


def open_npy(path, rows_per_block):
    """Open a fast-to-ears npy: (chunks, frames, 29), or (frames, 29), one chunk after the other."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise LevelsError(f"{path} is a damaged or truncated npy file: {error}") from error
    if not is_chunks(array.shape, array.dtype):
        raise LevelsError(f"{path} holds {describe(array)}: expected (chunks, frames, {N_BANDS}) numbers")
    frames = array.reshape(-1, N_BANDS)

    def rows(findings):
        for start in range(0, len(frames), rows_per_block):
            yield "", None, np.array(frames[start : start + rows_per_block], dtype=np.float32)

    return ArrayFile(path, "fast-to-ears npy", len(frames), False, rows, ALL_BANDS)


def open_hdf5(path, rows_per_block):
    """Open a CENSE HDF5, /{YYYY_M}/{D}/fast_125ms, or a fast-to-ears h5, fast_125ms (chunks, frames, 29)."""
    with damage_told(path), h5py.File(path) as file:
        datasets = find_datasets(file)
        shown = ", ".join(f"{name}: {describe(data)}" for name, data in list(datasets.items())[:3])
        tables = {name: data for name, data in datasets.items() if name.split("/")[-1] == DATASET}
        names = sorted(tables, key=calendar_order)
        n_rows = sum(len(table) for table in tables.values())
        if len(names) == 1 and is_chunks(tables[names[0]].shape, tables[names[0]].dtype):
            n_rows = tables[names[0]].size // N_BANDS
            rows = partial(read_chunks, path, names[0], rows_per_block)
            return ArrayFile(path, "fast-to-ears h5", n_rows, False, rows, ALL_BANDS)
        if names and all(is_cense(table) for table in tables.values()):
            fields = tables[names[0]].dtype.names
            present = find_columns(fields, f"{path}/{names[0]}").present if fields else ALL_BANDS
            rows = partial(read_days, path, names, rows_per_block)
            return ArrayFile(path, "CENSE HDF5", n_rows, True, rows, present)
    raise LevelsError(
        f"{path} is HDF5 and holds {shown or 'no dataset'}: expected /YEAR_MONTH/DAY/{DATASET} with rows of epoch, "
        f"{N_BANDS} bands, leq and laeq (CENSE), or {DATASET} of (chunks, frames, {N_BANDS}) (fast-to-ears)"
    )


def find_datasets(file):
    """Return {name: dataset} of everything in an HDF5 file."""
    datasets = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    file.visititems(visit)
    return datasets


def calendar_order(name):
    """Return (year, month, day) of /2020_11/3/fast_125ms, which text would sort before /2020_2/…."""
    return [int(number) for number in re.findall(r"\d+", name.removesuffix(DATASET))]


def is_chunks(shape, dtype):
    """Whether an array is (…, frames, 29) numbers, at least one frame."""
    return len(shape) in (2, 3) and shape[-1] == N_BANDS and 0 not in shape and dtype.kind in "fiu"


def is_cense(table):
    """Whether a dataset has CENSE's rows, as plain columns or as named fields."""
    return table.dtype.names is not None or (table.ndim == 2 and table.shape[1] == CENSE_COLUMNS)


def describe(array):
    """Return shape and type of an array in words."""
    return f"{tuple(array.shape)} of {array.dtype if array.dtype.names is None else 'named fields'}"


@contextlib.contextmanager
def damage_told(path):
    """Turn what h5py raises on damaged files into a LevelsError."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        raise LevelsError(f"{path} is a damaged or truncated HDF5 file: {error}") from error


def read_chunks(path, name, rows_per_block, findings):
    """Give the rows of a fast-to-ears dataset, whole chunks at a time."""
    with damage_told(path), h5py.File(path) as file:
        chunks = file[name]
        frames = 1 if chunks.ndim == 2 else chunks.shape[1]
        step = max(1, rows_per_block // frames)
        for start in range(0, len(chunks), step):
            yield "", None, chunks[start : start + step].reshape(-1, N_BANDS).astype(np.float32)


def read_days(path, names, rows_per_block, findings):
    """Give the rows of CENSE days in the order of the calendar."""
    with damage_told(path), h5py.File(path) as file:
        for name in names:
            table = file[name]
            columns = find_columns(table.dtype.names, f"{path}/{name}") if table.dtype.names else CENSE
            for start in range(0, len(table), rows_per_block):
                rows = table[start : start + rows_per_block]
                rows = np.stack([rows[field] for field in rows.dtype.names], 1) if rows.dtype.names else rows
                levels = np.full((len(rows), N_BANDS), np.nan, np.float32)
                levels[:, list(columns.bands)] = rows[:, list(columns.bands.values())]
                epochs = rows[:, columns.epoch].astype(float)
                written = np.isfinite(epochs) & (
                    epochs > 0
                )  # days are allocated whole, filled where measured
                if written.any():
                    yield "", epochs[written], levels[written]

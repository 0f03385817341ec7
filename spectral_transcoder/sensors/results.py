"""Results that survive a kill: finished parts in a folder, joined to one file at the end.

    day.parquet.parts/  record.json, 000000.arrow, 000001.arrow, …   ──join──▶  day.parquet, day.parquet.json

A part is some thousand seconds, written atomically; a run that finds parts made from the same inputs and
options goes on after the last one. Reading is cheap and starts from the beginning, so a resumed run cuts the
same parts.
"""

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from spectral_transcoder.sensors.classify import RANKS, ScoredWindows
from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.records import intact_record, parts_folder, record_path, write_json
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path

LEVEL_COLUMNS = [f"level_{name}" for name in NOMINAL_HZ]
ROWS_PER_GROUP = 8192


def to_table(scored: ScoredWindows, offset_db: float, keep_scores: bool) -> pa.Table:
    """Return windows as an Arrow table: times, presence, three first labels, levels, and all label scores.

    Levels are in the sensor's own dB again, null where a band is missing.
    """
    windows, top = scored.windows, scored.top(len(RANKS))
    columns = {
        "sensor": windows.sensor,
        "file": windows.file,
        "start_utc": np.char.add(np.datetime_as_string(scored.utc, unit="ms"), "Z"),
        "epoch_s": windows.epoch_s,
        "duration_s": windows.duration_s,
        "complete": windows.complete,
    }
    for index, name in enumerate(scored.presence.classes):
        columns[f"{name}_score"] = scored.presence.scores[:, index]
        columns[f"{name}_present"] = scored.presence.present[:, index]
        if name in scored.probability:
            columns[f"{name}_probability"] = scored.probability[name].astype(np.float32)
    for index, rank in enumerate(RANKS):
        columns[f"{rank}_label"] = np.array(scored.labels)[top[:, index]]
        columns[f"{rank}_score"] = np.take_along_axis(scored.scores, top[:, index, None], 1)[:, 0]
    levels = pa.array((windows.mean_levels_db - np.float32(offset_db)).ravel(), from_pandas=True)
    for index, name in enumerate(LEVEL_COLUMNS):
        columns[name] = levels[index :: len(LEVEL_COLUMNS)]
    if keep_scores:
        columns |= dict(zip(scored.labels, scored.scores.T, strict=True))
    return pa.table({name: pa.array(values) for name, values in columns.items()})


class Parts:
    """The finished parts of an output.

    Parameters
    ----------
    output : Path
        The file that they become.
    record : dict
        Inputs and options, plain values; parts of another record are refused.

    Raises
    ------
    UsageError
        There are parts of another record.
    """

    def __init__(self, output: Path, record: dict[str, Any]) -> None:
        self.output = output
        self.folder = parts_folder(output)
        self.record = json.loads(json.dumps(record))
        self.done = next(index for index in itertools.count() if not self._path(index).is_file())
        if self.done and json.loads((self.folder / "record.json").read_text(encoding="utf-8")) != self.record:
            raise UsageError(
                f"{self.folder} holds parts made from other files or options: delete it, or choose another output"
            )

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.arrow"

    def add(self, index: int, table: pa.Table) -> None:
        """Write part number `index`, atomically; before the first, what all of them are made from."""
        if index == 0:
            write_json(self.folder / "record.json", self.record)
        with (
            atomic_path(self._path(index)) as temporary,
            temporary.open("wb") as file,  # Arrow itself opens no path that is no text
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)
        self.done = index + 1

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Give the parts in order, one after the other, all columns or some."""
        for index in range(self.done):
            with self._path(index).open("rb") as file:
                table = pa.ipc.open_file(file).read_all()
            yield table if columns is None else table.select(columns)

    def join(self) -> None:
        """Write the output from the parts, atomically; memory holds some of them at a time."""
        write = {".csv": write_csv, ".parquet": write_parquet}.get(self.output.suffix.lower(), write_hdf5)
        with atomic_path(self.output) as temporary:
            write(temporary, self.tables())

    def close(self, summary: dict[str, Any]) -> None:
        """Write the record beside the output, which says that it is whole, and remove the parts."""
        n_bytes = self.output.stat().st_size
        write_json(record_path(self.output), {"made_from": self.record, "n_bytes": n_bytes, **summary})
        shutil.rmtree(self.folder)


def is_whole(output: Path, record: dict[str, Any]) -> bool:
    """Whether an output is there already, as it was written, made from the same inputs and options."""
    written = intact_record(output)
    return written is not None and written["made_from"] == json.loads(json.dumps(record))


def provenance(paths: Iterable[str | Path]) -> list[list[str | int]]:
    """Return path, size and time of change of each file: whether it is still the same."""
    files = [Path(path) for path in paths]
    return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def write_csv(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables under one header."""
    first = next(tables)
    with path.open("wb") as file, pa.csv.CSVWriter(file, first.schema) as writer:
        for table in itertools.chain([first], tables):
            writer.write_table(table)


def write_parquet(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables in row groups of equal size, so that few columns of a long file are read fast."""
    first = next(tables)
    with (
        path.open("wb") as file,
        pa.parquet.ParquetWriter(file, first.schema, compression="zstd") as writer,
    ):
        waiting = []
        for table in itertools.chain([first], tables):
            waiting.append(table)
            if sum(map(len, waiting)) >= ROWS_PER_GROUP:
                writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)


def write_hdf5(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write one chunked dataset per column; label scores and levels are matrices with their names as attribute."""
    # the temporary file is locked by `atomic_path` already, and HDF5's own lock would find it held
    with h5py.File(path, "w", locking=False) as file:
        for table in tables:
            for name, values in hdf5_columns(table).items():
                if name not in file:
                    shape = (0, *values.shape[1:])
                    dtype = h5py.string_dtype() if values.dtype == object else values.dtype
                    file.create_dataset(
                        name,
                        shape,
                        dtype,
                        maxshape=(None, *shape[1:]),
                        chunks=(1024, *shape[1:]),
                        compression=1,
                    )
                dataset = file[name]
                dataset.resize(len(dataset) + len(values), axis=0)
                dataset[len(dataset) - len(values) :] = values
        for name, names in matrices(table.column_names).items():
            file[name].attrs["columns"] = names


def hdf5_columns(table: pa.Table) -> dict[str, NDArray]:
    """Return {dataset: values (n,) or (n, columns)} of a table."""
    grouped = matrices(table.column_names)
    inside = {column for columns in grouped.values() for column in columns}
    values = {name: table[name].to_numpy() for name in table.column_names if name not in inside}
    for name, columns in grouped.items():
        values[name] = np.stack([table[column].to_numpy() for column in columns], axis=1)
    return values


def matrices(names: list[str]) -> dict[str, list[str]]:
    """Return {dataset: its columns}: levels, and label scores, which are all that follows them."""
    end = names.index(LEVEL_COLUMNS[-1]) + 1
    labels = {"label_scores": names[end:]} if names[end:] else {}
    return {"levels_db": LEVEL_COLUMNS} | labels

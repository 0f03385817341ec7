"""Reading back the rows that classify_thirdo.py wrote, whatever their format, in bounded memory."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import h5py
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from spectral_transcoder.sensors.records import PARTS, SUFFIXES, is_table_of_periods
from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from spectral_transcoder.utils.errors import LevelsError, MissingFileError
from spectral_transcoder.utils.folders import files_below

ROWS_PER_TABLE = 65536
BLOCK_BYTES = 1 << 24
NEEDED = ("sensor", "epoch_s", "duration_s", LEVEL_COLUMNS[0])
DAMAGED = (
    ValueError,
    OSError,
    KeyError,
)  # what readers answer; errors of pyarrow and of text are ValueErrors


def find_results(places: Sequence[Path]) -> list[Path]:
    """Return the files that may hold rows of windows: those given, and all of known suffixes inside folders.

    Hidden files, parts of runs, and the tables of minutes, hours and days beside outputs are passed over.

    Raises
    ------
    MissingFileError
        A place that is not there, or folders without such files.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise MissingFileError(
                f"no results at {place}: expected files of classify_thirdo.py, or their folder"
            )
        inside = files_below(place, skipped_suffixes=(PARTS,)) if place.is_dir() else ()
        rows = (path for path in inside if path.suffix.lower() in SUFFIXES and not is_table_of_periods(path))
        found += sorted(rows) if place.is_dir() else [place]
    if not found:
        raise MissingFileError(
            f"no {', '.join(SUFFIXES)} in {', '.join(map(str, places))}: classify_thirdo.py writes them"
        )
    return found


def result_columns(path: Path) -> list[str]:
    """Return the names of the columns of a file of rows.

    Raises
    ------
    LevelsError
        It is damaged, or no file that classify_thirdo.py wrote.
    """
    try:
        if path.suffix.lower() == ".parquet":
            with path.open("rb") as file:  # Arrow itself opens no path that is no text
                names = pyarrow.parquet.read_schema(file).names
            names += [name for name in hive_values(path) if name not in names]
        elif path.suffix.lower() == ".csv":
            with path.open("rb") as file, pyarrow.csv.open_csv(file) as reader:
                names = reader.schema.names
        else:
            with h5py.File(os.fsencode(path)) as file:
                names = [name for name in file if file[name].ndim == 1]
                names += list(file["levels_db"].attrs["columns"]) if "levels_db" in file else []
    except DAMAGED as error:
        raise LevelsError(f"{path} cannot be read: {error}") from error
    if missing := [name for name in NEEDED if name not in names]:
        raise LevelsError(f"{path} has no column {missing[0]}: expected rows of classify_thirdo.py")
    return list(names)


def read_results(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Give some columns of a file of rows, some ten thousand rows at a time.

    Raises
    ------
    LevelsError
        It is damaged.
    """
    try:
        yield from _read(path, columns)
    except DAMAGED as error:
        raise LevelsError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def _read(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    if path.suffix.lower() == ".parquet":
        with path.open("rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
            kept = [name for name in columns if name in file.schema_arrow.names]
            for batch in file.iter_batches(ROWS_PER_TABLE, columns=kept):
                table = pa.Table.from_batches([batch])
                for name in set(columns) - set(kept):  # in a partitioned dataset, the folder's name has it
                    table = table.append_column(name, pa.array([hive_values(path)[name]] * len(table)))
                yield table
    elif path.suffix.lower() == ".csv":
        options = pyarrow.csv.ConvertOptions(
            include_columns=list(columns), column_types={"sensor": pa.string()}, strings_can_be_null=False
        )
        with (
            path.open("rb") as file,
            pyarrow.csv.open_csv(
                file, pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=options
            ) as reader,
        ):
            for batch in reader:
                yield pa.Table.from_batches([batch])
    else:
        yield from _read_hdf5(path, columns)


def hive_values(path: Path) -> dict[str, str]:
    """Return {column: value} that the folders of a partitioned dataset name: sensor=a/date=2024-01-01/."""
    pairs = [part.partition("=") for part in path.parts[:-1] if "=" in part]
    return {name: unquote(value) for name, _, value in pairs}


def _read_hdf5(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    with h5py.File(os.fsencode(path)) as file:
        levels = list(file["levels_db"].attrs["columns"])
        for start in range(0, len(file["epoch_s"]), ROWS_PER_TABLE):
            rows = slice(start, start + ROWS_PER_TABLE)
            block, values = file["levels_db"][rows], {}
            for name in columns:
                own = block[:, levels.index(name)] if name in levels else file[name][rows]
                values[name] = own.astype(str) if own.dtype == object else own
            yield pa.table(values)

"""The rows of a city's parts as one Parquet dataset: sensor=…/date=…/."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet

from spectral_transcoder.utils.errors import DatasetError

ROWS_PER_FILE = 1 << 20
OPEN_FILES = 256  # of the 1,024 that a process may have open on most systems
PARTITIONS_PER_BATCH = 1 << 16
DAY = len("2024-01-01")


def write_dataset(parts: Sequence[Path], target: Path) -> None:
    """Write the rows of parts as a dataset, partitioned by sensor and day (UTC), which is whole or not there.

    Parameters
    ----------
    parts : sequence of Path
        Parquet files of classify_thirdo.py.
    target : Path
        The dataset's folder.

    Raises
    ------
    DatasetError
        A part is damaged, or has other columns than the first.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    columns = _schema(parts[0])
    schema = columns.append(pa.field("date", pa.string()))
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "city")  # Arrow itself opens no path that is no text
        link.symlink_to(target.parent.absolute(), target_is_directory=True)
        pa.dataset.write_dataset(
            _dated_batches(parts, columns, schema),
            link / unfinished.name,
            schema=schema,
            format="parquet",
            partitioning=pa.dataset.partitioning(
                pa.schema([("sensor", pa.string()), ("date", pa.string())]), flavor="hive"
            ),
            max_rows_per_file=ROWS_PER_FILE,
            max_open_files=OPEN_FILES,
            max_partitions=PARTITIONS_PER_BATCH,
            preserve_order=True,
        )
    unfinished.rename(target)


def _schema(part: Path) -> pa.Schema:
    try:
        with part.open("rb") as file:
            return pa.parquet.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise _damage(part, error) from error


def _dated_batches(parts: Sequence[Path], columns: pa.Schema, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give the rows of all parts with their day, some thousand at a time."""
    for part in parts:
        if not _schema(part).equals(columns):
            raise DatasetError(
                f"{part} has other columns than {parts[0].name}: was it made by the same plan?"
            )
        try:
            with part.open("rb") as opened, pa.parquet.ParquetFile(opened) as file:
                for batch in file.iter_batches():
                    days = pc.utf8_slice_codeunits(batch["start_utc"], 0, DAY)
                    yield pa.RecordBatch.from_arrays([*batch.columns, days], schema=schema)
        except (pa.ArrowException, OSError) as error:
            raise _damage(part, error) from error


def _damage(part: Path, error: Exception) -> DatasetError:
    reason = " ".join(str(error).split())
    return DatasetError(f"{part} is damaged ({reason}): delete it, then --resubmit computes its task again")

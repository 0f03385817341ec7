"""What a run writes beside its output: by it a file is known to be ours, and to be whole."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path, refuse_foreign, refuse_overwriting

SUFFIXES = (".csv", ".h5", ".hdf5", ".parquet")
PARTS = ".parts"


def record_path(output: Path) -> Path:
    """Return where the record of an output lies: day.parquet.json."""
    return output.with_name(output.name + ".json")


def parts_folder(output: Path) -> Path:
    """Return where the parts of an output lie until it is whole."""
    return output.with_name(output.name + PARTS)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the values of a file of JSON by their names; None for one that is not there, damaged, or of others."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def read_record(output: Path) -> dict[str, Any] | None:
    """Return the record of an output, or None for a file that no run of ours wrote."""
    record = read_json(record_path(output))
    return record if record is not None and "made_from" in record else None


def intact_record(output: Path) -> dict[str, Any] | None:
    """Return the record of an output that is as it was written; None for one that is deleted, cut, or not ours.

    A csv counts as it is: its owner may have edited it, and that work is not to be overwritten.
    """
    record = read_record(output) if output.is_file() else None
    if record is None or output.suffix.lower() == ".csv":
        return record
    return record if record.get("n_bytes") in (None, output.stat().st_size) else None


def periods_path(output: Path, period: str) -> Path:
    """Return where the times of presence of each minute, hour or day lie: day_per_hour.csv."""
    return output.with_name(f"{output.stem}_per_{period}.csv")


def is_output(path: Path) -> bool:
    """Whether a run of ours wrote a file of results."""
    return read_record(path) is not None or is_table_of_periods(path)


def is_table_of_periods(path: Path) -> bool:
    """Whether a file holds the times of presence of each minute, hour or day beside an output of ours."""
    stem, mark, _ = path.stem.rpartition("_per_")
    outputs = [path.with_name(stem + suffix) for suffix in SUFFIXES if mark]
    return any(read_record(output) is not None for output in outputs)


def write_json(path: Path, values: Any) -> None:
    """Write plain values as readable JSON, atomically."""
    with atomic_path(path) as temporary:
        text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def refuse_followed(output: Path) -> None:
    """Refuse to replace rows that were followed: what came on standard input, or in a file by now replaced, is gone.

    Raises
    ------
    UsageError
        The output holds such rows.
    """
    record = read_record(output) if output.is_file() and output.stat().st_size else None
    if record is not None and "followed" in record["made_from"]:
        raise UsageError(
            f"{output} holds rows that were followed and may not come again: choose another output, or remove it"
        )


def check_output(output: Path, inputs: Iterable[Path], periods: Iterable[str] = ()) -> None:
    """Refuse an output of no known format, one that is an input, and one that is not ours to replace.

    Raises
    ------
    UsageError
        In each of these cases.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"output {output}: expected a name that ends in {', '.join(SUFFIXES)}")
    if output.is_dir():
        raise UsageError(f"output {output} is a folder: expected a file")
    own = [output, record_path(output)]
    shared = [output.with_suffix(".png"), *(periods_path(output, period) for period in periods)]
    refuse_overwriting(inputs, *own, *shared)
    # outputs of several formats share their picture
    ours = read_record(output) is not None or parts_folder(output).is_dir()
    sibling_is_ours = any(read_record(output.with_suffix(suffix)) is not None for suffix in SUFFIXES)
    foreign = [] if ours else own
    foreign += [] if ours or sibling_is_ours else shared
    refuse_foreign(foreign, lambda _: False)

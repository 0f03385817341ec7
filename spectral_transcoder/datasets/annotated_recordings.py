"""Recordings of which people said how long each class is heard: Lorient-1k, or anybody's own.

A table gives the times of presence, 0 … 1, a row for each recording: `recording,traffic,voices,birds`. The
recordings are sounds in a folder, or third-octave levels in one .npz file with `recordings` (n names) and
`levels_db` (n, frames, 29).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError

if TYPE_CHECKING:
    import pandas as pd

RECORDING = "recording"
PERIOD_IN_NAME = re.compile(r"(\d+(?:[.]\d+)?)ms")


@dataclass(frozen=True)
class AnnotatedRecordings:
    """Recordings with the times of presence that people gave.

    Attributes
    ----------
    recordings : tuple of str
        The n names, as in the table.
    classes : tuple of str
        The K classes.
    times_of_presence : np.ndarray
        (n, K) in 0 … 1, the share of a recording in which a class is heard.
    """

    recordings: tuple[str, ...]
    classes: tuple[str, ...]
    times_of_presence: np.ndarray


def read_times_of_presence(path: Path) -> AnnotatedRecordings:
    """Read a table of times of presence.

    Raises
    ------
    MissingFileError
        There is none.
    DatasetError
        No column `recording`, no class, a recording twice, or times that are not in 0 … 1.
    """
    import pandas as pd  # here, since sensors do without it unless people's tables are read

    table = read_table(path)
    classes = [name for name in table.columns if name != RECORDING]
    if RECORDING not in table or not classes or table.empty:
        raise DatasetError(
            f"{path} has the columns {', '.join(table.columns)} and {len(table)} rows: expected {RECORDING} "
            "and a column for each class"
        )
    if table[RECORDING].duplicated().any():
        raise DatasetError(f"{path} has {table[RECORDING][table[RECORDING].duplicated()].iloc[0]} twice")
    times = table[classes].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if not ((times >= 0) & (times <= 1)).all():  # of what is no number, all comparisons are false
        row = int(np.flatnonzero(~((times >= 0) & (times <= 1)).all(axis=1))[0])
        raise DatasetError(f"{path}, {table[RECORDING][row]}: expected times of presence in 0 … 1")
    return AnnotatedRecordings(tuple(table[RECORDING]), tuple(classes), times)


def read_table(path: Path) -> "pd.DataFrame":
    """Return a csv of recordings, whose names are text; raise MissingFileError or DatasetError where it is none."""
    import pandas as pd

    if not path.is_file():
        raise MissingFileError(
            f"no times of presence at {path}: expected a csv with a column {RECORDING} and one for each class"
        )
    try:
        return pd.read_csv(path, dtype={RECORDING: str})
    except (ValueError, pd.errors.ParserError) as error:
        raise DatasetError(f"{path} is no csv: {error}") from error


@dataclass(frozen=True)
class RecordedLevels:
    """Third-octave levels of many recordings in one file.

    Attributes
    ----------
    levels_db : dict of str to np.ndarray
        (frames, 29) in dB by the recording's name, without gaps.
    period_s : float
        From one frame to the next, in seconds.
    """

    levels_db: dict[str, np.ndarray]
    period_s: float


def read_recorded_levels(path: Path, period_s: float | None = None) -> RecordedLevels:
    """Read the levels of many recordings.

    Parameters
    ----------
    path : Path
        A .npz file with `recordings` and `levels_db`.
    period_s : float, optional
        From one frame to the next; by default what the file's name says: `levels_128ms.npz`.

    Raises
    ------
    MissingFileError
        There is no such file.
    DatasetError
        It does not hold what is expected, or values that are not finite.
    UsageError
        Neither the option nor the name says the period.
    """
    if not path.is_file():
        raise MissingFileError(f"no levels at {path}: expected a .npz file with recordings and levels_db")
    try:
        with np.load(path) as arrays:
            names, levels = arrays["recordings"], arrays["levels_db"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: expected a .npz file with recordings and levels_db ({error})") from error
    if levels.ndim != 3 or len(names) != len(levels) or not np.isfinite(levels).all():
        raise DatasetError(
            f"{path} has {len(names)} recordings and levels {levels.shape}: expected finite ones of "
            "(recordings, frames, 29)"
        )
    stated = PERIOD_IN_NAME.search(path.name)
    if period_s is None and stated is None:
        raise UsageError(f"{path}: levels of which period? Give it in seconds, or name it levels_128ms.npz")
    period_s = period_s or float(stated[1]) / 1000  # type: ignore[index]
    return RecordedLevels(dict(zip(names.tolist(), levels, strict=True)), period_s)

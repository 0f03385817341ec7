"""What a reader understood of a file of levels: the record that every format shares."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import MISSING_BAND_DBFS, N_BANDS, NOMINAL_HZ

BEGIN, END = "begin", "end"  # of its interval: what the time of a row is
EPOCH_UNITS = {1.0: "seconds", 1e-3: "milliseconds", 1e-6: "microseconds", 1e-9: "nanoseconds"}


@dataclass(frozen=True)
class Description:
    """How a file of levels is to be understood.

    Attributes
    ----------
    format : str
        The format in words.
    present : np.ndarray
        (29,) bool: the bands that the file has.
    timed : bool
        Whether rows carry a time.
    clock : str
        "begin" or "end": which end of its interval the time of a row is.
    time_zone : str
        Where times are written as text: UTC, UTC+01:00 or a name such as Europe/Paris. Empty for epochs.
    assumed_zone : bool
        Whether neither the file nor the user gave the zone.
    weighting : str
        Z, A or C: the frequency weighting of the bands as they are stored.
    period_s : float or None
        Seconds between rows where the file, its format or the user states it; None where it is measured.
    """

    format: str
    present: NDArray[np.bool_] = field(default_factory=lambda: np.ones(N_BANDS, bool))
    timed: bool = True
    clock: str = BEGIN
    time_zone: str = ""
    assumed_zone: bool = False
    weighting: str = "Z"
    period_s: float | None = None

    def __str__(self) -> str:
        parts = [self.format, bands_in_words(self.present)]
        if self.weighting != "Z":
            parts.append(f"{self.weighting}-weighted, which is taken off (IEC 61672)")
        if not self.timed:
            parts.append("without times")
        elif self.clock == END:
            parts.append("times are of the interval's end")
        if self.time_zone:
            zone = f"times in {self.time_zone}"
            parts.append(zone + (" (assumed: see --timezone)" if self.assumed_zone else ""))
        return ", ".join(parts)


def bands_in_words(present: NDArray[np.bool_]) -> str:
    """Say how many bands a file has, and at which level the others are put."""
    missing = [name for name, there in zip(NOMINAL_HZ, present, strict=True) if not there]
    if not missing:
        return f"{len(NOMINAL_HZ)} bands"
    return f"{present.sum()} bands; {', '.join(missing)} Hz are missing and put at {MISSING_BAND_DBFS:g} dBFS"


class Rows(NamedTuple):
    """Consecutive rows as a reader gives them.

    Attributes
    ----------
    sensor : str
        Empty where the file does not say.
    times : np.ndarray or None
        (n,) float64: seconds since 1970, or numbers of which the unit is still to be found; None without times.
    levels_db : np.ndarray
        (n, 29) float32 as stored, NaN where nothing is.
    """

    sensor: str
    times: NDArray[np.float64] | None
    levels_db: NDArray[np.float32]


class LevelsFile(Protocol):
    """An opened file of levels of any format."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def description(self) -> Description:
        """What was understood of it."""

    @property
    def n_rows(self) -> int:
        """How many rows it has; for text, about."""

    def rows(self, findings: Findings) -> Iterator[Rows]:
        """Give its rows in blocks; rows that cannot be read are left out and reported in `findings`."""

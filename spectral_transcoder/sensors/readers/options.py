"""What a user says of files that do not say it themselves."""

from dataclasses import dataclass
from pathlib import Path

from spectral_transcoder.sensors.weighting import WEIGHTINGS
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.names import readable

SHORTEST_S, LONGEST_S = 0.01, 1.0
TOLERANCE = 0.01  # of a period
FOLDER = "folder"  # whose name may be the sensor's


@dataclass(frozen=True)
class ReadOptions:
    """How to read files of levels; None and "" leave it to the file.

    Attributes
    ----------
    sensor : str
        The sensor's name.
    sensor_from : str
        Whose name is the sensor's where neither the file nor `sensor` says one: "folder" or "file".
    start_s : float
        Seconds since 1970 at which files without times begin.
    period_s : float or None
        Seconds between rows.
    weighting : str
        Z, A or C.
    time_column, time_format, timezone : str
        The column of times, its format (as strptime has it), and the zone of local times.
    columns : str
        Which columns are bands, as `columns.parse_columns` reads it.

    Raises
    ------
    UsageError
        A period beyond 10 ms … 1 s, or an unknown weighting.
    """

    sensor: str = ""
    sensor_from: str = ""
    start_s: float = 0.0
    period_s: float | None = None
    weighting: str = ""
    time_column: str = ""
    time_format: str = ""
    timezone: str = ""
    columns: str = ""

    def __post_init__(self) -> None:
        if self.period_s is not None and not SHORTEST_S * (1 - TOLERANCE) <= self.period_s <= LONGEST_S * (
            1 + TOLERANCE
        ):
            raise UsageError(f"a period of {self.period_s:g} s: expected {SHORTEST_S:g} to {LONGEST_S:g} s")
        if self.weighting and self.weighting not in WEIGHTINGS:
            raise UsageError(f"weighting {self.weighting!r}: expected {', '.join(WEIGHTINGS)}")

    def sensor_of(self, path: Path) -> str:
        """Return what the user says of the name of a file's sensor, or ""."""
        if self.sensor or not self.sensor_from:
            return self.sensor
        return readable(path.absolute().parent.name if self.sensor_from == FOLDER else path.stem)

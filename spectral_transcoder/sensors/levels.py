"""What a sensor's row is: a time and the level of each third-octave band."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, THIRD_OCTAVES, ThirdOctaves

N_BANDS = THIRD_OCTAVES.n_bands
FRAME_S = THIRD_OCTAVES.period_s  # 125 ms from one row to the next
SECOND_S = 1.0
FRAMES_PER_SECOND = THIRD_OCTAVES.frames_per_second
# fmt: off
NOMINAL_HZ = (
    "20", "25", "31.5", "40", "50", "63", "80", "100", "125", "160", "200", "250", "315", "400", "500", "630",
    "800", "1000", "1250", "1600", "2000", "2500", "3150", "4000", "5000", "6300", "8000", "10000", "12500",
)
# fmt: on
MISSING_BAND_DBFS = -80.0  # of the floors from -180 to -60 dBFS, the one that changes scores least
FEWEST_BANDS = 15  # octaves have ten bands with the same names, and their levels are others
SILENCE_DBFS = float(THIRD_OCTAVES.power_to_level(0.0)) - THIRD_OCTAVES.offset_db


def record_of_frames(frame_s: float) -> ThirdOctaves:
    """Return the third octaves whose frames last so many seconds: 125 ms or 1 s."""
    return SECOND_OCTAVES if frame_s == SECOND_S else THIRD_OCTAVES


@dataclass(frozen=True)
class LevelBlock:
    """Consecutive rows of one sensor, as they were stored.

    Attributes
    ----------
    sensor : str
        Its name; empty where the file does not say.
    file : str
        The file's path.
    epoch_s : np.ndarray
        (n,) float64, seconds since 1970 (UTC) at which each row's interval begins.
    levels_db : np.ndarray
        (n, 29) float32 in the sensor's own dB; NaN where a level is missing.
    present : np.ndarray
        (29,) bool: the bands that the file has; the others' columns are without meaning.
    period_s : float
        Seconds from one row to the next where no row is missing.
    series : int
        Another number where the sensor's clock was set back: times of two series may not follow each other.
    rotation : int
        How many files that were followed it took the place of.
    """

    sensor: str
    file: str
    epoch_s: NDArray[np.floating]
    levels_db: NDArray[np.float32]
    present: NDArray[np.bool_]
    period_s: float = FRAME_S
    series: int = 0
    rotation: int = 0

    def __len__(self) -> int:
        return len(self.epoch_s)

    def select(self, rows: slice | NDArray) -> Self:
        """Return the block of some rows only: a mask, indices or a slice."""
        return replace(self, epoch_s=self.epoch_s[rows], levels_db=self.levels_db[rows])

    def later(self, seconds: float) -> Self:
        """Return the block with its times so many seconds later."""
        return replace(self, epoch_s=self.epoch_s + seconds)


def total_level(levels_db: NDArray) -> NDArray[np.float64]:
    """Return the overall level in dB of bands (n, 29): (n,), the level of the sum of their powers."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.sum(10 ** (levels_db.astype(float) / 10), axis=1))

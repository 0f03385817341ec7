"""What a sensor's row is: a time and the level of each third-octave band; and how columns name them."""

import re
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import LevelsError

THIRD_OCTAVES = ThirdOctaves()
N_BANDS = THIRD_OCTAVES.n_bands
FRAME_S = THIRD_OCTAVES.hop_length / THIRD_OCTAVES.sr  # 125 ms from one row to the next
FRAMES_PER_SECOND = THIRD_OCTAVES.frames_per_second
# fmt: off
NOMINAL_HZ = (
    "20", "25", "31.5", "40", "50", "63", "80", "100", "125", "160", "200", "250", "315", "400", "500", "630",
    "800", "1000", "1250", "1600", "2000", "2500", "3150", "4000", "5000", "6300", "8000", "10000", "12500",
)
# fmt: on
BAND_OF_HZ = {float(name): band for band, name in enumerate(NOMINAL_HZ)} | {31.0: NOMINAL_HZ.index("31.5")}
BAND_COLUMN = re.compile(r"(?:fast_)?(\d+(?:[._]\d+)?)", re.IGNORECASE)
MISSING_BAND_DBFS = -80.0  # of the floors from -180 to -60 dBFS, the one that changes scores least
FEWEST_BANDS = 15  # octaves have ten bands with the same names, and their levels are others
SHOWN_COLUMNS = 8


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
        (n,) float64, seconds since 1970 (UTC) at which each frame begins.
    levels_db : np.ndarray
        (n, 29) float32 in the sensor's own dB; NaN where a level is missing.
    present : np.ndarray
        (29,) bool: the bands that the file has; the others' columns are without meaning.
    """

    sensor: str
    file: str
    epoch_s: np.ndarray
    levels_db: np.ndarray
    present: np.ndarray

    def __len__(self):
        return len(self.epoch_s)

    def select(self, rows):
        """Return the block of some rows only: a mask or a slice."""
        return LevelBlock(self.sensor, self.file, self.epoch_s[rows], self.levels_db[rows], self.present)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are the time, the sensor and the bands.

    Attributes
    ----------
    epoch : int
        Column of the time.
    sensor : int or None
        Column of the sensor's name.
    bands : dict of int to int
        Column of each band that is there.
    """

    epoch: int
    sensor: int | None
    bands: dict

    @property
    def present(self):
        """The bands that are there: (29,) bool."""
        return np.isin(np.arange(N_BANDS), list(self.bands))


def find_columns(names, path):
    """Find time, sensor and bands among column names in any order; columns of other names are left out.

    Raises
    ------
    LevelsError
        No `epoch`, too few bands, or a band named twice; the message shows the columns.
    """
    names = [name.strip() for name in names]
    bands = {}
    for column, name in enumerate(names):
        band = band_of_column(name)
        if band in bands:
            raise LevelsError(f"{path}: columns {names[bands[band]]!r} and {name!r} are the same band")
        if band is not None:
            bands[band] = column
    lower = [name.lower() for name in names]
    if "epoch" not in lower or len(bands) < FEWEST_BANDS:
        shown = ", ".join(name[:20] for name in names[:SHOWN_COLUMNS])
        shown += ", …" if len(names) > SHOWN_COLUMNS else ""
        raise LevelsError(
            f"{path}: its {len(names)} columns ({shown}) hold {len(bands)} third-octave bands and "
            f"{'an' if 'epoch' in lower else 'no'} epoch: expected a column epoch, and at least {FEWEST_BANDS} "
            "of the bands 20, 25, 31.5, … 12500 (or Fast_125, …)"
        )
    return Columns(lower.index("epoch"), lower.index("sensor") if "sensor" in lower else None, bands)


def band_of_column(name):
    """Return the band that a column name means: `31.5`, `31`, `31_5`, `Fast_125`; None for another column."""
    match = BAND_COLUMN.fullmatch(name)
    return BAND_OF_HZ.get(float(match[1].replace("_", "."))) if match else None


def total_level(levels_db):
    """Return the overall level in dB of bands (n, 29): (n,), the level of the sum of their powers."""
    return 10 * np.log10(np.sum(10 ** (levels_db.astype(float) / 10), axis=1))

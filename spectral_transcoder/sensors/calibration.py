"""The offset from a sensor's decibels to decibels re full scale (docs/method.md, section 11, and section 9, defect 3).

A level of 65 dB and an offset of -88 dB are -23 dBFS. An offset is added; one that a sensor's own code adds
to dBFS to reach its levels, such as 94 - sensitivity, is given here with the other sign.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.sensors.frame_checks import LOUDEST_DB, Findings
from spectral_transcoder.sensors.levels import LevelBlock, total_level
from spectral_transcoder.sensors.windows import FULL_SCALE_SINE_DBFS
from spectral_transcoder.signal.level_series import PERCENTILE, PERCENTILE_DBFS
from spectral_transcoder.utils.errors import LevelsError, UsageError

LEVEL_EDGES_DB = np.arange(-300, LOUDEST_DB + 20, 0.01)
MOST_CLIPPED = 0.5  # beyond this share the offset is wrong, not the street loud


@dataclass(frozen=True)
class OffsetEstimate:
    """An offset found in the levels themselves.

    Attributes
    ----------
    offset_db : float
        Added to the sensor's levels it brings `level_db` to PERCENTILE_DBFS.
    level_db : float
        The percentile of the frames' overall levels, in the sensor's dB.
    clipped_share : float
        Share of the frames that are then louder than a sine within full scale.
    """

    offset_db: float
    level_db: float
    clipped_share: float

    def __str__(self) -> str:
        return (
            f"offset estimated: {self.offset_db:.2f} dB, so that {PERCENTILE} % of the frames "
            f"({self.level_db:.1f} dB and less) are at {PERCENTILE_DBFS:g} dBFS and less; "
            f"{100 * self.clipped_share:.2f} % of the frames would clip"
        )


def estimate_offset(blocks: Iterable[LevelBlock]) -> OffsetEstimate:
    """Estimate the offset of a sensor from the levels that it measured, in constant memory.

    Parameters
    ----------
    blocks : iterable of LevelBlock
        Hours or days: what was measured has to hold sounds as loud as a street has.

    Returns
    -------
    OffsetEstimate
        To a hundredth of a dB.

    Raises
    ------
    LevelsError
        Not a single frame of levels that can be.
    """
    counts = np.zeros(len(LEVEL_EDGES_DB) - 1, int)
    for block in blocks:
        levels = block.levels_db[:, block.present]
        possible = ~np.isnan(levels).any(axis=1) & (levels.max(axis=1, initial=-np.inf) > -np.inf)
        possible[possible] = levels[possible].max(axis=1) <= LOUDEST_DB
        counts += np.histogram(total_level(levels[possible]), LEVEL_EDGES_DB)[0]
    if counts.sum() == 0:
        raise LevelsError("no frame of levels to estimate an offset from")
    cumulated = np.cumsum(counts) / counts.sum()
    level_db = LEVEL_EDGES_DB[np.searchsorted(cumulated, PERCENTILE / 100)]
    offset_db = round(PERCENTILE_DBFS - level_db, 2)
    clipped = counts[LEVEL_EDGES_DB[:-1] + offset_db > FULL_SCALE_SINE_DBFS].sum() / counts.sum()
    return OffsetEstimate(offset_db, float(level_db), float(clipped))


def refuse_wrong_offset(findings: Findings, offset_db: float) -> None:
    """Raise UsageError where most frames would be louder than full scale: the offset is missing, or wrong."""
    if findings.clipped_share > MOST_CLIPPED:
        raise UsageError(
            f"{100 * findings.clipped_share:.0f} % of the frames are louder than full scale with an offset of "
            f"{offset_db:g} dB: levels in dB SPL need a negative one, such as --offset -88, or --estimate-offset"
        )

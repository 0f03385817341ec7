"""The offset from a sensor's decibels to decibels re full scale (docs/method.md, section 11, and section 9, defect 3).

A level of 65 dB and an offset of -88 dB are -23 dBFS. An offset is added; one that a sensor's own code adds
to dBFS to reach its levels, such as 94 - sensitivity, is given here with the other sign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import LOUDEST_DB, Findings
from spectral_transcoder.sensors.levels import (
    FRAME_S,
    N_BANDS,
    NOMINAL_HZ,
    SECOND_S,
    THIRD_OCTAVES,
    LevelBlock,
    total_level,
)
from spectral_transcoder.sensors.windows import FULL_SCALE_SINE_DBFS
from spectral_transcoder.signal.audio import read_audio, resample
from spectral_transcoder.signal.level_series import PERCENTILE, PERCENTILE_DBFS, resample_levels
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.utils.errors import LevelsError, UsageError

LEVEL_EDGES_DB = np.arange(-300, LOUDEST_DB + 20, 0.01)
TONE_BAND = NOMINAL_HZ.index("1000")
TONE_ABOVE_DB, TONE_STEADY_DB, SHORTEST_TONE_S = 20.0, 0.5, 2.0
NETWORKS_OFFSET_DB = -88.0  # of levels in dB SPL
STEADY_DB = 0.5  # levels that vary less have no shape to be aligned by
MOST_APART_DB = 3.0
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
        return f"offset estimated: {self.offset_db:.2f} dB, {self.explanation}"

    @property
    def explanation(self) -> str:
        """What the estimate rests on."""
        return (
            f"so that {PERCENTILE} % of the frames ({self.level_db:.1f} dB and less) are at {PERCENTILE_DBFS:g} dBFS "
            f"and less; {100 * self.clipped_share:.2f} % of the frames would clip"
        )

    def as_offset(self) -> "Offset":
        """Return it beside offsets that were found otherwise."""
        return Offset("--estimate_offset", self.offset_db, self.explanation)


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


@dataclass(frozen=True)
class Offset:
    """An offset, and how it was found.

    Attributes
    ----------
    way : str
        The option that asks for it.
    offset_db : float
        Added to the sensor's levels to reach dB re full scale.
    explanation : str
        What it rests on.
    """

    way: str
    offset_db: float
    explanation: str

    def __str__(self) -> str:
        return f"{self.way}: {self.offset_db:.2f} dB, {self.explanation}"


def offset_of_calibrator(blocks: Iterable[LevelBlock], calibrator_db: float) -> Offset:
    """Return the offset by a calibrator's tone of 1 kHz in the levels.

    The tone says what the sensor reads at `calibrator_db`; true levels are then brought to full scale by -88 dB, as
    networks do.

    Parameters
    ----------
    blocks : iterable of LevelBlock
        In which the tone lasts at least two seconds.
    calibrator_db : float
        The calibrator's level in dB SPL, 94 or 114.

    Raises
    ------
    LevelsError
        No such tone.
    """
    times, tones, period_s = [], [], 0.0
    others = np.setdiff1d(np.arange(N_BANDS), [TONE_BAND - 1, TONE_BAND, TONE_BAND + 1])
    for block in blocks:
        others_db = np.where(block.present, block.levels_db, -np.inf)[:, others].max(axis=1)
        stands_out = block.levels_db[:, TONE_BAND] - others_db >= TONE_ABOVE_DB
        times.append(block.epoch_s[stands_out])
        tones.append(block.levels_db[stands_out, TONE_BAND])
        period_s = max(period_s, block.period_s)
    level_db, duration_s = longest_tone(np.concatenate([[], *times]), np.concatenate([[], *tones]), period_s)
    if duration_s < SHORTEST_TONE_S:
        raise LevelsError(
            f"no tone of a calibrator in the levels: expected 1 kHz, {TONE_ABOVE_DB:g} dB above the other bands and "
            f"steady, for {SHORTEST_TONE_S:g} s"
        )
    return Offset(
        "--calibrator",
        round(calibrator_db - level_db + NETWORKS_OFFSET_DB, 2),
        f"by {duration_s:g} s of 1 kHz at {level_db:.2f} dB, which are {calibrator_db:g} dB SPL, and "
        f"{-NETWORKS_OFFSET_DB:g} dB SPL at full scale as networks have it",
    )


def longest_tone(times_s: NDArray, levels_db: NDArray, period_s: float) -> tuple[float, float]:
    """Return level in dB and duration in s of the longest steady stretch of rows."""
    best = (0.0, 0.0)
    if not len(times_s):
        return best
    breaks = (
        np.flatnonzero((np.diff(times_s) > 1.5 * period_s) | (abs(np.diff(levels_db)) > TONE_STEADY_DB)) + 1
    )
    for stretch in np.split(np.arange(len(times_s)), breaks):
        level_db = float(np.median(levels_db[stretch]))
        steady = abs(levels_db[stretch] - level_db) <= TONE_STEADY_DB
        if steady.mean() > 0.9 and len(stretch) * period_s > best[1]:
            best = (level_db, len(stretch) * period_s)
    return best


def offset_of_recording(blocks: Iterable[LevelBlock], recording: Path, reading: Reading = AS_USUAL) -> Offset:
    """Return the offset by a recording that was made beside the levels.

    Its levels, in dB re its own full scale, are compared with the sensor's where both follow each other best. The
    offset brings the sensor's levels to those of the peak-normalised recording, as sounds are classified.

    Parameters
    ----------
    blocks : iterable of LevelBlock
        Levels of the time of the recording.
    recording : Path
        A sound of any format.
    reading : Reading
        Which of its channels is taken, and what is done if it was cut off.

    Raises
    ------
    LevelsError
        The two do not follow each other.
    """
    measured = list(blocks)
    if not measured:
        raise LevelsError(f"no levels to compare {recording} with")
    bands = np.logical_and.reduce([block.present for block in measured])
    sound = read_audio(recording, reading)
    signal = resample(sound.samples, sound.sr, THIRD_OCTAVES.sr)
    levels_db = THIRD_OCTAVES.levels(signal) - THIRD_OCTAVES.offset_db
    theirs = series_of_energy(levels_db[:, bands], FRAME_S, SECOND_S)
    ours = np.concatenate([series_of_energy(b.levels_db[:, bands], b.period_s, SECOND_S) for b in measured])
    lag, n_shared = best_lag(ours, theirs)
    shared_ours, shared_theirs = ours[max(0, lag) :][:n_shared], theirs[max(0, -lag) :][:n_shared]
    offset_db = 10 * np.log10(shared_theirs.sum() / shared_ours.sum())
    apart_db = np.std(10 * np.log10(shared_theirs / shared_ours))
    if apart_db > MOST_APART_DB:
        raise LevelsError(
            f"{recording} and the levels do not follow each other (they differ by {apart_db:.1f} dB from second to "
            "second): expected a recording of the same sound"
        )
    peak_db = 20 * np.log10(np.abs(sound.samples).max())
    return Offset(
        "--reference",
        round(float(offset_db - peak_db), 2),
        f"by {n_shared} s of {recording.name}, peak-normalised as sounds are before they are classified "
        f"({apart_db:.2f} dB apart from second to second; its own full scale is {-offset_db:.1f} dB of the sensor's)",
    )


def series_of_energy(levels_db: NDArray, period_s: float, frame_s: float) -> NDArray[np.float64]:
    """Return the energy of all bands (n, K) in frames of another length: (m,)."""
    total_db = total_level(levels_db)[:, None]
    return 10 ** (resample_levels(total_db, period_s, frame_s)[:, 0] / 10)


def best_lag(first: NDArray, second: NDArray) -> tuple[int, int]:
    """Return how many frames the second series begins after the first, and how many frames they then share.

    The lag at which their levels correlate most, among those at which half of the shorter one is shared; 0 where
    one of them is steady.
    """
    if not len(first) or not len(second):
        raise LevelsError("less than a second of levels, or of the recording: expected several")
    a, b = (10 * np.log10(np.maximum(series, 1e-30)) for series in (first, second))
    least = max(1, min(len(a), len(b)) // 2)
    best, found = -np.inf, (0, min(len(a), len(b)))
    for lag in range(-(len(b) - least), len(a) - least + 1):
        x, y = a[max(0, lag) :], b[max(0, -lag) :]
        n_shared = min(len(x), len(y))
        x, y = x[:n_shared], y[:n_shared]
        if n_shared < max(3, least) or min(x.std(), y.std()) < STEADY_DB:
            continue
        correlation = float(np.corrcoef(x, y)[0, 1])
        if correlation > best + 1e-9:
            best, found = correlation, (lag, n_shared)
    return found


def compare_offsets(offsets: Sequence[Offset]) -> list[str]:
    """Say which offset is used, the first, and how far the others are from it."""
    lines = [f"offset by {offsets[0]}"]
    for other in offsets[1:]:
        apart_db = other.offset_db - offsets[0].offset_db
        lines.append(f"not used: {other}; {apart_db:+.2f} dB from the one used")
    return lines


def refuse_wrong_offset(findings: Findings, offset_db: float) -> None:
    """Raise UsageError where most frames would be louder than full scale: the offset is missing, or wrong."""
    if findings.clipped_share > MOST_CLIPPED:
        hint = "a lower one" if offset_db < 0 else "a negative one, such as --offset -88"
        raise UsageError(
            f"{100 * findings.clipped_share:.0f} % of the frames are louder than full scale with an offset of "
            f"{offset_db:g} dB: levels in dB SPL need {hint}, or --estimate-offset"
        )

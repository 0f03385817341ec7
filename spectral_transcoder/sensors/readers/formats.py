"""Files of sensor levels: which format one is, told by its content, and its rows in blocks.

CENSE csv and its Elastic export, fast-to-wav csv (`csv_levels`), CENSE HDF5, fast-to-ears h5 and npy
(`array_levels`), and sounds, of which the levels are computed (SPEC section 11).
"""

import glob
import re
from pathlib import Path

import numpy as np

from spectral_transcoder.sensors.frame_checks import NO_TIME, Findings
from spectral_transcoder.sensors.levels import (
    FRAME_S,
    MISSING_BAND_DBFS,
    NOMINAL_HZ,
    THIRD_OCTAVES,
    LevelBlock,
)
from spectral_transcoder.sensors.readers import array_levels, csv_levels
from spectral_transcoder.signal.audio import AUDIO_SUFFIXES, read_audio, resample
from spectral_transcoder.utils.errors import LevelsError, MissingFileError

LEVEL_SUFFIXES = {".csv", ".txt", ".tsv", ".h5", ".hdf5", ".npy"}
FIRST_BYTES = 65536
HDF5_START, NPY_START = b"\x89HDF\r\n\x1a\n", b"\x93NUMPY"
SOUND_STARTS = (b"RIFF", b"fLaC", b"OggS", b"ID3")
ROWS_PER_BLOCK = 4096
EPOCH_UNITS = {"seconds": 1.0, "milliseconds": 1e-3}
MILLISECONDS_FROM = 1e11  # a time of one row alone: 1973 in milliseconds, the year 5138 in seconds
LAST_EPOCH_S = 2.5e11  # the year 9892; later ones cannot be written as dates


def find_files(names, from_audio=False):
    """Return the files that names mean: files, folders or patterns such as `sensors/*.csv`, in natural order.

    Raises
    ------
    MissingFileError
        A name means no file.
    """
    suffixes = AUDIO_SUFFIXES if from_audio else LEVEL_SUFFIXES
    found = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = [file for file in path.iterdir() if file.suffix.lower() in suffixes and file.is_file()]
        else:
            # a name that exists is itself, whatever brackets and stars it has
            files = [path] if path.exists() else [Path(match) for match in glob.glob(str(name))]  # noqa: PTH207, absolute patterns too
        if not files:
            kind = "sounds" if from_audio else "files of levels"
            raise MissingFileError(f"no {kind} at {name}: expected a file, a folder of them, or a pattern")
        found += sorted(files, key=natural_order)
    return list(dict.fromkeys(found))


def natural_order(path):
    """Return a key that sorts 2020_2 before 2020_10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def open_levels(path):
    """Recognise a file of levels and read its columns; nothing more is read until its rows are asked for.

    Returns
    -------
    object
        With `path`, `kind` (the format in words), `present` (29,) bool, `n_rows` (estimated for csv),
        `timed`, and `rows(findings)`, a generator of (sensor, times (n,) or None, levels in dB (n, 29)).

    Raises
    ------
    MissingFileError
        No such file.
    LevelsError
        Not a file of levels; the message says what it is.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no file of levels at {path}")
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
    if not start:
        raise LevelsError(f"{path} is empty: expected third-octave levels")
    if start.startswith(HDF5_START):
        return array_levels.open_hdf5(path, ROWS_PER_BLOCK)
    if start.startswith(NPY_START):
        return array_levels.open_npy(path, ROWS_PER_BLOCK)
    if start.startswith(SOUND_STARTS):
        raise LevelsError(f"{path} is a sound, not a file of levels: use --from-audio")
    return csv_levels.open_csv(path, start)


def read_levels(paths, findings=None, start_s=0.0, sensor=""):
    """Read files of levels of any supported format, block by block: memory does not grow with their length.

    Parameters
    ----------
    paths : str, Path or list of them
        Files, folders, or patterns, read one after the other.
    findings : Findings, optional
        Where the epochs' unit, missing bands and unusable rows are told.
    start_s : float
        Seconds since 1970 at which files without times begin (fast-to-ears).
    sensor : str
        Name of the sensor where a file does not say.

    Yields
    ------
    LevelBlock
        Levels in the sensor's own dB.

    Raises
    ------
    MissingFileError, LevelsError
        No such file, or none of levels, or not every 125 ms; the message says what was found.
    """
    findings = Findings() if findings is None else findings
    names = [paths] if isinstance(paths, str | Path) else paths
    for source in [open_levels(path) for path in find_files(names)]:
        findings.note(f"{source.path}: {source.kind}, {bands_in_words(source.present)}")
        yield from read_blocks(source, findings, start_s, sensor)


def bands_in_words(present):
    """Say how many bands a file has, and at which level the others are put."""
    missing = [name for name, there in zip(NOMINAL_HZ, present, strict=True) if not there]
    if not missing:
        return f"{len(NOMINAL_HZ)} bands"
    return f"{present.sum()} bands; {', '.join(missing)} Hz are missing and put at {MISSING_BAND_DBFS:g} dBFS"


def read_blocks(source, findings, start_s=0.0, sensor=""):
    """Give the rows of an opened file as blocks with times in seconds."""
    unit, n_rows = None, 0
    for own_sensor, times, levels in source.rows(findings):
        if times is None:
            times = start_s + FRAME_S * np.arange(n_rows, n_rows + len(levels))
            n_rows += len(levels)
        elif unit is None:
            unit = epoch_unit(times, source.path)
            findings.note(f"{source.path}: epochs are in {unit}")
        epoch_s = times * EPOCH_UNITS[unit] if unit else times
        # without a time of its own, a file is a recording of its own
        name = own_sensor or sensor or ("" if source.timed else source.path.stem)
        block = LevelBlock(name, str(source.path), epoch_s, levels, source.present)
        known = (epoch_s >= 0) & (epoch_s < LAST_EPOCH_S)
        if not known.all():
            findings.add(NO_TIME, str(source.path), *block_times(epoch_s[known]), int((~known).sum()))
        yield block.select(known)


def block_times(epoch_s):
    """Return first and last of the times of a block, 1970 where there is none."""
    return (epoch_s[0], epoch_s[-1]) if len(epoch_s) else (0.0, 0.0)


def epoch_unit(times, path):
    """Return "seconds" or "milliseconds": the unit in which rows follow each other every 125 ms.

    Raises
    ------
    LevelsError
        They do in neither.
    """
    steps = np.diff(times[np.isfinite(times)])
    if not (steps > 0).any():
        return "milliseconds" if np.nanmax(times, initial=0) > MILLISECONDS_FROM else "seconds"
    step = np.median(steps[steps > 0])
    for unit, seconds in EPOCH_UNITS.items():
        if abs(step * seconds / FRAME_S - 1) < 0.5:
            return unit
    raise LevelsError(
        f"{path}: its epochs grow by {step:g} from row to row (median): expected {FRAME_S:g} (seconds) or "
        f"{1000 * FRAME_S:g} (milliseconds); levels of another period than 125 ms cannot be transcoded"
    )


def audio_blocks(path, normalise=True, start_s=0.0):
    """Give the levels of a sound as a sensor would store them, in dB re full scale.

    Parameters
    ----------
    path : Path
        A sound of any format and rate.
    normalise : bool
        Scale its highest sample to full scale first, as for training.
    start_s : float
        Seconds since 1970 at which it begins.

    Yields
    ------
    LevelBlock
        All 29 bands, frames over the whole sound (continuous framing); its name is the sensor's.
    """
    recording = read_audio(path)
    sr = THIRD_OCTAVES.sr
    signal = recording.at(sr) if normalise else resample(recording.samples, recording.sr, sr)
    levels = THIRD_OCTAVES.levels(signal) - np.float32(THIRD_OCTAVES.offset_db)
    epoch_s = start_s + FRAME_S * np.arange(len(levels))
    whole = LevelBlock(recording.name, str(path), epoch_s, levels, np.ones(THIRD_OCTAVES.n_bands, bool))
    for start in range(0, len(levels), ROWS_PER_BLOCK):
        yield whole.select(slice(start, start + ROWS_PER_BLOCK))

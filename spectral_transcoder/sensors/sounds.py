"""The levels of a sound, as a sensor beside its microphone would store them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import FRAME_S, THIRD_OCTAVES, LevelBlock
from spectral_transcoder.signal.audio import AS_USUAL, Reading, read_audio, resample
from spectral_transcoder.utils.names import readable

ROWS_PER_BLOCK = 4096


def audio_blocks(
    path: str | Path,
    normalise: bool = True,
    start_s: float = 0.0,
    reading: Reading = AS_USUAL,
    findings: Findings | None = None,
) -> Iterator[LevelBlock]:
    """Give the levels of a sound as a sensor would store them, in dB re full scale.

    Parameters
    ----------
    path : str or Path
        A sound of any format and rate.
    normalise : bool
        Scale its highest sample to full scale first, as for training.
    start_s : float
        Seconds since 1970 at which it begins.
    reading : Reading
        Which channel is taken, and what is done with a file that was cut off.
    findings : Findings, optional
        Where it is reported that the sound was cut off, or that its channels cancel.

    Yields
    ------
    LevelBlock
        All 29 bands, frames over the whole sound (continuous framing); its name is the sensor's.
    """
    recording = read_audio(Path(path), reading)
    if findings is not None:
        for remark in recording.remarks:
            findings.note(remark)
    sr = THIRD_OCTAVES.sr
    signal = recording.at(sr) if normalise else resample(recording.samples, recording.sr, sr)
    levels = THIRD_OCTAVES.levels(signal) - np.float32(THIRD_OCTAVES.offset_db)
    epoch_s = start_s + FRAME_S * np.arange(len(levels))
    whole = LevelBlock(
        readable(recording.name), readable(path), epoch_s, levels, np.ones(THIRD_OCTAVES.n_bands, bool)
    )
    for start in range(0, len(levels), ROWS_PER_BLOCK):
        yield whole.select(slice(start, start + ROWS_PER_BLOCK))

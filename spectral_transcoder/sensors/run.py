"""One run over files: windows scored into parts, the parts joined, a picture, and a record of all of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from spectral_transcoder.sensors import results
from spectral_transcoder.sensors.calibration import refuse_wrong_offset
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.figure import plot_results
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.inputs import Inputs
from spectral_transcoder.sensors.records import periods_path, record_path
from spectral_transcoder.sensors.windows import Windowing, window_batches
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.memory import give_back_freed_memory
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.words import counted


@dataclass(frozen=True)
class Written:
    """What a run writes.

    Attributes
    ----------
    output : Path
        A .csv, .h5 or .parquet file.
    keep_scores : bool
        Whether it holds the scores of all labels.
    periods : sequence of str
        minute, hour, day: of which times of presence are written beside it.
    """

    output: Path
    keep_scores: bool = True
    periods: Sequence[str] = ()


def run_to_file(
    model: SensorClassifier,
    inputs: Inputs,
    windowing: Windowing,
    written: Written,
    record: dict[str, Any],
) -> list[str]:
    """Score the windows of all files into an output, going on where a run before was stopped.

    Parameters
    ----------
    model : SensorClassifier
        What scores them.
    inputs : Inputs
        The files.
    windowing : Windowing
        How long windows are, and the offset.
    written : Written
        The output; `<output>.json` and a picture are written beside it.
    record : dict
        What the output is made from; parts of another record are refused.

    Returns
    -------
    list of str
        What was found and written, line by line.

    Raises
    ------
    LevelsError
        Not one window in all of the files.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it has freed, some 40 MB
    output = written.output
    parts, findings = results.Parts(output, record), Findings()
    if parts.done:
        print(readable(f"going on after {counted(parts.done, 'part')} in {parts.folder}"))
    speed = score_parts(model, inputs, windowing, parts, findings, written.keep_scores)
    if parts.done == 0:
        reasons = [*findings.lines(), *inputs.failed.values()]
        raise LevelsError("; ".join(["no window of levels in all of the files", *reasons]))
    give_back_freed_memory()
    parts.join()
    give_back_freed_memory()
    pictures = plot_results(parts, model.classes, output.with_suffix(".png"))
    pictures += [write_periods(parts, period, output) for period in written.periods]
    left_out = [readable(reason) for reason in inputs.failed.values()]
    parts.close({"offset_db": windowing.offset_db, "files_left_out": left_out, **findings.to_dict()})
    lines = findings.lines()
    if speed:
        lines.append(f"{speed:.0f} s of sensor data per second of compute")
    written_files = ", ".join(map(str, [output, record_path(output), *pictures]))
    return [*lines, readable(f"written: {written_files}")]


def write_periods(parts: results.Parts, period: str, output: Path) -> Path:
    """Write the times of presence of each minute, hour or day beside the output; return the file."""
    from spectral_transcoder.sensors.time_of_presence import (  # here, since pandas takes 40 MB
        PeriodOptions,
        time_of_presence,
        write_times,
    )

    path = periods_path(output, period)
    write_times(time_of_presence(parts.tables(), PeriodOptions(period)), path)
    return path


def score_parts(
    model: SensorClassifier,
    inputs: Inputs,
    windowing: Windowing,
    parts: results.Parts,
    findings: Findings,
    keep_scores: bool,
) -> float:
    """Score the windows that no part holds yet; return seconds of levels per second of compute."""
    start, n_seconds = time.monotonic(), 0
    with tqdm(total=inputs.duration_s, unit=" s of levels", unit_scale=True) as bar:
        for index, batch in enumerate(window_batches(inputs.blocks(findings), windowing, findings)):
            if not inputs.sounds:
                refuse_wrong_offset(findings, windowing.offset_db)
            if index >= parts.done:
                parts.add(index, results.to_table(model.score(batch), windowing.offset_db, keep_scores))
                n_seconds += len(batch.seconds_db)
            bar.update(findings.n_frames * windowing.frame_s - bar.n)  # what was measured, without padding
    return n_seconds / (time.monotonic() - start)

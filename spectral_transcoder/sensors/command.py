"""The steps of classify_thirdo.py: open the files, load the models, find the offset, classify as levels arrive.

Each takes what the command line says, `args`, as `command_line.make_parser` reads it.
"""

import argparse
import math
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import spectral_transcoder
from spectral_transcoder.datasets.annotated_recordings import read_times_of_presence
from spectral_transcoder.evaluation.presence_probability import PresenceCalibration
from spectral_transcoder.models.engines import choose_engine
from spectral_transcoder.sensors import calibration, presence_calibration
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.command_line import read_options
from spectral_transcoder.sensors.follow import write_rows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.inputs import Inputs, survey_inputs
from spectral_transcoder.sensors.levels import FRAME_S, record_of_frames
from spectral_transcoder.sensors.live_levels import LiveLevels
from spectral_transcoder.sensors.live_sound import LiveSound
from spectral_transcoder.sensors.live_source import Stop, follow_bytes, in_words
from spectral_transcoder.sensors.models import choose_models
from spectral_transcoder.sensors.resampling import frame_period
from spectral_transcoder.sensors.results import provenance
from spectral_transcoder.sensors.rows_file import open_rows
from spectral_transcoder.sensors.standard_input import StandardInput
from spectral_transcoder.sensors.windows import Windowing
from spectral_transcoder.signal.reading import reading_of
from spectral_transcoder.utils.errors import LevelsError, UsageError
from spectral_transcoder.utils.words import counted


def open_inputs(args: argparse.Namespace, files: list[Path]) -> Inputs:
    """Survey the files of levels, or take the sounds as they are."""
    if args.from_audio:
        sound_frame_s = frame_period(args.period or FRAME_S)
        return Inputs(
            sounds=files, normalise=not args.as_is, sound_frame_s=sound_frame_s, reading=reading_of(args)
        )
    inputs = survey_inputs(files, read_options(args))
    inputs.between_s = args.between and tuple(args.between)
    return inputs


def load_models(
    args: argparse.Namespace, frame_s: float, duration_s: float | None = None
) -> tuple[SensorClassifier, str]:
    """Load the classifier with its transcoder and calibration, and give `args` its window where none is asked for.

    Parameters
    ----------
    args : argparse.Namespace
        The command line; its `window_s` and `hop_s` are set.
    frame_s : float
        Seconds between the frames: 0.125 or 1.
    duration_s : float, optional
        How many seconds there are to classify, where that is known.

    Returns
    -------
    SensorClassifier
        With its calibration, see `choose_calibration`.
    str
        Which transcoder it has, in words.
    """
    engine = choose_engine(args.engine, math.inf if duration_s is None else duration_s, args.device)
    transcoder, classifier, which = choose_models(
        args.classifier, args.transcoder, args.weights, args.device, engine, record_of_frames(frame_s)
    )
    print(
        f"classifier: {classifier.record.name}; transcoder: {which}; frames of {frame_s:g} s; {args.device}"
    )
    model = SensorClassifier(transcoder, classifier, args.grouping, args.batch_size)
    own = model.own_window
    args.hop_s = args.hop_s or args.window_s or own.hop_s
    args.window_s = args.window_s or own.window_s
    model.calibration = choose_calibration(args, model)
    return model, which


def choose_calibration(args: argparse.Namespace, model: SensorClassifier) -> PresenceCalibration | None:
    """Return what scores mean as probabilities, calibrated now if asked for; None where it is not known."""
    window_s = int(args.window_s)
    if not args.calibrate:
        found = presence_calibration.find_calibration(model, window_s, weights=args.weights)
        if found is None:
            name = presence_calibration.calibration_name(model, window_s)
            print(f"no probabilities: {name} is made by calibrate_presence.py")
        return found
    annotated, findings = read_times_of_presence(args.calibrate), Findings()
    folder, reading = args.calibrate.parent, reading_of(args)
    made = presence_calibration.calibrate_by_people(model, annotated, folder, window_s, reading, findings)
    path = presence_calibration.save_calibration(made, model, weights=args.weights)
    recordings = counted(len(annotated.recordings), "recording")
    print("\n".join([*findings.notes, f"calibrated on {recordings}: {path}"]))
    return made


def find_offset(args: argparse.Namespace, inputs: Inputs) -> float:
    """Return the offset that is given or found first, and print how far those that could be found too are from it."""
    offsets = []
    if args.offset is not None:
        offsets.append(calibration.Offset("--offset", args.offset, "as given"))
    if args.reference:
        offsets.append(calibration.offset_of_recording(inputs.blocks(), args.reference, reading_of(args)))
    if args.calibrator:
        offsets.append(calibration.offset_of_calibrator(inputs.blocks(), args.calibrator))
    if args.estimate_offset:
        offsets.append(calibration.estimate_offset(inputs.blocks()).as_offset())
    if not offsets:
        return 0.0
    if len(offsets) > 1 or args.offset is None:
        print("\n".join(calibration.compare_offsets(offsets)))
    return offsets[0].offset_db


def make_record(
    args: argparse.Namespace, files: list[Path], model: SensorClassifier, which: str
) -> dict[str, Any]:
    """Return what the output is made from: files, models and options."""
    # a student's results are the same whether its classifier's weights are here or not
    taking_part = args.weights is not None or model.transcoder.needs_classifier
    weights = [args.weights or model.classifier.record.path] if taking_part else []
    if args.transcoder and Path(args.transcoder).is_file():
        weights.append(args.transcoder)
    options = {
        key: str(value) for key, value in vars(args).items() if key not in ("files", "output", "engine")
    }
    return {
        "spectral_transcoder": spectral_transcoder.__version__,
        "files": provenance(file for file in files if file.is_file()),
        "weights": provenance(weights),
        "transcoder": which,
        "groupings": model.groupings,
        "calibration": model.calibration and asdict(model.calibration),
        "options": options,
    }


def follow(args: argparse.Namespace, standard_input: StandardInput | None) -> int:
    """Classify standard input, or a file that grows, until its end or Ctrl-C; rows go to --output or the terminal.

    Parameters
    ----------
    args : argparse.Namespace
        The command line.
    standard_input : StandardInput or None
        Standard input, where that is the source.

    Raises
    ------
    UsageError
        Several sources, or an offset to be found, which takes levels that have ended.
    LevelsError
        The source ended before its first window.
    """
    if len(args.files) != 1 or args.reference or args.calibrator or args.estimate_offset:
        raise UsageError("--follow takes one source, a file or - for standard input, and its --offset")
    source, args.offset = args.files[0], args.offset or 0.0
    live = open_source(args, source, standard_input)
    with Stop() as stop, open_rows(args.output, source) as rows:
        if not live.open(follow_bytes(source, stop, args.from_audio, standard_input)):
            if stop.asked:
                report("0 windows")
                return 0
            raise LevelsError(f"{in_words(source)} ended before its first window")
        with redirect_stdout(sys.stderr):
            period_s = (args.from_audio and args.period) or live.period_s
            model, _ = load_models(args, frame_period(period_s))
        windowing = Windowing(args.window_s, args.hop_s, args.offset, model.frames_per_second)
        n_windows = write_rows(live, model, windowing, rows, args.scores == "all", report)
    report(counted(n_windows, "window"))
    return 0


def open_source(
    args: argparse.Namespace, source: str, standard_input: StandardInput | None
) -> LiveLevels | LiveSound:
    """Return the levels or the sound that is followed."""
    if args.from_audio:
        return LiveSound(source, read_options(args), Findings(), standard_input=standard_input)
    return LiveLevels(source, read_options(args), Findings())


def report(line: str) -> None:
    """Print a line beside the rows, on stderr."""
    print(line, file=sys.stderr, flush=True)

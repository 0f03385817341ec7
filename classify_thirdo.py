"""Find sources in the third-octave levels of sensors: traffic, voices, birds, and hundreds of labels.

    python3 classify_thirdo.py day.csv --offset -88 -o export/day.parquet
    python3 classify_thirdo.py sensors/ --estimate-offset --window_s 10 -o export/week.h5
    python3 classify_thirdo.py street.wav --from-audio -o export/street.csv
    python3 classify_thirdo.py sensors/ --offset -88 --slurm -o city   # then --status, --resubmit, --join
    tail -f today.csv | python3 classify_thirdo.py - --follow --offset -88

Input: files, folders or patterns of levels every 10 ms to every second: CENSE, its Elastic export, Cirrus, NTi XL2,
Larson Davis, fast-to-ears, fast-to-wav, or any table (docs/sensors.md). Or sounds.
Output: a row for each window in CSV, HDF5 or Parquet; <output>.json, which says how it was made and what was wrong
with the levels; and a picture. A killed run goes on where it stopped. Where the models are calibrated
(calibrate_presence.py, or --calibrate), rows have the probability of each source too. A day takes 8 minutes of a core.
"""

import argparse
import math
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spectral_transcoder.models.names import CLASSIFIER_NAMES
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import LevelsError, UsageError

PERIODS = ("minute", "hour", "day")
CALIBRATE_HELP = "times of presence by people: recording,traffic,voices,birds"


def main() -> int:
    """Classify the windows of all files; return 1 where a file could not be used."""
    parser = make_parser()
    args = parser.parse_args()
    if args.slurm or args.status or args.resubmit or args.join:
        from spectral_transcoder.slurm.city_cli import run_city

        return run_city(parser, args, read_options(args))
    if not args.files:
        raise UsageError("which files? Expected files of levels, folders of them, or patterns")
    args.device = cli.choose_device(args.device)
    if args.follow:
        return follow(args)
    if args.output is None:
        raise UsageError("expected --output, a .csv, .h5 or .parquet file (or --follow)")
    from spectral_transcoder.sensors.readers.formats import find_files
    from spectral_transcoder.sensors.records import check_output

    files = find_files(args.files, args.from_audio)
    check_output(args.output, files, args.per)
    inputs = open_inputs(args, files)
    classify(args, files, inputs)
    for reason in inputs.failed.values():
        print(f"left out: {reason}", file=sys.stderr)
    return 1 if inputs.failed else 0


def open_inputs(args: argparse.Namespace, files: list[Path]) -> Any:
    """Survey the files of levels, or take the sounds as they are."""
    from spectral_transcoder.sensors.inputs import Inputs, survey_inputs
    from spectral_transcoder.signal.audio import Reading

    if args.from_audio:
        reading = Reading(args.channel, args.accept_truncated)
        return Inputs(sounds=files, normalise=not args.as_is, reading=reading)
    inputs = survey_inputs(files, read_options(args))
    inputs.between_s = args.between and tuple(args.between)
    return inputs


def classify(args: argparse.Namespace, files: list[Path], inputs: Any) -> None:
    """Load the models, find the offset and score what no run before has scored."""
    from spectral_transcoder.sensors import results
    from spectral_transcoder.sensors.run import Written, run_to_file
    from spectral_transcoder.sensors.windows import Windowing

    model, which = load_model(args, inputs.frame_s, inputs.duration_s)
    model.calibration = calibration_of(model, args)
    args.offset = find_offset(args, inputs)
    windowing = Windowing(args.window_s, args.hop_s, args.offset, model.frames_per_second)
    record = make_record(args, files, model, which)
    if results.is_whole(args.output, record):
        print(f"{args.output} is there already, made from the same files and options")
        return
    written = Written(args.output, args.scores == "all", args.per)
    print("\n".join(run_to_file(model, inputs, windowing, written, record)))


def follow(args: argparse.Namespace) -> int:
    """Classify standard input, or a file that grows, until its end or Ctrl-C; rows go to --output or the terminal."""
    from spectral_transcoder.sensors import follow as following
    from spectral_transcoder.sensors.frame_checks import Findings
    from spectral_transcoder.sensors.live import LiveLevels, LiveSound, Stop, follow_bytes
    from spectral_transcoder.sensors.resampling import frame_period
    from spectral_transcoder.sensors.windows import Windowing

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if len(args.files) != 1 or args.reference or args.calibrator or args.estimate_offset:
        raise UsageError("--follow takes one source, a file or - for standard input, and its --offset")
    source, args.offset = args.files[0], args.offset or 0.0
    kind = LiveSound if args.from_audio else LiveLevels
    live = kind(source, read_options(args), Findings())
    with Stop() as stop, following.open_rows(args.output, source) as rows:
        if not live.open(follow_bytes(source, stop)):
            raise LevelsError(f"{source} ended before its first window")
        with redirect_stdout(sys.stderr):
            model, _ = load_model(args, frame_period(live.period_s))
            model.calibration = calibration_of(model, args)
        windowing = Windowing(
            args.window_s, args.hop_s or args.window_s, args.offset, model.frames_per_second
        )
        n_windows = following.follow(live, model, windowing, rows, args.scores == "all", report)
    report(f"{n_windows} windows")
    return 0


def load_model(args: argparse.Namespace, frame_s: float, duration_s: float | None = None) -> tuple[Any, str]:
    """Return the classifier with its transcoder for frames of 125 ms or of 1 s, and which transcoder it is.

    `duration_s` is how much there is to classify, None where that is not known.
    """
    from spectral_transcoder.models.engines import choose_engine
    from spectral_transcoder.sensors.classify import SensorClassifier
    from spectral_transcoder.sensors.levels import record_of_frames
    from spectral_transcoder.sensors.models import choose_classifier, choose_transcoder

    engine = choose_engine(args.engine, math.inf if duration_s is None else duration_s, args.device)
    classifier = choose_classifier(args.classifier, args.weights, args.device, engine)
    third_octaves = record_of_frames(frame_s)
    name = classifier.record.name
    transcoder, which = choose_transcoder(
        name, args.transcoder, device=args.device, third_octaves=third_octaves
    )
    print(f"classifier: {name}; transcoder: {which}; frames of {frame_s:g} s; {args.device}")
    model = SensorClassifier(transcoder, classifier, args.grouping, args.batch_size)
    own = model.own_window
    args.hop_s = args.hop_s or args.window_s or own.hop_s
    args.window_s = args.window_s or own.window_s
    return model, which


def find_offset(args: argparse.Namespace, inputs: Any) -> float:
    """Return the offset that is given or found first, and print how far those that could be found too are from it."""
    from spectral_transcoder.sensors import calibration

    offsets = []
    if args.offset is not None:
        offsets.append(calibration.Offset("--offset", args.offset, "as given"))
    if args.reference:
        offsets.append(calibration.offset_of_recording(inputs.blocks(), args.reference))
    if args.calibrator:
        offsets.append(calibration.offset_of_calibrator(inputs.blocks(), args.calibrator))
    if args.estimate_offset:
        offsets.append(calibration.estimate_offset(inputs.blocks()).as_offset())
    if not offsets:
        return 0.0
    if len(offsets) > 1 or args.offset is None:
        print("\n".join(calibration.compare_offsets(offsets)))
    return offsets[0].offset_db


def make_record(args: argparse.Namespace, files: list[Path], model: Any, which: str) -> dict[str, Any]:
    """Return what the output is made from: files, models and options."""
    import spectral_transcoder
    from spectral_transcoder.sensors.results import provenance

    weights = [args.weights or model.classifier.record.path]
    if args.transcoder and Path(args.transcoder).is_file():
        weights.append(args.transcoder)
    options = {
        key: str(value) for key, value in vars(args).items() if key not in ("files", "output", "engine")
    }
    return {
        "spectral_transcoder": spectral_transcoder.__version__,
        "files": provenance(files),
        "weights": provenance(weights),
        "transcoder": which,
        "groupings": model.groupings,
        "calibration": model.calibration and asdict(model.calibration),
        "options": options,
    }


def calibration_of(model: Any, args: argparse.Namespace) -> Any:
    """Return what scores mean as probabilities, calibrated now if asked for; None where it is not known."""
    from spectral_transcoder.datasets.annotated_recordings import read_times_of_presence
    from spectral_transcoder.sensors import presence_calibration

    window_s = int(args.window_s)
    if not args.calibrate:
        calibration = presence_calibration.find_calibration(model, window_s)
        if calibration is None:
            name = presence_calibration.calibration_name(model, window_s)
            print(f"no probabilities: {name} is made by calibrate_presence.py")
        return calibration
    annotated = read_times_of_presence(args.calibrate)
    calibration = presence_calibration.calibrate_by_people(model, annotated, args.calibrate.parent, window_s)
    path = presence_calibration.save_calibration(calibration, model)
    print(f"calibrated on {len(annotated.recordings)} recordings: {path}")
    return calibration


def read_options(args: argparse.Namespace) -> Any:
    """Return what the command line says of files that do not say it."""
    from spectral_transcoder.sensors.readers.options import ReadOptions

    return ReadOptions(
        sensor=args.sensor,
        period_s=args.period,
        weighting=args.weighting,
        time_column=args.time_column,
        time_format=args.time_format,
        timezone=args.timezone,
        columns=args.columns,
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("files", nargs="*", help="files of levels, folders of them, or patterns")
    add("-o", "--output", type=Path, help="a .csv, .h5 or .parquet file")
    add(
        "--follow",
        action="store_true",
        help="go on as the file grows, or with what comes on - (standard input)",
    )
    add(
        "--window_s", type=float, help="duration of a window (default 1; 3 for PANN and EfficientAT, every 2)"
    )
    add("--hop_s", type=float, help="from one window to the next (default: window_s, if given)")
    add("--grouping", nargs="+", default=[], help="sonyc_ust, urbansound8k, a YAML file {class: [labels]}")
    add("--scores", choices=("all", "classes"), default="all", help="classes: without the hundreds of labels")
    add("--calibrate", type=Path, metavar="ANNOTATIONS.csv", help=CALIBRATE_HELP)
    add(
        "--per",
        nargs="+",
        choices=PERIODS,
        metavar="PERIOD",
        default=[],
        help="write times of presence per minute, hour or day (UTC) too",
    )
    add_offset_options(parser.add_argument_group("offset from the sensor's dB to dB re full scale"))
    add_model_options(parser.add_argument_group("models"))
    add_file_options(parser.add_argument_group("what the files do not say"))
    add_city_options(parser.add_argument_group("a city on a SLURM cluster; --output is then a folder"))
    return parser


def add_city_options(group: Any) -> None:
    """Add what plans, submits, shows and joins the tasks of a city."""
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--slurm", action="store_true", help="submit an array of tasks instead of computing here"
    )
    what.add_argument("--status", action="store_true", help="the tasks of -o that are not done")
    what.add_argument("--resubmit", action="store_true", help="submit the tasks of -o that have failed")
    what.add_argument(
        "--join", action="store_true", help="join the rows of -o to a partitioned Parquet dataset"
    )
    group.add_argument("--hours_per_task", type=float, default=24, help="hours of levels (default 24)")
    group.add_argument(
        "--cluster", type=Path, metavar="YAML", help="settings (default: slurm.yaml of experiment 1)"
    )
    group.add_argument(
        "--between",
        type=float,
        nargs=2,
        metavar=("BEGIN", "END"),
        help="rows of these seconds since 1970 alone",
    )


def channel(text: str) -> int | None:
    """Return the channel that an option's text is, counted from 1, or None for the mean; a type for argparse."""
    return None if text == "mean" else cli.positive(text)


def add_offset_options(group: Any) -> None:
    """Add the ways to the offset; the first that is given is used, the others are compared with it."""
    group.add_argument("--offset", type=float, help="dB added to the levels (default 0)")
    group.add_argument("--reference", type=Path, help="a recording made beside the levels")
    group.add_argument(
        "--calibrator", type=float, metavar="DB", help="the level of a 1 kHz tone in them: 94 or 114"
    )
    group.add_argument("--estimate_offset", action="store_true", help="find it in the levels themselves")


def add_model_options(group: Any) -> None:
    """Add classifier, transcoder and where they are computed."""
    group.add_argument(
        "--classifier",
        choices=CLASSIFIER_NAMES,
        metavar="NAME",
        help="default: the best that has been downloaded",
    )
    group.add_argument("--weights", type=Path, help="the classifier's file (default: in pretrained_models/)")
    group.add_argument(
        "--transcoder", help="pinv, pinv_texture, cnn_mels, cnn_logits or a path (default: the best)"
    )
    group.add_argument(
        "--batch_size", type=cli.positive, default=16, help="seconds computed together (default 16)"
    )
    cli.add_device_option(group)
    cli.add_engine_option(group)


def add_file_options(group: Any) -> None:
    """Add what a user says of files that do not say it themselves."""
    group.add_argument("--sensor", default="", help="the sensor's name")
    group.add_argument("--period", type=float, metavar="S", help="seconds between rows, 0.01 to 1")
    group.add_argument("--weighting", default="", choices=("Z", "A", "C"), help="of the bands")
    group.add_argument(
        "--columns", default="", metavar="NAME=HZ", help="columns of bands: low=20,mid=25 or 3:31=20"
    )
    group.add_argument("--time_column", default="", metavar="NAME", help="column of times, or DATE+TIME")
    group.add_argument(
        "--time_format", default="", help="such as '%%d/%%m/%%Y %%H:%%M:%%S' (default: detected)"
    )
    group.add_argument("--timezone", default="", help="of local times: Europe/Paris, +01:00 (default UTC)")
    group.add_argument(
        "--from_audio", action="store_true", help="the files are sounds: compute their levels first"
    )
    group.add_argument("--channel", type=channel, metavar="N|mean", help="of sounds (default: mean)")
    group.add_argument(
        "--accept_truncated", action="store_true", help="use what is there of sounds that were cut off"
    )
    group.add_argument("--as_is", action="store_true", help="sounds are not peak-normalised first")


if __name__ == "__main__":
    cli.run(main)

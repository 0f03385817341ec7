"""The options of classify_thirdo.py, and what they say of the files; nothing heavy is imported."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.models.names import add_model_options
from spectral_transcoder.signal.reading import add_reading_options
from spectral_transcoder.utils import cli

if TYPE_CHECKING:
    from spectral_transcoder.sensors.readers.options import ReadOptions

PERIODS = ("minute", "hour", "day")
CALIBRATE_HELP = "times of presence by people: recording,traffic,voices,birds"


def make_parser(description: str | None) -> cli.Parser:
    """Return the parser of the command line, whose help is the script's docstring."""
    parser = cli.Parser(description)
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
    add_computing_options(parser.add_argument_group("models"))
    add_file_options(parser.add_argument_group("what the files do not say"))
    add_city_options(parser.add_argument_group("a city on a SLURM cluster; --output is then a folder"))
    return parser


def add_offset_options(group: argparse._ArgumentGroup) -> None:
    """Add the ways to the offset; the first that is given is used, the others are compared with it."""
    group.add_argument("--offset", type=float, help="dB added to the levels (default 0)")
    group.add_argument("--reference", type=Path, help="a recording made beside the levels")
    group.add_argument(
        "--calibrator", type=float, metavar="DB", help="the level of a 1 kHz tone in them: 94 or 114"
    )
    group.add_argument("--estimate_offset", action="store_true", help="find it in the levels themselves")


def add_computing_options(group: argparse._ArgumentGroup) -> None:
    """Add classifier, transcoder and where they are computed."""
    add_model_options(group)
    group.add_argument(
        "--batch_size", type=cli.positive, default=16, help="seconds computed together (default 16)"
    )
    cli.add_device_option(group)
    cli.add_engine_option(group)


def add_file_options(group: argparse._ArgumentGroup) -> None:
    """Add what a user says of files that do not say it themselves."""
    group.add_argument("--sensor", default="", help="the sensor's name")
    group.add_argument(
        "--sensor_from", default="", choices=("folder", "file"), help="whose name is that of the sensor"
    )
    group.add_argument(
        "--period", type=float, metavar="S", help="seconds between rows, 0.01 to 1; of sounds too"
    )
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
    add_reading_options(group)
    group.add_argument("--as_is", action="store_true", help="sounds are not peak-normalised first")


def add_city_options(group: argparse._ArgumentGroup) -> None:
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


def read_options(args: argparse.Namespace) -> "ReadOptions":
    """Return what the command line says of files that do not say it."""
    from spectral_transcoder.sensors.readers.options import ReadOptions
    from spectral_transcoder.utils.names import readable

    return ReadOptions(
        sensor=readable(args.sensor),
        sensor_from=args.sensor_from,
        period_s=args.period,
        weighting=args.weighting,
        time_column=args.time_column,
        time_format=args.time_format,
        timezone=args.timezone,
        columns=args.columns,
    )

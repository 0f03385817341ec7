"""The command line of a city's tasks: classify_thirdo.py with --slurm, --status, --resubmit or --join."""

import argparse
import sys
from pathlib import Path
from typing import Any

from spectral_transcoder.sensors.inputs import survey_inputs
from spectral_transcoder.sensors.readers.formats import find_files
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.slurm.city import City, plan_tasks
from spectral_transcoder.slurm.cluster import OWN_SETTINGS, Cluster, read_cluster
from spectral_transcoder.utils.errors import UsageError

CITY_OPTIONS = (
    "help",
    "output",
    "slurm",
    "status",
    "resubmit",
    "join",
    "hours_per_task",
    "cluster",
    "between",
)


def run_city(parser: argparse.ArgumentParser, args: argparse.Namespace, options: ReadOptions) -> int:
    """Plan and submit a city's tasks, show their states, or join their rows.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of classify_thirdo.py.
    args : argparse.Namespace
        What it read.
    options : ReadOptions
        What the command line says of files that do not say it.

    Returns
    -------
    int
        The exit status: 1 where a file could not be used.

    Raises
    ------
    UsageError
        No folder, no files, or options that tasks cannot share.
    """
    if args.output is None:
        raise UsageError("expected --output, the folder of the city")
    city = City(args.output)
    if args.slurm:
        return submit_city(city, parser, args, options)
    if args.join:
        print(city.join())
    elif args.status:
        print(city.status())
    else:
        print(city.submit(cluster_of(args.cluster), resubmit=True))
    return 0


def submit_city(
    city: City, parser: argparse.ArgumentParser, args: argparse.Namespace, options: ReadOptions
) -> int:
    """Share out the files among tasks, and submit those that are new; return 1 where a file could not be used."""
    if (
        args.from_audio
        or args.estimate_offset
        or args.calibrator
        or args.reference
        or args.calibrate
        or args.follow
    ):
        raise UsageError(
            "--slurm takes files of levels and their --offset: find it, and calibrate, beforehand"
        )
    if not args.hours_per_task > 0:
        raise UsageError(f"--hours_per_task {args.hours_per_task:g}: expected more than 0")
    cluster = cluster_of(args.cluster)
    inputs = survey_inputs(find_files(args.files), options)
    city.plan(plan_tasks(inputs, args.hours_per_task), option_words(parser, args))
    print(city.submit(cluster))
    for reason in inputs.failed.values():
        print(f"left out: {reason}", file=sys.stderr)
    return 1 if inputs.failed else 0


def cluster_of(path: Path | None) -> Cluster:
    """Return a cluster's settings; a task has one core and no GPU unless they say otherwise.

    Raises
    ------
    UsageError
        No such file, or settings that are not valid.
    """
    if path and not path.is_file():
        raise UsageError(f"no settings of a cluster at {path}")
    return read_cluster(path or OWN_SETTINGS, {}, {"gpus": 0, "cpus": 1, "environment": sys.prefix})


def option_words(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[str]:
    """Return the options of a command line that its tasks share, as words; paths of files begin at the root."""
    words: list[str] = []
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if not action.option_strings or action.dest in CITY_OPTIONS or value == action.default:
            continue
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [action.option_strings[-1], *map(absolute, values)]
    return words


def absolute(value: Any) -> str:
    """Return a value as text, that of a file that is there from the root."""
    return (
        str(Path(value).absolute()) if isinstance(value, str | Path) and Path(value).is_file() else str(value)
    )

"""The command line of a city's tasks: classify_thirdo.py with --slurm, --status, --resubmit or --join."""

import argparse
import re
import sys
from pathlib import Path

from spectral_transcoder.sensors.inputs import Inputs, survey_inputs
from spectral_transcoder.sensors.readers.formats import find_files
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.slurm.city import City, require_slurm
from spectral_transcoder.slurm.city_plan import CityPlan
from spectral_transcoder.slurm.city_tasks import plan_tasks, shared_by_tasks
from spectral_transcoder.slurm.cluster import OWN_SETTINGS, Cluster, read_cluster
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import LevelsError, UsageError

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
PATHS = ("grouping", "transcoder")  # options that take a file or a name


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
        The exit status: 1 where a file could not be used, or has changed since it was classified.

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
        return join_city(city)
    if args.status:
        print(city.status())
    else:
        settings = args.cluster or city.settings()
        print(city.submit(cluster_of(settings), resubmit=True))
    return 0


def join_city(city: City) -> int:
    """Join the rows of a city; return 1 where they lack something, which is named."""
    said, remarks = city.join()
    print(said)
    for remark in remarks:
        cli.print_error(remark)
    return 1 if remarks else 0


def submit_city(
    city: City, parser: argparse.ArgumentParser, args: argparse.Namespace, options: ReadOptions
) -> int:
    """Share out the files among tasks, and submit those that are new; return 1 where a file could not be used."""
    refuse_options(args)
    require_slurm()
    cluster = cluster_of(args.cluster or city.settings())
    words = option_words(parser, args)
    city.refuse_other_options(words)
    planned = city.planned() or CityPlan(words, [])
    files = [path for path in find_files(args.files) if str(path.absolute()) not in planned.files]
    inputs = survey_inputs(files, options, planned.contents)
    wanted = plan_of(inputs, words, args)
    refuse_mixtures(planned, wanted)
    city.plan(wanted)
    print(city.submit(cluster))
    for remark in [*inputs.overlaps.remarks, *shared_by_tasks(inputs.overlaps, wanted.tasks)]:
        cli.print_error(remark)
    for reason in inputs.failed.values():
        cli.print_error(f"left out: {reason}")
    return 1 if inputs.failed else 0


def plan_of(inputs: Inputs, words: list[str], args: argparse.Namespace) -> CityPlan:
    """Return the plan of some files; those of which longer ones have every row are left out, as copies are."""
    known = inputs.leave_out_contained()
    contents = {digest: str(path.absolute()) for digest, path in known.items()}
    contents |= {file.digest: str(file.path.absolute()) for file in inputs.surveyed}
    return CityPlan(
        words,
        plan_tasks(inputs, args.hours_per_task),
        str(args.cluster.absolute()) if args.cluster else None,
        contents,
        inputs.frame_s if inputs.surveyed else None,
        unnamed_folders(inputs),
    )


def refuse_options(args: argparse.Namespace) -> None:
    """Raise UsageError for options that the tasks of a city cannot share."""
    found_first = (args.estimate_offset, args.calibrator, args.reference, args.calibrate)
    if args.from_audio or args.follow or any(found_first):
        raise UsageError(
            "--slurm takes files of levels and their --offset: find it, and calibrate, beforehand"
        )
    if args.between:
        raise UsageError("--slurm without --between: its tasks take all rows of the files")
    if args.per:
        raise UsageError("--slurm without --per: plot_presence.py makes times of presence of the joined rows")
    if not args.hours_per_task > 0:
        raise UsageError(f"--hours_per_task {args.hours_per_task:g}: expected more than 0")


def unnamed_folders(inputs: Inputs) -> list[str]:
    """Return the folders of files that do not name their sensor, sorted."""
    return sorted({str(file.path.absolute().parent) for file in inputs.surveyed if "" in file.sensors()})


def refuse_mixtures(planned: CityPlan, wanted: CityPlan) -> None:
    """Refuse files that one dataset cannot hold, beside those that are planned already.

    Raises
    ------
    LevelsError
        Some become frames of 125 ms, and some of 1 s.
    UsageError
        Files of several folders that do not name their sensor: their rows could not be told apart.
    """
    if planned.frame_s and wanted.frame_s and planned.frame_s != wanted.frame_s:
        raise LevelsError(
            f"the files become frames of {wanted.frame_s:g} s, those that are planned frames of {planned.frame_s:g} s: "
            "choose another output"
        )
    folders = sorted({*planned.unnamed, *wanted.unnamed})
    if len(folders) > 1:
        raise UsageError(
            f"files in {len(folders)} folders do not name their sensor, the first in {folders[0]}: "
            "give --sensor_from folder, or --sensor NAME where all are of one"
        )


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
        of_files = action.type is Path or action.dest in PATHS
        words += option_as_words(
            action.option_strings[-1], [absolute(str(one)) if of_files else str(one) for one in values]
        )
    return words


def option_as_words(name: str, values: list[str]) -> list[str]:
    """Return an option and its values as words; a single value that looks like an option is joined to its name."""
    if len(values) == 1 and re.match(r"-(?!\d*\.?\d+$)", values[0]):
        return [f"{name}={values[0]}"]
    return [name, *values]


def absolute(value: str) -> str:
    """Return a path from the root where a file is there, and any other value as it is."""
    return str(Path(value).absolute()) if Path(value).is_file() else value

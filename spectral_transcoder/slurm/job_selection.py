"""Which job files a selection of settings needs: the reference's, then one for each chain, or arrays of chains."""

import argparse
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.plans import STEP, Plan, Setting
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.slurm.cluster import Cluster, project_path
from spectral_transcoder.slurm.job_files import JOB_FOLDER, REFERENCE_FILE, SUFFIX, JobFile
from spectral_transcoder.slurm.queue import most_tasks
from spectral_transcoder.utils.errors import UsageError

REFERENCE = "reference"  # the plan that comes first


def job_files(
    experiment: Experiment,
    settings: Sequence[Setting],
    options: Sequence[str],
    cluster: Cluster,
    local: str,
    array: int | None = None,
) -> list[JobFile]:
    """Return the job files of a selection, the reference first.

    Parameters
    ----------
    experiment : Experiment
        The experiment that the settings belong to.
    settings : list of Setting
        The selection. The reference job has its settings of that plan, and the reference settings of every
        dataset and classifier in it.
    options : sequence of str
        Options of the experiment, for the jobs' command lines.
    cluster : Cluster
        Its modules and its Python environment.
    local : str
        The command that computes the same without SLURM.
    array : int, optional
        Put all chains but the reference's into arrays, this many chains at a time, or 0 for all at once.

    Returns
    -------
    list of JobFile

    Raises
    ------
    UsageError
        There are more arrays than chains at a time (see `arrays`).
    """
    others = chain_selectors(experiment.plans, [setting for setting in settings if setting.plan != REFERENCE])

    common: dict[str, Any] = {
        "options": tuple(options),
        "array": None,
        "modules": cluster.modules,
        "environment": cluster.environment,
        "local": local,
    }
    selectors = tuple(chain_selectors(experiment.plans, reference_settings(experiment, settings)))
    name = f"{REFERENCE}-{_digest(selectors, options)}"
    files = [JobFile(path=REFERENCE_FILE, name=name, settings=selectors, **common)]
    for selector, (setting, *_) in others.items():
        name = f"{setting.plan}-{setting.classifier}-{_digest([selector], options)}"
        path = JOB_FOLDER / f"{name}{SUFFIX}"
        files.append(JobFile(path=path, name=name, settings=(selector,), **common))
    if array is None or not others:
        return files
    return [files[0], *arrays(files[1], tuple(others), array)]


def reference_settings(experiment: Experiment, settings: Sequence[Setting]) -> list[Setting]:
    """Return the reference settings of every dataset and classifier of a selection, and the selected ones."""
    pairs = dict.fromkeys((setting.dataset, setting.classifier) for setting in settings)
    first = [{"plan": REFERENCE, "dataset": dataset, "classifier": name} for dataset, name in pairs]
    reference = {setting.id(): setting for setting in select(experiment.plans, repr(first))}
    reference |= {setting.id(): setting for setting in settings if setting.plan == REFERENCE}
    return list(reference.values())


def chain_selectors(plans: Mapping[str, Plan], settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    """Return a selector for each chain among the settings: {selector: settings of the chain}."""
    chains: dict[tuple[str, str], list[Setting]] = {}
    for setting in settings:
        chains.setdefault((setting.plan, setting.chain), []).append(setting)
    selectors = {}
    for (plan, chain), members in chains.items():
        steps = [getattr(setting, STEP) for setting in members]
        some = "" if steps == plans[plan].steps else f"+{STEP}={'+'.join(steps)}"
        selectors[f"{plan}/{chain}{some}"] = members
    return selectors


def arrays(like: JobFile, selectors: tuple[str, ...], at_a_time: int) -> list[JobFile]:
    """Return the job files of as many arrays, about equally long, as some chains need.

    Parameters
    ----------
    like : JobFile
        A job file that they equal but for the chains.
    selectors : tuple of str
        The chains' selectors.
    at_a_time : int
        Number of chains that run at a time, over all arrays; 0 for all.

    Raises
    ------
    UsageError
        There are more arrays than chains at a time, and each has one at least.
    """
    most = most_tasks()
    n_files = math.ceil(len(selectors) / most)
    if 0 < at_a_time < n_files:
        raise UsageError(
            f"--array {at_a_time}: {len(selectors)} chains of settings are {n_files} arrays, since SLURM takes "
            f"{most} tasks in each: give {n_files} or more, or select fewer settings"
        )
    files = []
    for part in range(n_files):
        first, end = (len(selectors) * edge // n_files for edge in (part, part + 1))
        own = selectors[first:end]
        name = f"array-{_digest(own, like.options)}"
        share = (at_a_time + part) // n_files  # the shares' sum is the whole
        path = JOB_FOLDER / f"{name}{SUFFIX}"
        files.append(replace(like, path=path, name=name, settings=own, array=share))
    return files


def _digest(selectors: Iterable[str], options: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps([list(selectors), list(options)]).encode()).hexdigest()[:6]


def experiment_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    """Return a command line of the experiment as a list of words, as job files have it.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the experiment's own options.
    options : argparse.Namespace
        The parsed command line, which may hold further options.
    """
    words = []
    for name in vars(parser.parse_args([])):
        value = getattr(options, name)
        if name != "data_path" and value == parser.get_default(name):
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name}", project_path(one) if isinstance(one, Path) else str(one)]
    return words

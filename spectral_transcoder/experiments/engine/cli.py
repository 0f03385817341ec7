"""The command line that experiments share: select, list, compute, display, export."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord, Step
from spectral_transcoder.experiments.engine.options import WORKER
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.engine.run_store import RunRecord, RunStore, State
from spectral_transcoder.experiments.engine.runner import Compute, InThisProcess, Runner, compute_one
from spectral_transcoder.experiments.engine.selectors import named_modalities, select
from spectral_transcoder.experiments.engine.tables import claim_export, export, results_table
from spectral_transcoder.experiments.engine.workers import Workers, interruptible, stop_with_launcher
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import EXPORT
from spectral_transcoder.utils.words import counted

MISSING = "missing"  # pending, but data or weights are not here


def run_experiment(
    build: Callable[[argparse.Namespace], Experiment],
    load_steps: Callable[[], Mapping[str, Step]],
    options: argparse.Namespace,
) -> int:
    """Do what a command line asks of an experiment.

    Parameters
    ----------
    build : callable
        (options) -> Experiment: the plans and folders may depend on the options.
    load_steps : callable
        () -> {name of a step: (setting, experiment) that computes a setting of it and writes its files}. It is
        called when something is computed, so that listings and tables need not wait for what steps import.
    options : argparse.Namespace
        The command line, as `parse_options` read it.

    Returns
    -------
    int
        The exit status: 1 if a setting failed.
    """
    if options.export:
        claim_export(EXPORT / options.export)
    experiment = build(options)
    settings = select(experiment.plans, options.select)
    metrics = _metrics(experiment, options.display)
    if options.worker:
        stop_with_launcher()
        (setting,) = settings
        with interruptible():
            return int(compute_one(experiment, setting, load_steps(), options.force, printing_to_log=True))
    if options.list:
        list_states(experiment, settings)
    status = 0
    if options.compute:
        with interruptible():
            status = Runner(experiment, _computer(experiment, load_steps, options)).run(
                settings, named_modalities(experiment.plans, options.select)
            )
    if options.display is not None or options.export:
        show_results(experiment, settings, metrics, options)
    return status


def _computer(
    experiment: Experiment,
    load_steps: Callable[[], Mapping[str, Step]],
    options: argparse.Namespace,
) -> Compute:
    if options.compute == 1:
        return InThisProcess(experiment, load_steps(), options.force)
    command = [sys.executable, sys.argv[0], *options.argv, WORKER, "-s"]  # the last -s counts
    return Workers(experiment, command, options.compute, options.force)


def list_states(experiment: Experiment, settings: Sequence[Setting]) -> None:
    """Print each setting's selector with its state, and how many are in each."""
    store = RunStore(experiment)
    counts: Counter[str] = Counter()
    for setting in settings:
        state, record = store.look(setting)
        reason = experiment.missing(setting) if state is State.PENDING else None
        word = MISSING if reason else state.value
        counts[word] += 1
        detail = f"\n        {reason}" if reason else _detail(state, record, store.log_path(setting))
        print(f"{word:8}{setting.selector}{detail}")
    words = [*(state.value for state in State), *([MISSING] if counts[MISSING] else [])]
    states = ", ".join(f"{counts[word]} {word}" for word in words)
    print(f"{counted(len(settings), 'setting')}: {states}")


def _detail(state: State, record: RunRecord | None, log: Path) -> str:
    if record is None:
        return ""
    if state is State.FAILED:
        return f"\n        {record.error}\n        log: {log}"
    if state is State.RUNNING:
        return f"  since {record.started} on {record.host}, process {record.pid}"
    if state is State.DONE:
        return f"  in {record.duration_s:.1f} s"
    return ""


def show_results(
    experiment: Experiment,
    settings: Sequence[Setting],
    metrics: Sequence[MetricRecord],
    options: argparse.Namespace,
) -> None:
    """Print the table of a selection's results, and write it where `-e` says."""
    table = results_table(experiment, settings, metrics, options.over)
    print(table.text())
    if not options.display and len(metrics) < len(experiment.metrics):
        print(f"further metrics, by -d: {_numbered(experiment, without=metrics)}")
    if options.export:
        print(f"written: {export(table, EXPORT / options.export)}")


def _metrics(experiment: Experiment, indices: str | None) -> list[MetricRecord]:
    """Return the records of the metrics that `-d 0,3` or `-d [0,3]` asks for, by default those shown."""
    if not indices:
        return [metric for metric in experiment.metrics if metric.shown]
    try:
        return [experiment.metrics[_index(text)] for text in indices.strip("[] ").split(",")]
    except (ValueError, IndexError) as error:
        raise UsageError(f"-d {indices}: expected indices of metrics, of {_numbered(experiment)}") from error


def _numbered(experiment: Experiment, without: Collection[MetricRecord] = ()) -> str:
    metrics = enumerate(experiment.metrics)
    return ", ".join(f"{index} {metric.name}" for index, metric in metrics if metric not in without)


def _index(text: str) -> int:
    index = int(text)
    if index < 0:
        raise ValueError(text)
    return index

"""Computing a selection: each setting once, its chain's steps in order, several at a time if asked.

The steps run one after the other across the selection: all that is to be trained, then all that is to be
evaluated, … A failed setting stops its own chain only.
"""

import enum
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from spectral_transcoder.experiments.engine.experiment import Experiment, Step
from spectral_transcoder.experiments.engine.plans import STEP, Setting
from spectral_transcoder.experiments.engine.run_store import RunningElsewhere, RunStore, State
from spectral_transcoder.utils.errors import Interrupted, SpectralTranscoderError
from spectral_transcoder.utils.files import full_disk_reported
from spectral_transcoder.utils.progress import Progress
from spectral_transcoder.utils.words import counted

PATIENCE_S = 3.0  # before a second look at what runs elsewhere: the workers of a killed launcher are ending


class Outcome(enum.IntEnum):
    """What came of a setting; the exit status of the process that computes it alone."""

    COMPUTED = 0
    FAILED = 10
    UP_TO_DATE = 11
    RUNNING_ELSEWHERE = 12
    MISSING = 13
    INTERRUPTED = Interrupted.status


Report = Callable[[Setting, Outcome], None]
Compute = Callable[[Sequence[Setting], Report], None]

SAYINGS = {
    Outcome.COMPUTED: "computed",
    Outcome.UP_TO_DATE: "done before",
    Outcome.FAILED: "failed",
    Outcome.RUNNING_ELSEWHERE: "running elsewhere",
    Outcome.MISSING: "missing",
}


def compute_one(
    experiment: Experiment,
    setting: Setting,
    steps: Mapping[str, Step],
    force: bool = False,
    printing_to_log: bool = False,
) -> Outcome:
    """Compute a setting unless it is done, holding its chain's lock.

    Parameters
    ----------
    experiment : Experiment
        The experiment whose setting it is.
    setting : Setting
        What to compute.
    steps : dict of str to callable
        By the name of a step, (setting, experiment): computes and writes.
    force : bool
        Compute what is done, too.
    printing_to_log : bool
        Send what this process prints from now on to the setting's log.

    Returns
    -------
    Outcome
        Also of a step that raised: the error is in the record and the log.

    Raises
    ------
    Interrupted
        The step was asked to stop; the setting is pending again.
    """
    store = RunStore(experiment)
    if not force and store.state(setting) is State.DONE:
        return Outcome.UP_TO_DATE
    try:
        with store.locked(setting):
            if not force and store.state(setting) is State.DONE:  # by another launcher, meanwhile
                return Outcome.UP_TO_DATE
            return _compute_locked(experiment, store, setting, steps, printing_to_log)
    except RunningElsewhere:
        return Outcome.RUNNING_ELSEWHERE


def _compute_locked(
    experiment: Experiment,
    store: RunStore,
    setting: Setting,
    steps: Mapping[str, Step],
    printing_to_log: bool,
) -> Outcome:
    start = time.monotonic()
    record = store.start(setting)
    log = store.log_path(setting)
    with full_disk_reported(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{setting.id()}\nsince {record.started} on {record.host}, process {record.pid}\n")
    if printing_to_log:
        _print_to(log)
    try:
        steps[setting.values.get(STEP, experiment.steps[-1])](setting, experiment)
    except Interrupted:
        raise
    except Exception as error:
        with full_disk_reported(log), log.open("a") as file:
            traceback.print_exc(file=file)
        name = "" if isinstance(error, SpectralTranscoderError) else f"{type(error).__name__}: "
        store.fail(setting, record, time.monotonic() - start, f"{name}{error}")
        return Outcome.FAILED
    store.finish(setting, record, time.monotonic() - start)
    return Outcome.COMPUTED


def _print_to(log: Path) -> None:
    """Send the standard streams to a file: their descriptors, so that libraries' messages go there too."""
    with log.open("a") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


class Runner:
    """Computes the settings of a selection.

    Parameters
    ----------
    experiment : Experiment
        The experiment whose settings they are.
    compute : callable
        (settings, report): computes settings of one step in any order, and calls report(setting, outcome)
        as each ends: `InThisProcess` or `workers.Workers`.
    """

    def __init__(self, experiment: Experiment, compute: Compute) -> None:
        self.experiment, self.compute = experiment, compute
        self.store = RunStore(experiment)
        self.stopped_chains: set[str] = set()
        self.counts: Counter[Outcome] = Counter()
        self.missing: dict[str, list[Setting]] = {}  # by why: settings of which data or weights are not here
        self.progress: Progress

    def run(self, settings: Sequence[Setting], named: Mapping[str, Collection[str]] | None = None) -> int:
        """Compute the settings, say what came of them, and return the exit status.

        Parameters
        ----------
        settings : list of Setting
            What to compute.
        named : dict of str to collection of str, optional
            The modalities that the selector names, by factor.

        Returns
        -------
        int
            1 if a setting failed, if data or weights of all are missing, or of all those of a modality that was
            named; else 0.
        """
        name = self.experiment.project.name
        with self.experiment.progress(len(settings), name, "setting") as self.progress:
            for group in self._by_step(settings):
                self._run_group(group)
        for reason, missing in self.missing.items():
            print(f"missing: {counted(len(missing), 'setting')}, such as {missing[0].selector}\n  {reason}")
        print(self._summary(len(settings)))
        return 1 if self.counts[Outcome.FAILED] or self._lacks_what_was_named(settings, named or {}) else 0

    def _lacks_what_was_named(
        self, settings: Sequence[Setting], named: Mapping[str, Collection[str]]
    ) -> bool:
        """Whether nothing of the selection is here, or nothing of a modality that the selector names."""
        chains = {setting.chain for missing in self.missing.values() for setting in missing}
        here = [setting for setting in settings if setting.chain not in chains]
        if settings and not here:
            return True
        selected = {(factor, str(value)) for setting in settings for factor, value in setting.values.items()}
        found = {(factor, str(value)) for setting in here for factor, value in setting.values.items()}
        wanted = {(factor, value) for factor, values in named.items() for value in values}
        return bool(wanted & selected - found)

    def _by_step(self, settings: Sequence[Setting]) -> list[list[Setting]]:
        order = {step: position for position, step in enumerate(self.experiment.steps)}
        groups: dict[int, list[Setting]] = {}
        for setting in settings:
            groups.setdefault(order.get(getattr(setting, STEP, ""), 0), []).append(setting)
        return [groups[position] for position in sorted(groups)]

    def _run_group(self, settings: Sequence[Setting]) -> None:
        """Compute the settings of one step; those that run elsewhere are tried once more at the end."""
        elsewhere: list[Setting] = []

        def report(setting: Setting, outcome: Outcome) -> None:
            if outcome is Outcome.RUNNING_ELSEWHERE:
                elsewhere.append(setting)
            else:
                self._record(setting, outcome)

        going = [setting for setting in settings if setting.chain not in self.stopped_chains]
        self.compute([setting for setting in going if not self._is_missing(setting)], report)
        if elsewhere:
            time.sleep(PATIENCE_S)
            self.compute(elsewhere, self._record)

    def _is_missing(self, setting: Setting) -> bool:
        """Note a setting that is not done and of which data or weights are not here."""
        if self.store.state(setting) is State.DONE:
            return False
        reason = self.experiment.missing(setting)
        if reason is None:
            return False
        self.missing.setdefault(reason, []).append(setting)
        self.counts[Outcome.MISSING] += 1
        self.stopped_chains.add(setting.chain)
        self.progress.advance(f"missing {setting.selector}")
        return True

    def _record(self, setting: Setting, outcome: Outcome) -> None:
        self.counts[outcome] += 1
        if outcome in (Outcome.FAILED, Outcome.RUNNING_ELSEWHERE):
            self.stopped_chains.add(setting.chain)
            record = self.store.record(setting)
            if outcome is Outcome.FAILED and record:
                detail = f"{record.error}\n  log: {self.store.log_path(setting)}"
            else:
                detail = (
                    f"a step of its chain runs on {record.host}" if record else "a step of its chain runs"
                )
            self.progress.say(f"{SAYINGS[outcome]}: {setting.selector}\n  {detail}")
        self.progress.advance(f"{SAYINGS[outcome]} {setting.selector}")

    def _summary(self, total: int) -> str:
        parts = [
            f"{self.counts[outcome]} {saying}" for outcome, saying in SAYINGS.items() if self.counts[outcome]
        ]
        not_started = total - self.counts.total()
        if not_started:
            parts.append(
                f"{not_started} not started, since a step before theirs failed, lacks something or runs elsewhere"
            )
        return f"{counted(total, 'setting')}: {', '.join(parts)}"


class InThisProcess:
    """Computes settings one after the other, through doce's `Experiment.do`.

    Parameters
    ----------
    experiment : Experiment
        The experiment whose settings they are.
    steps : dict of str to callable
        By the name of a step, (setting, experiment): computes and writes.
    force : bool
        Compute what is done, too.
    """

    def __init__(self, experiment: Experiment, steps: Mapping[str, Step], force: bool = False) -> None:
        self.experiment, self.steps, self.force = experiment, steps, force

    def __call__(self, settings: Sequence[Setting], report: Report) -> None:
        """Compute settings, and report each as it ends."""
        of_plan: dict[str, list[Setting]] = {}
        for setting in settings:
            of_plan.setdefault(setting.plan, []).append(setting)
        for plan, members in of_plan.items():
            self.experiment.call_on(self.experiment.plans[plan], members, self._compute, report)

    def _compute(self, setting: Setting, experiment: Experiment, report: Report) -> None:
        report(setting, compute_one(experiment, setting, self.steps, self.force))

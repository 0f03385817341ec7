"""Job files: Python with `#SBATCH` lines first, one for each chain of settings, or an array of them."""

import ast
import hashlib
import json
import math
import pprint
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from string import Template

from spectral_transcoder.experiments.engine.plans import STEP
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.models.labels import DATA
from spectral_transcoder.slurm.cluster import project_path
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "exp_train_model" / "launch_experiment"
REFERENCE_FILE = FOLDER / "jean_zay_slurm_reference.slurm"
JOB_FOLDER = FOLDER / "slurms"
TEMPLATE = DATA / "job.slurm"
MARKER = "# Written by slurms_create.py, which replaces it."
SUFFIX = ".slurm"
REFERENCE = "reference"  # the plan that comes first
MOST_TASKS = 1001  # of a job array: what SLURM takes where its MaxArraySize was not changed


@dataclass(frozen=True)
class JobFile:
    """What a job file says: its `JOB`, and where it lies.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Of the job; no two files of a project have the same unless they compute the same.
    settings : tuple of str
        A selector for each chain of settings.
    options : tuple of str
        The experiment's, as on its command line; relative paths begin at the project.
    array : int or None
        How many tasks of the array at a time, 0 for all; None computes the chains one after the other.
    modules : tuple of str
        Loaded first.
    environment : str or None
        Folder of the Python environment.
    local : str
        The command that computes the same without SLURM.
    """

    path: Path
    name: str
    settings: tuple
    options: tuple
    array: int | None
    modules: tuple
    environment: str | None
    local: str

    @property
    def is_reference(self):
        """Whether it is the job that the others wait for."""
        return self.path.name == REFERENCE_FILE.name

    def text(self, cluster):
        """Return the file's content."""
        at_a_time = f"%{self.array}" if self.array else ""
        array = None if self.array is None else f"0-{len(self.settings) - 1}{at_a_time}"
        job = {name: value for name, value in asdict(self).items() if name != "path"}
        job = {name: list(value) if isinstance(value, tuple) else value for name, value in job.items()}
        n_chains = len(self.settings)
        return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
            header=cluster.header(self.name, array),
            marker=MARKER,
            what=f"Compute {n_chains} chain{'s' * (n_chains > 1)} of settings of experiment 1 under SLURM.",
            path=self.path.relative_to(PROJECT_ROOT),
            job=pprint.pformat(job, width=110, sort_dicts=False),
        )

    @classmethod
    def read(cls, path):
        """Return the job file at a path.

        Raises
        ------
        UsageError
            It is not one that slurms_create.py wrote.
        """
        if not is_ours(path):
            raise UsageError(f"{path}: expected a job file that slurms_create.py wrote")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "JOB":
                job = ast.literal_eval(node.value)
        job = {name: tuple(value) if isinstance(value, list) else value for name, value in job.items()}
        return cls(path, **job)


def is_ours(path):
    """Say whether a file is a job file that slurms_create.py wrote."""
    return path.is_file() and MARKER in path.read_text(encoding="utf-8", errors="replace").splitlines()


def chain_selectors(plans, settings):
    """Return a selector for each chain among the settings: {selector: settings of the chain}."""
    chains = {}
    for setting in settings:
        chains.setdefault((setting.plan, setting.chain), []).append(setting)
    selectors = {}
    for (plan, chain), members in chains.items():
        steps = [getattr(setting, STEP, None) for setting in members]
        some = "" if steps == plans[plan].steps else f"+{STEP}={'+'.join(steps)}"
        selectors[f"{plan}/{chain}{some}"] = members
    return selectors


def job_files(experiment, settings, options, cluster, local, array=None):
    """Return the job files of a selection, the reference first.

    Parameters
    ----------
    experiment : Experiment
        Whose settings they are.
    settings : list of Setting
        The selection. The reference job has its settings of that plan, and the reference settings of every
        dataset and classifier in it.
    options : sequence of str
        The experiment's, for the jobs' command lines.
    cluster : Cluster
        For the environment.
    local : str
        The command that computes the same without SLURM.
    array : int, optional
        Arrays for all chains but the reference's: so many chains at a time, or 0 for all.

    Returns
    -------
    list of JobFile

    Raises
    ------
    UsageError
        As `arrays`.
    """
    pairs = dict.fromkeys((setting.dataset, setting.classifier) for setting in settings)
    first = [{"plan": REFERENCE, "dataset": dataset, "classifier": name} for dataset, name in pairs]
    reference = {setting.id(): setting for setting in select(experiment.plans, repr(first))}
    reference |= {setting.id(): setting for setting in settings if setting.plan == REFERENCE}
    others = chain_selectors(experiment.plans, [setting for setting in settings if setting.plan != REFERENCE])

    common = {
        "options": tuple(options),
        "array": None,
        "modules": cluster.modules,
        "environment": cluster.environment,
        "local": local,
    }
    selectors = tuple(chain_selectors(experiment.plans, reference.values()))
    name = f"{REFERENCE}-{_digest(selectors, options)}"
    files = [JobFile(path=REFERENCE_FILE, name=name, settings=selectors, **common)]
    for selector, (setting, *_) in others.items():
        name = f"{setting.plan}-{setting.classifier}-{_digest([selector], options)}"
        path = JOB_FOLDER / f"{name}{SUFFIX}"
        files.append(JobFile(path=path, name=name, settings=(selector,), **common))
    if array is None or not others:
        return files
    return [files[0], *arrays(files[1], tuple(others), array)]


def arrays(like, selectors, at_a_time):
    """Return the job files of as many arrays, about equally long, as some chains need.

    Parameters
    ----------
    like : JobFile
        What they have but for the chains.
    selectors : tuple of str
        Of the chains.
    at_a_time : int
        How many chains, over all arrays; 0 for all.

    Raises
    ------
    UsageError
        There are more arrays than chains at a time, and each has one at least.
    """
    n_files = math.ceil(len(selectors) / MOST_TASKS)
    if 0 < at_a_time < n_files:
        raise UsageError(
            f"--array {at_a_time}: {len(selectors)} chains of settings are {n_files} arrays, since SLURM takes "
            f"{MOST_TASKS} tasks in each: give {n_files} or more, or select fewer settings"
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


def _digest(selectors, options):
    return hashlib.sha256(json.dumps([list(selectors), list(options)]).encode()).hexdigest()[:6]


def write_job_files(files, cluster):
    """Write job files, and remove those of an earlier call that are not among them.

    Raises
    ------
    UsageError
        A file of that name that slurms_create.py did not write: nothing is written then.
    """
    foreign = [file.path for file in files if file.path.exists() and not is_ours(file.path)]
    if foreign:
        raise UsageError(f"{foreign[0]} is not a file that slurms_create.py wrote: move it away")
    for path in set(JOB_FOLDER.glob(f"*{SUFFIX}")) - {file.path for file in files}:
        if is_ours(path):
            path.unlink()
    for file in files:
        with atomic_path(file.path) as temporary:
            temporary.write_text(file.text(cluster), encoding="utf-8")


def read_job_files():
    """Return the job files that slurms_create.py wrote last, the reference first.

    Raises
    ------
    UsageError
        They are of different calls, so that some have other folders.
    """
    paths = [REFERENCE_FILE, *(path for path in sorted(JOB_FOLDER.glob(f"*{SUFFIX}")) if is_ours(path))]
    files = [JobFile.read(path) for path in paths]
    if len({file.options for file in files}) > 1:
        raise UsageError(
            f"the job files in {JOB_FOLDER} have other options than {REFERENCE_FILE.name}: "
            "make them again with slurms_create.py"
        )
    return files


def chosen_of(files, paths):
    """Return the paths of job files as those have them, for a choice among them.

    Parameters
    ----------
    files : list of JobFile
        All of them.
    paths : list of Path
        As the command line names some.

    Returns
    -------
    set of Path

    Raises
    ------
    UsageError
        One is not of these files.
    """
    known = {file.path for file in files}
    for path in paths:
        if path.resolve() not in known:
            raise UsageError(
                f"{path}: expected {REFERENCE_FILE.name} or a file of {JOB_FOLDER}, as slurms_create.py wrote them last"
            )
    return {path.resolve() for path in paths}


def experiment_options(parser, options):
    """Return a command line of the experiment as a list of words, as job files have it.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the experiment's own options.
    options : argparse.Namespace
        What it parsed, and perhaps more.
    """
    words = []
    for name in vars(parser.parse_args([])):
        value = getattr(options, name)
        if name != "data_path" and value == parser.get_default(name):
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name}", project_path(one) if isinstance(one, Path) else str(one)]
    return words


def in_words(words):
    """Return a command as it is typed."""
    return shlex.join(map(str, words))

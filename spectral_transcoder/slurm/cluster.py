"""Settings of a cluster, as SLURM needs them for every job, from the user's own file and the command line."""

import argparse
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import PROJECT_ROOT

OWN_SETTINGS = PROJECT_ROOT / "exp_train_model" / "launch_experiment" / "slurm.yaml"
OPTIONS = {
    "account": "who pays: abc@v100",
    "partition": "gpu_p13, …",
    "constraint": "v100-32g, …",
    "qos": "qos_gpu-t3, …",
    "time": "limit of a run, after which a job is requeued and goes on (default 20:00:00)",
    "gpus": "of a job (default --devices); 0 asks for none",
    "cpus": "of a job (default 10 for each GPU)",
    "notice_s": "seconds of notice before the time limit (default 120, 60 or more)",
    "modules": "to be loaded first; may be given several times",
    "environment": "folder of the Python environment (default: the one that runs this)",
    "mail": "address to write to when a job has ended or failed",
    "sbatch": "further options of sbatch, written with =: --sbatch=--mem=32G",
}
OWN_ENVIRONMENT = ".venv"
PATIENCE_S = 60  # how long the computation may take to end, once a job has notice of its time limit
LEAST = {"gpus": 0, "cpus": 1, "notice_s": PATIENCE_S}
LISTS = ("modules", "sbatch")
# the pattern that an option has to match, and the same in words
WORD = (r"\S+", "no white space, since it becomes a line of a job's header")
FORMS = {
    **{name: ("[0-9]+", f"a whole number, {least} or more") for name, least in LEAST.items()},
    "time": (
        "([0-9]+-)?[0-9]+(:[0-9]+){0,2}|UNLIMITED",
        "minutes, minutes:seconds, hours:minutes:seconds, days-hours or days-hours:minutes:seconds",
    ),
    "environment": (".+", "a folder"),
}


@dataclass(frozen=True)
class Cluster:
    """The settings of a cluster for every job; the defaults are Jean Zay's, one V100.

    Attributes
    ----------
    account, partition, constraint, qos : str or None
        SLURM's options of these names.
    time : str
        Time limit of a job, in SLURM's forms: "20:00:00".
    gpus : int
        GPUs of a job; 0 asks for none.
    cpus : int or None
        CPU cores of a job, by default 10 for each GPU.
    notice_s : int
        Seconds of notice that a job is given before its time limit: `PATIENCE_S` or more, or SLURM ends it first.
    modules : sequence of str
        Modules that are loaded before anything else.
    environment : str or None
        Folder of the Python environment, virtual or conda's; None is `.venv`, or the job file's own python.
    mail : str or None
        Address that SLURM writes to when a job has ended or failed.
    sbatch : sequence of str
        Further options of sbatch, "--mem=32G" say.
    """

    account: str | None = None
    partition: str | None = None
    constraint: str | None = None
    qos: str | None = None
    time: str = "20:00:00"
    gpus: int = 1
    cpus: int | None = None
    notice_s: int = 120
    modules: tuple[str, ...] = ()
    environment: str | None = None
    mail: str | None = None
    sbatch: tuple[str, ...] = ()

    def header(self, name: str, array: str | None = None) -> str:
        """Return the `#SBATCH` lines of a job called `name`; `array` is what its --array says."""
        named = {key: getattr(self, key) for key in ("account", "partition", "constraint", "qos")}
        task = "%A_%a" if array else "%j"
        options = {
            "job-name": name,
            **named,
            "nodes": 1,
            "ntasks": 1,
            "gres": f"gpu:{self.gpus}" if self.gpus else None,
            "cpus-per-task": self.cpus or 10 * max(1, self.gpus),
            "hint": "nomultithread",
            "time": self.time,
            "signal": f"B:USR1@{self.notice_s}",
            "array": array,
            "output": f"slurm_{name}_{task}.log",
            "open-mode": "append",  # a requeue would begin it anew
            "mail-type": "END,FAIL" if self.mail else None,
            "mail-user": self.mail,
        }
        lines = [f"--{option}={value}" for option, value in options.items() if value is not None]
        return "\n".join(f"#SBATCH {line}" for line in [*lines, "--requeue", *self.sbatch])


def read_cluster(path: Path, chosen: dict[str, Any], otherwise: dict[str, Any]) -> Cluster:
    """Return the `Cluster` of a YAML file, where there is one, and of the command line, which wins.

    Parameters
    ----------
    path : Path
        Lines `account: abc@v100`, by the names of `Cluster`.
    chosen : dict
        Settings of the command line, by the same names; None is not chosen.
    otherwise : dict
        Defaults in place of those of `Cluster`.

    Raises
    ------
    UsageError
        The file is not valid (see `read_settings`), or a value has not the form that its option expects.
    """
    chosen = {name: value for name, value in chosen.items() if value is not None}
    values = {**otherwise, **read_settings(path), **chosen}
    return Cluster(**{name: _value(name, given) for name, given in values.items()})


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a YAML file, as text: {name: value}, without those that it leaves empty.

    Raises
    ------
    UsageError
        The file is not UTF-8, not YAML, not of names and values, or has an unknown name.
    """
    try:
        # all as text: to YAML, 20:00:00 is a number to the base of 60
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) if path.is_file() else None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path}: expected YAML in UTF-8, such as `account: abc@v100`: {reason}") from error
    content = content or {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: expected lines such as `account: abc@v100`, got {content!r}")
    for name in content:
        if name not in OPTIONS:
            raise UsageError(f"{path}: {name!r}: expected one of {', '.join(OPTIONS)}")
    return {name: value for name, value in content.items() if value != ""}


def _value(name: str, given: Any) -> Any:
    """Return the value of an option, given as text, as a list of texts, or as a whole number."""
    if name not in LISTS:
        return _one(name, given)
    if not isinstance(given, str | list | tuple):
        raise UsageError(f"{name}: expected a word, or a list [of, words], got {given!r}")
    return tuple(_one(name, word) for word in ([given] if isinstance(given, str) else given))


def _one(name: str, given: Any) -> str | int:
    if not isinstance(given, str | int):
        raise UsageError(f"{name}: expected one value, got {given!r}")
    pattern, expected = FORMS.get(name, WORD)
    if not re.fullmatch(pattern, str(given)) or (name in LEAST and int(given) < LEAST[name]):
        raise UsageError(f"{name}: expected {expected}, got {given!r}")
    return int(given) if name in LEAST else given


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each attribute of `Cluster`, and one for the file that keeps them."""
    group = parser.add_argument_group("the cluster, by default Jean Zay with one GPU")
    group.add_argument(
        "--settings",
        type=Path,
        default=OWN_SETTINGS,
        help=f"YAML of the options below (default {OWN_SETTINGS.name} beside the script)",
    )
    for name, text in OPTIONS.items():
        group.add_argument(f"--{name}", action="append" if name in LISTS else "store", help=text)


def cluster_of(options: argparse.Namespace) -> Cluster:
    """Return the `Cluster` that the command line and its settings file describe.

    Unless they say otherwise, a job has a GPU for each of the --devices, and the environment that runs this.

    Raises
    ------
    UsageError
        The settings are not valid (see `read_cluster`), or the file that the command line names does not exist.
    """
    if options.settings != OWN_SETTINGS and not options.settings.is_file():
        raise UsageError(f"no settings at {options.settings}")
    chosen = {name: getattr(options, name) for name in OPTIONS}
    cluster = read_cluster(options.settings, chosen, {"gpus": options.devices, "environment": sys.prefix})
    environment = project_path(cluster.environment or sys.prefix)
    # the project's own is found by itself: the job files are the same for everybody who has it
    return replace(cluster, environment=None if environment == OWN_ENVIRONMENT else environment)


def project_path(path: str | Path) -> str:
    """Return a path as job files have it: relative to the project where it is inside."""
    path = Path(path).absolute()
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)

"""Job files: Python with `#SBATCH` lines first, written, read, and distinguished from others' files."""

import ast
import pprint
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from spectral_transcoder.models.labels import DATA
from spectral_transcoder.slurm.cluster import Cluster
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT
from spectral_transcoder.utils.words import counted

FOLDER = PROJECT_ROOT / "exp_train_model" / "launch_experiment"
REFERENCE_FILE = FOLDER / "jean_zay_slurm_reference.slurm"
JOB_FOLDER = FOLDER / "slurms"
TEMPLATE = DATA / "job.slurm"
MARKER = "# Written by slurms_create.py, which replaces it."
SUFFIX = ".slurm"
USAGE = """\
    python3 {path}
        submits it, or computes here where there is no SLURM
    sbatch {path}
        submits it too, from anywhere in the project's folder"""


@dataclass(frozen=True)
class JobFile:
    """The content of a job file (its `JOB`), and its path.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Name of the job; no two files of a project have the same unless they compute the same.
    settings : tuple of str
        A selector for each chain of settings.
    options : tuple of str
        Options of the experiment, as on its command line; relative paths begin at the project.
    array : int or None
        Number of tasks that run at a time, 0 for all; None computes the chains one after the other.
    modules : tuple of str
        Modules that are loaded first.
    environment : str or None
        Folder of the Python environment; None is `.venv`, or the python that runs the file.
    local : str
        The command that computes the same without SLURM.
    """

    path: Path
    name: str
    settings: tuple[str, ...]
    options: tuple[str, ...]
    array: int | None
    modules: tuple[str, ...]
    environment: str | None
    local: str

    @property
    def is_reference(self) -> bool:
        """Whether it is the job that the others wait for."""
        return self.path.name == REFERENCE_FILE.name

    def text(self, cluster: Cluster) -> str:
        """Return the file's content."""
        at_a_time = f"%{self.array}" if self.array else ""
        array = None if self.array is None else f"0-{len(self.settings) - 1}{at_a_time}"
        job = {name: value for name, value in asdict(self).items() if name != "path"}
        job = {name: list(value) if isinstance(value, tuple) else value for name, value in job.items()}
        chains = counted(len(self.settings), "chain")
        return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
            header=cluster.header(self.name, array),
            marker=MARKER,
            what=f"Compute {chains} of settings of experiment 1 under SLURM.",
            usage=USAGE.format(path=self.path.relative_to(PROJECT_ROOT)),
            job=pprint.pformat(job, width=110, sort_dicts=False),
        )

    @classmethod
    def read(cls, path: Path) -> "JobFile":
        """Return the job file at a path.

        Raises
        ------
        UsageError
            It is not one that slurms_create.py wrote.
        """
        if not is_ours(path):
            raise UsageError(f"{path}: expected a job file that slurms_create.py wrote")
        (job,) = (
            ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "JOB"
        )
        job = {name: tuple(value) if isinstance(value, list) else value for name, value in job.items()}
        return cls(path, **job)


def is_ours(path: Path) -> bool:
    """Say whether a file is a job file that slurms_create.py wrote."""
    return path.is_file() and MARKER in path.read_text(encoding="utf-8", errors="replace").splitlines()


def write_job_files(files: list[JobFile], cluster: Cluster) -> None:
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


def read_job_files() -> list[JobFile]:
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


def chosen_of(files: list[JobFile], paths: list[Path]) -> set[Path]:
    """Return the paths of job files as those have them, for a choice among them.

    Parameters
    ----------
    files : list of JobFile
        All of them.
    paths : list of Path
        Paths as the command line names them.

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


def in_words(words: Iterable[str]) -> str:
    """Return a command as it is typed."""
    return shlex.join(map(str, words))

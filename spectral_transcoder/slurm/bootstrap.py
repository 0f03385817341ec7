"""From a job file to the project's own python: enter the recorded environment, then run what the file asks for.

Job files import this with the python of the system, since a job begins without modules and environments: it
uses the standard library alone, and the Python of old clusters (3.6).
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

LAUNCHER = "exp_train_model/launch_experiment/launch_exp_slurms.py"
MAIN_SCRIPT = "exp_train_model/main_doce_training.py"
SUPERVISOR = ["-m", "spectral_transcoder.slurm.supervisor"]
CITY_TASK = ["-m", "spectral_transcoder.slurm.city_task_job"]


def enter(root: str, job_file: str, job: dict) -> None:
    """Become the process that does what a job file asks for; this does not return.

    Parameters
    ----------
    root : str
        The project's folder, where relative paths of a job begin.
    job_file : str
        Path of the file itself.
    job : dict
        Its `JOB`, see `job_files.JobFile`; or a folder `city` and the `first` task of an array.
    """
    arguments = arguments_of(job_file, job)
    sys.stdout.flush()
    os.chdir(root)
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [python_of(root, job["environment"]), *arguments]
    if job["modules"]:
        load = "module purge && module load {} && exec {}"
        modules = " ".join(map(shlex.quote, job["modules"]))
        line = load.format(modules, " ".join(map(shlex.quote, command)))
        command = ["bash", "-lc", line]  # a login shell: it knows `module`
    os.execvp(command[0], command)


def arguments_of(job_file: str, job: dict) -> "list[str]":
    """Return what python is to run: a task, the job under its supervisor, the launcher, or the experiment here."""
    if "city" in job:
        return city_arguments(job)
    if "SLURM_JOB_ID" in os.environ:
        return [*SUPERVISOR, *experiment_arguments(job)]
    if shutil.which("sbatch"):
        return [LAUNCHER, job_file]
    print("there is no SLURM here: computing on this machine")
    return [MAIN_SCRIPT, *experiment_arguments(job)]


def experiment_arguments(job: dict) -> "list[str]":
    """Return the command line of the experiment: all settings of the job, or an array task's own."""
    settings = job["settings"]
    if job["array"] is not None and "SLURM_ARRAY_TASK_ID" in os.environ:
        settings = [settings[int(os.environ["SLURM_ARRAY_TASK_ID"])]]
    return ["-c", "-p", "-s", ",".join(settings), *job["options"]]


def city_arguments(job: dict) -> "list[str]":
    """Return the command line of an array's task of a city; jobs are submitted by the script itself."""
    if "SLURM_ARRAY_TASK_ID" not in os.environ:
        sys.exit("error: the tasks of this file are submitted by classify_thirdo.py --slurm, and --resubmit")
    return [*CITY_TASK, job["city"], str(job["first"] + int(os.environ["SLURM_ARRAY_TASK_ID"]))]


def python_of(root: str, environment: "str | None") -> str:
    """Return the python of the recorded environment; without one, that of the project's .venv, or this one."""
    if environment is None:
        own = Path(root, ".venv", "bin", "python3")
        return str(own) if own.exists() else sys.executable
    python = Path(root, environment, "bin", "python3")
    if not python.exists():
        sys.exit(
            f"error: no {python}: make that environment, or record another with slurms_create.py --environment"
        )
    return str(python)

"""Clones of the project whose scripts run as a user runs them, and what SLURM says of their jobs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = Path("exp_train_model", "launch_experiment")
WHERE = "dataset=made+classifier=YamNetMobile"
PAPERS_TABLE = ("--dataset", "made", "--classifier", "YamNetMobile", "--epoch", "1")


class Clone:
    """A clone of the project, whose scripts run as a user runs them."""

    def __init__(self, folder):
        self.folder = folder
        self.data, self.models = folder / "spectral_transcoder_data" / "data", folder / "pretrained_models"
        self.results = folder / "spectral_transcoder_data" / "training_experiments" / "train_exp"
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}

    def start(self, script, *arguments, **options):
        """Start a script in the clone's folder."""
        options = {"cwd": self.folder, "env": self.environment, **options}
        command = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )

    def run(self, script, *arguments, status=0, **options):
        """Run a script, and return what it prints."""
        process = self.start(script, *arguments, **options)
        message = process.communicate()[0]
        assert process.returncode == status, message
        return message

    def create(self, *arguments, **options):
        """Write job files."""
        return self.run(LAUNCH / "slurms_create.py", *arguments, **options)

    def launch(self, *arguments, **options):
        return self.run(LAUNCH / "launch_exp_slurms.py", *arguments, **options)

    def states(self):
        """Return {(plan, transcoder): (state, job)} as --status shows it."""
        rows = [line.split() for line in self.launch("--status").splitlines()[:-1] if line[0] != " "]
        found = {}
        for state, job, selector in rows:
            plan, _, chain = selector.partition("/")
            found[plan, dict(term.split("=") for term in chain.split("+"))["transcoder"]] = (state, job)
        return found

    def jobs(self):
        """Return the ids of the jobs that were submitted, by selector."""
        record = json.loads((self.results / "slurm" / "jobs.json").read_text())
        return {selector: entry["job"] for selector, entry in record.items()}

    def log_of(self, job):
        (path,) = (self.results / "slurm").glob(f"*_{job}.log")
        return path.read_text()


def slurm(*command, cwd=None):
    """Run a command of SLURM, and return what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd).stdout.strip()


def fields(job):
    """Return what SLURM knows of a job."""
    words = slurm("scontrol", "show", "job", "--oneliner", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def wait_until(holds, timeout_s=1000):
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return value


def wait_for_empty_queue():
    wait_until(lambda: not slurm("squeue", "--noheader"))

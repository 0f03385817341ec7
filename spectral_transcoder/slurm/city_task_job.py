"""Inside a job: classify what a task of a city is, in a process of its own, and requeue the job after a signal.

    python3 -m spectral_transcoder.slurm.city_task_job CITY INDEX

The task goes on where it was stopped; the job is requeued at its time limit only if parts of the task's output were
written since it began.
"""

import os
import sys
from pathlib import Path

from spectral_transcoder.sensors.records import parts_folder
from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_plan import SCRIPT
from spectral_transcoder.slurm.supervisor import go_on_later, run_until_signal
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import Interrupted
from spectral_transcoder.utils.paths import PROJECT_ROOT


def main() -> int:
    """Classify; return the exit status of classify_thirdo.py, or 143 if the job goes on later."""
    city, index = City(Path(sys.argv[1])), int(sys.argv[2])
    parts = parts_folder(city.part(index))
    before = n_parts(parts)
    # not every cluster keeps a task to its own cores
    os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SLURM_CPUS_PER_TASK", "1"))
    status, signals = run_until_signal([sys.executable, str(PROJECT_ROOT / SCRIPT), *city.command(index)])
    if status == 0 or not signals:
        return status
    go_on_later(signals, made_progress=n_parts(parts) != before)
    return Interrupted.status


def n_parts(folder: Path) -> int:
    """Return how many parts of an output are written."""
    return len(list(folder.glob("*.arrow")))


if __name__ == "__main__":
    cli.run(main)

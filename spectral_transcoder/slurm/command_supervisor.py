"""Inside a job: run one of the project's scripts in a process of its own, and requeue the job after a signal.

    python3 -m spectral_transcoder.slurm.command_supervisor classify_thirdo.py …

The script goes on where it was stopped. Its output is what follows `-o`: the job is requeued at its time limit
only if parts of it were written since it began.
"""

import sys
from pathlib import Path

from spectral_transcoder.sensors.records import parts_folder
from spectral_transcoder.slurm.supervisor import go_on_later, run_until_signal
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import Interrupted
from spectral_transcoder.utils.paths import PROJECT_ROOT


def main() -> int:
    """Run the script; return its exit status, or 143 if the job goes on later."""
    script, *arguments = sys.argv[1:]
    parts = parts_folder(Path(arguments[arguments.index("-o") + 1]))
    before = n_parts(parts)
    status, signals = run_until_signal([sys.executable, str(PROJECT_ROOT / script), *arguments])
    if status == 0 or not signals:
        return status
    go_on_later(signals, made_progress=n_parts(parts) != before)
    return Interrupted.status


def n_parts(folder: Path) -> int:
    """Return how many parts of an output are written."""
    return len(list(folder.glob("*.arrow")))


if __name__ == "__main__":
    cli.run(main)

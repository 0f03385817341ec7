"""What a command takes: its processor time and its peak memory, whatever the process that calls it holds."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A small process between: the kernel starts a child's peak at what its parent holds.
SMALL_PROCESS = """
import json, resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss]), file=sys.stderr)
sys.exit(status)
"""


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Attributes
    ----------
    printed : str
        What it printed on standard output.
    cpu_s : float
        Its processor time in seconds.
    peak_bytes : int
        Its peak resident memory.
    """

    printed: str
    cpu_s: float
    peak_bytes: int


def run_measured(
    command: Sequence[str | Path | int | float],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command that has to succeed.

    Parameters
    ----------
    command : sequence of str, Path or number
        Its words.
    cwd : Path, optional
        The folder that it runs in; without it, that of this process.
    environment : mapping of str to str, optional
        All of its environment; without it, that of this process.

    Raises
    ------
    SystemExit
        It failed; the message says what it printed.
    """
    words = [str(word) for word in command]
    small = [sys.executable, "-c", SMALL_PROCESS, *words]
    done = subprocess.run(small, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    cpu_s, peak_bytes = json.loads(done.stderr.splitlines()[-1])
    return Finished(done.stdout, cpu_s, peak_bytes)

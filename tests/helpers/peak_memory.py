"""How much memory a command takes, whatever the tests around it hold."""

import subprocess
import sys

# A small process between: the kernel starts a child's peak at what its parent holds.
SMALL_PROCESS = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, file=sys.stderr)
sys.exit(status)
"""


def run_measured(command, cwd=None):
    """Run a command that has to succeed; return what it printed and its peak resident memory in bytes."""
    command = [sys.executable, "-c", SMALL_PROCESS, *map(str, command)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, int(done.stderr.split()[-1])

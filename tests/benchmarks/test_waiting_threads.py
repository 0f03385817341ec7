"""Benchmarks measure what users run: threads that wait sleep, which has to be set before OpenMP is loaded."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
IMPORT = """
import importlib, os, sys
OPENMP = {"torch", "librosa", "sklearn"}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in OPENMP:
            print(os.environ.get("OMP_WAIT_POLICY"))
            sys.exit(0)

sys.path.insert(0, "benchmarks")
sys.meta_path.insert(0, Watch())
try:
    importlib.import_module(sys.argv[1])
except ImportError as error:  # what only one benchmark needs
    sys.exit(0)
"""


@pytest.mark.parametrize("name", BENCHMARKS)
def test_threads_are_set_to_sleep_before_openmp_is_loaded(name):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OMP", "GOMP", "KMP"))
    }
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", IMPORT, name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("", "PASSIVE\n")

"""Every script answers --help and a wrong option at once, on a screen, without loading anything heavy."""

import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.py"), *ROOT.glob("exp_*/*.py"), *ROOT.glob("exp_*/*/*.py"))
)
HEAVY = {
    "torch",
    "librosa",
    "doce",
    "pandas",
    "matplotlib",
    "scipy",
    "sklearn",
    "soundfile",
    "h5py",
    "pyarrow",
}
MOST_LINES = 40
LONGEST_S = 0.7
LIST_MODULES = """
import runpy, sys
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("\\n".join(sorted(name for name in sys.modules if "." not in name)), file=sys.stderr)
"""


def run_with_modules(script, *arguments):
    """Run a script; return its exit status, what it printed, and the modules that it imported."""
    program = LIST_MODULES.replace("sys.argv[0]", repr(script)).replace(
        "import runpy, sys", f"import runpy, sys\nsys.argv = {[script, *arguments]!r}"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr.splitlines()


def test_every_script_is_known():
    assert len(SCRIPTS) >= 24


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_fits_a_screen_and_loads_nothing_heavy(script):
    status, printed, modules = run_with_modules(script, "--help")
    assert status == 0
    assert not HEAVY & set(modules)
    lines = printed.splitlines()
    assert len(lines) <= MOST_LINES, len(lines)
    assert any(line.startswith(f"    python3 {script}") for line in lines)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrong_option_is_one_line_and_loads_nothing_heavy(script):
    status, printed, message = run_with_modules(script, "--no-such-option")
    assert (status, printed) == (2, "")
    assert message[0].startswith("error: ")
    assert not HEAVY & set(message)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_fast(script):
    """The better of five, since other work may be going on; with margin, on a machine of any kind."""
    command = [sys.executable, script, "--help"]
    fastest_s = float("inf")
    for _ in range(5):
        start_s = time.monotonic()
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        fastest_s = min(fastest_s, time.monotonic() - start_s)
        if fastest_s < LONGEST_S:
            return
    pytest.fail(f"{fastest_s:.2f} s")

"""The package itself: what importing it does."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
PATTERNS = ("*.py", "exp_*/*.py", "exp_*/*/*.py")
SCRIPTS = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
THREADED = ("torch", "torchvision", "torchaudio", "sklearn")


def environment_seen(**chosen):
    """Return what a process sees of these variables once the package is imported."""
    program = f"import os, spectral_transcoder; print([os.environ.get(name) for name in {CHOICES}])"
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment |= {"PYTHONPATH": str(ROOT), **chosen}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return ast.literal_eval(output.stdout)


def test_waiting_threads_sleep_unless_the_user_has_chosen():
    assert environment_seen() == ["PASSIVE", None, "0"]
    assert environment_seen(OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE", None, None]
    assert environment_seen(GOMP_SPINCOUNT="100") == [None, "100", None]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_import_the_package_before_libraries_with_threads(script):
    """The variables are read when these libraries are loaded."""
    names = []
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append((node.module or "").partition(".")[0])
    loading = [name for name in names if name in (*THREADED, "spectral_transcoder")]
    assert loading[:1] in ([], ["spectral_transcoder"])

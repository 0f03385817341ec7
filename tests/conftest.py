"""Fixtures that every test may use, and the rule for tests that need the shared reference data."""

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import nn

from spectral_transcoder.models.yamnet import YAMNet

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SPECTRAL_TRANSCODER_SHARED", ROOT.parent / "shared"))

# the same examples in every run, so that a change is green or red for what it is; --hypothesis-profile random
# draws new ones
settings.register_profile("random", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_addoption(parser):
    parser.addoption(
        "--require-shared",
        action="store_true",
        help="fail when the shared reference data are there and a test that needs them was skipped",
    )


def pytest_collection_modifyitems(items):
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no reference data at {SHARED} (set SPECTRAL_TRANSCODER_SHARED)")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter, config):
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"{len(skipped)} tests were skipped")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if not (session.config.getoption("--require-shared") and SHARED.is_dir()):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    missed = [report.nodeid for report in reporter.stats.get("skipped", []) if "shared" in report.keywords]
    if missed:
        print(f"\nthe reference data are at {SHARED}, but these tests skipped: {missed}")
        session.exitstatus = 1


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data; tests that use it carry the marker `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    """What the published code computes of three clips: {clip: {array name: array}}."""
    clips = {}
    with np.load(shared / "reference/dcase2023_golden.npz") as arrays:
        for key in arrays.files:
            clip, name = key.split("/")
            clips.setdefault(clip, {})[name] = arrays[key]
    assert len(clips) == 3
    return clips


@pytest.fixture(scope="session")
def golden_efficientat(shared):
    """What upstream's EfficientAT computes of the same clips: {clip: {array name: array}}."""
    clips = {}
    with np.load(shared / "reference/efficientat_golden.npz") as arrays:
        for key in arrays.files:
            clip, name = key.split("/")
            clips.setdefault(clip, {})[name] = arrays[key]
    assert len(clips) == 3
    return clips


@pytest.fixture(scope="session")
def published_weights(shared):
    """The files of the published transcoders by (classifier, whether it was taught by the classifier)."""
    folder = shared / "reference/published_transcoders"

    def find(classifier, taught):
        (path,) = folder.glob(f"classifier={classifier}+*+ts={int(taught)}_model")
        return path

    return find


@pytest.fixture(scope="session")
def fill_deterministically(shared):
    """The function that gives a state dict the values with which the reference networks were run."""
    spec = importlib.util.spec_from_file_location("reference_fill", shared / "reference/fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fill_deterministically


@pytest.fixture(scope="session")
def yamnet_weights(tmp_path_factory):
    """A weights file of YAMNet with random values, in its own layout."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "yamnet.pth"
    torch.save(YAMNet(nn.ReLU()).state_dict(), path)
    return path


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A fresh clone in another place: scripts and library, no models, no sounds, no results."""
    clone = tmp_path_factory.mktemp("clone")
    for script in ROOT.glob("*.py"):
        shutil.copy(script, clone)
    shutil.copytree(
        ROOT / "spectral_transcoder",
        clone / "spectral_transcoder",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (clone / "audio").mkdir()
    return clone


@pytest.fixture(scope="session")
def run_script(project, tmp_path_factory):
    """Run a script of the fresh clone as a user does: from another folder, without a display."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {key: value for key, value in os.environ.items() if key not in ("MPLBACKEND", "DISPLAY")}
    environment["PYTHONPATH"] = str(project)

    def run(script, *arguments, cwd=elsewhere):
        return subprocess.run(
            [sys.executable, project / script, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def call_script(monkeypatch, capsys):
    """Run a script inside this process, which takes no start-up time: (exit status, stdout, stderr)."""

    def call(script, *arguments):
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call

"""Fixtures that every test may use, and the rule for tests that need the shared reference data."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SPECTRAL_TRANSCODER_SHARED", ROOT.parent / "shared"))


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

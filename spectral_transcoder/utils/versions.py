"""Versions of the software that a result was made with."""

import platform
from collections.abc import Iterable
from importlib.metadata import version


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of installed packages, by name."""
    return {"python": platform.python_version()} | {package: version(package) for package in packages}

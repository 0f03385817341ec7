"""From the levels that sensor networks store to the sources in the street (docs/method.md, section 11).

files ──readers──▶ rows ──reading, clock──▶ blocks with right times ──windows──▶ windows of seconds
      ──classify──▶ scores and presence ──results──▶ CSV, HDF5 or Parquet, and a picture

The names below are imported when they are first used, since torch takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectral_transcoder.sensors.classify import SensorClassifier
    from spectral_transcoder.sensors.reading import read_levels

__all__ = ["SensorClassifier", "read_levels"]

_MODULES = {"SensorClassifier": "classify", "read_levels": "reading"}


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

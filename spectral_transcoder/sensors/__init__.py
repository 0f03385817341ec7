"""From the levels that sensor networks store to the sources in the street (docs/method.md, section 11).

files ──readers──▶ rows ──reading, clock──▶ blocks with right times ──windows──▶ windows of seconds
      ──classify──▶ scores and presence ──results──▶ CSV, HDF5 or Parquet, and a picture
"""

from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.reading import read_levels

__all__ = ["SensorClassifier", "read_levels"]

"""From the levels that sensor networks store to the sources in the street (SPEC section 11).

files ──formats──▶ blocks of rows ──quality──▶ frames that can be ──timeline──▶ windows of seconds
      ──classify──▶ scores and presence ──results──▶ CSV, HDF5 or Parquet, and a picture
"""

from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.readers.formats import read_levels

__all__ = ["SensorClassifier", "read_levels"]

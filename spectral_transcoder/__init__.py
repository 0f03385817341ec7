"""Spectral transcoder: third-octave levels of sensor networks in, Mel spectrograms for classifiers out."""

__version__ = "0.1.0"

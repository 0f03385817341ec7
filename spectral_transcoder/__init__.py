"""Spectral transcoder: third-octave levels of sensor networks in, Mel spectrograms for classifiers out.

The names below are what most programs need; the packages hold the rest. They are imported when they are first
used, since torch takes seconds.

>>> import spectral_transcoder as st
>>> st.ThirdOctaves().n_bands
29
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectral_transcoder.models.classifiers import load_classifier
    from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
    from spectral_transcoder.sensors.classify import SensorClassifier
    from spectral_transcoder.sensors.reading import read_levels
    from spectral_transcoder.signal.audio import read_audio
    from spectral_transcoder.signal.third_octaves import ThirdOctaves

__version__ = "0.1.0"
__all__ = [
    "SensorClassifier",
    "ThirdOctaves",
    "Transcoder",
    "TranscoderSettings",
    "load_classifier",
    "load_transcoder",
    "read_audio",
    "read_levels",
]

_MODULES = {
    "SensorClassifier": "sensors.classify",
    "ThirdOctaves": "signal.third_octaves",
    "Transcoder": "models.transcoders",
    "TranscoderSettings": "models.transcoders",
    "load_classifier": "models.classifiers",
    "load_transcoder": "models.transcoders",
    "read_audio": "signal.audio",
    "read_levels": "sensors.reading",
}


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

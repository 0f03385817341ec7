"""Spectral transcoder: third-octave levels of sensor networks in, Mel spectrograms for classifiers out.

The names below are what most programs need; the packages hold the rest. They are imported when they are first
used, since torch takes seconds.

>>> import spectral_transcoder as st
>>> st.ThirdOctaves().n_bands
29
"""

import os
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


# Threads that wait for others sleep, unless the user has chosen: on a busy machine, those that spin take the
# processor from the ones they wait for. OpenMP reads these when torch or scikit-learn is loaded, which is later.
if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # GNU's, of the Linux builds
    os.environ["KMP_BLOCKTIME"] = "0"  # LLVM's and Intel's

"""A transcoder and a classifier that run fast, and a pipe, for the tests of sensors."""

import os
import sys

import pytest

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from tests.helpers.made_levels import BandPatterns


@pytest.fixture(scope="session")
def models():
    """Return a function that gives PINV and a made classifier for the Mels of PANN or YamNet."""

    def build(name):
        record = CLASSIFIERS[name]
        classifier = Classifier(record, BandPatterns(record.n_labels))
        return Transcoder(TranscoderSettings("pinv", record.front_end.name)), classifier

    return build


@pytest.fixture
def piped(monkeypatch):
    """A pipe that is standard input: the end that is written."""
    read, write = os.pipe()
    with os.fdopen(read) as reading, os.fdopen(write, "wb", 0) as writing:
        monkeypatch.setattr(sys, "stdin", reading)
        yield writing

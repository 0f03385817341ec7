"""Names on command lines are those of the records."""

from spectral_transcoder.models import names
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.models.registry import TRANSCODERS


def test_every_classifier_can_be_named():
    assert tuple(CLASSIFIERS) == names.CLASSIFIER_NAMES
    assert CLASSIFIERS[names.STUDENT].embedded
    assert not CLASSIFIERS[names.SMALLEST_CLASSIFIER].embedded


def test_every_transcoder_can_be_named():
    assert TRANSCODERS == names.TRANSCODER_NAMES

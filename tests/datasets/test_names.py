"""Names on command lines are those of the corpora."""

from spectral_transcoder.datasets import names
from spectral_transcoder.datasets.labelled import LABELLED_CORPORA


def test_every_labelled_corpus_can_be_named():
    assert tuple(LABELLED_CORPORA) == names.LABELLED_CORPUS_NAMES

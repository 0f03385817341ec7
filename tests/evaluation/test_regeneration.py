"""Sounds made again: which classifiers judge them."""

import pytest

from spectral_transcoder.evaluation import regeneration
from spectral_transcoder.models.classifiers import CLASSIFIERS, EMBEDDED


@pytest.mark.parametrize("further", [[], ["YamNetMobile"]])
def test_who_has_the_embedded_classifier_alone_is_told_how_to_fetch_another(monkeypatch, capsys, further):
    monkeypatch.setattr(regeneration, "available_classifiers", lambda: [EMBEDDED, *further])
    monkeypatch.setattr(regeneration, "load_classifier", lambda name, **_: name)
    monkeypatch.setattr(regeneration, "transcoders_for", lambda name, **_: ({}, {}))
    served = regeneration.load_classifiers("cpu")
    assert [each.classifier for each in served] == [EMBEDDED, *further]
    assert (CLASSIFIERS["YamNetMobile"].fetch_command in capsys.readouterr().out) == (not further)

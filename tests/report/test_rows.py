"""Rows of the report's tables: what runs are called there."""

import pytest

from spectral_transcoder.report.rows import name_of


@pytest.mark.parametrize(
    ("plan", "transcoder", "name"),
    [
        ("cnn", "cnn_texture", "CNN-mels with texture"),
        ("cnn", "cnn_grid", "CNN-mels on the sensor's grid"),
        ("hybridts", "cnn_texture", "CNN-logits with texture"),
        ("hybridts", "cnn_grid", "CNN-logits on the sensor's grid"),
    ],
)
@pytest.mark.parametrize("prop_logit", ["100", "50"])
def test_cnns_are_named_by_what_they_were_trained_on(plan, transcoder, name, prop_logit):
    factors = {"transcoder": transcoder} | ({"prop_logit": prop_logit} if plan == "hybridts" else {})
    assert name_of(plan, factors) == name

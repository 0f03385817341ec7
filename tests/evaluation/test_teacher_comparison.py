"""Transcoders compared by several classifiers."""

import numpy as np
import pytest
import torch

from spectral_transcoder.evaluation.teacher_comparison import compare
from spectral_transcoder.models.classifiers import EMBEDDED, load_classifier
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from tests.helpers.made_levels import street_levels


def test_classifiers_agree_wholly_with_what_they_say_through_the_same_transcoder():
    """The reference of one run is its own scores; a second noise differs from it."""
    levels = torch.from_numpy(street_levels(8 * 6).astype(np.float32).reshape(6, 8, 29) - 62)
    fnames = np.array([f"street_{number}" for number in range(6)])
    classifier = load_classifier(EMBEDDED)
    textures = [
        Transcoder(TranscoderSettings("pinv_texture", "YamNet", options={"noise_seed": seed}))
        for seed in (0, 1)
    ]
    mels = textures[0].transcode_seconds(levels, positions=torch.arange(6))
    references = {EMBEDDED: classifier.scores(mels).numpy()}

    alone = compare(textures[:1], levels, fnames, {EMBEDDED: classifier}, references)
    assert list(alone) == [EMBEDDED] and alone[EMBEDDED]["runs"] == 1
    assert alone[EMBEDDED]["ptopafc_percent"] == alone[EMBEDDED]["ptopafc_weighted_percent"] == 100
    assert np.isnan(alone[EMBEDDED]["bce_std"])

    both = compare(textures, levels, fnames, {EMBEDDED: classifier}, references)[EMBEDDED]
    assert both["runs"] == 2 and both["bce"] > alone[EMBEDDED]["bce"]
    other = compare(textures[1:], levels, fnames, {EMBEDDED: classifier}, references)[EMBEDDED]
    assert both["bce"] == pytest.approx((alone[EMBEDDED]["bce"] + other["bce"]) / 2)
    assert both["bce_std"] == pytest.approx(abs(alone[EMBEDDED]["bce"] - other["bce"]) / np.sqrt(2))

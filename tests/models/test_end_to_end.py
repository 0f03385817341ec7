"""Baselines: what they start from."""

import pytest
import torch

from spectral_transcoder.models.classifiers import CLASSIFIERS, load_classifier
from spectral_transcoder.models.end_to_end import EFFICIENTNETS, Baseline, BaselineSettings
from spectral_transcoder.utils.errors import MissingFileError
from tests.helpers.made_models import write_random_classifier


def test_self_starts_as_the_classifier_behind_pinv(tmp_path):
    write_random_classifier(tmp_path, "YamNetMobile")
    baseline = Baseline(BaselineSettings("self", "YamNetMobile"))
    baseline.load_pretrained(tmp_path)
    classifier = load_classifier("YamNetMobile", tmp_path / CLASSIFIERS["YamNetMobile"].weights)
    levels = 20 * torch.randn(2, 8, 29, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = classifier(baseline.network.pinv(levels))
        torch.testing.assert_close(baseline(levels), expected, rtol=0, atol=1e-6)


def test_missing_imagenet_weights_name_the_command_that_fetches_them(tmp_path):
    baseline = Baseline(BaselineSettings("effnet_b0", "YamNetMobile"))
    with pytest.raises(MissingFileError, match="--models effnet_b0"):
        baseline.load_pretrained(tmp_path)
    (tmp_path / EFFICIENTNETS["effnet_b0"][1]).mkdir()
    with pytest.raises(MissingFileError, match="no ImageNet weights"):
        baseline.load_pretrained(tmp_path)

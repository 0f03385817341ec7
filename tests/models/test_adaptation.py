"""Heads on frozen classifiers: the formula, what training starts from, and checkpoints of both kinds."""

import numpy as np
import pytest
import torch

from spectral_transcoder.models.adaptation import AdaptationHead, AdaptedModel, AdaptedSettings
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.level_models import load_level_model
from spectral_transcoder.models.transcoders import TranscoderSettings
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.made_levels import street_levels

TEXTURE = TranscoderSettings("pinv_texture", "YamNet")


def trained_model(classifier="MiniYamNet"):
    torch.manual_seed(0)
    model = AdaptedModel(AdaptedSettings(classifier, TEXTURE, 8))
    for parameter in model.adaptation.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def seconds(n_seconds):
    levels = street_levels(8 * n_seconds).astype(np.float32) - 62
    return torch.from_numpy(levels.reshape(n_seconds, 8, 29))


def test_an_untrained_head_changes_nothing():
    classifier, model = load_classifier("MiniYamNet"), AdaptedModel(AdaptedSettings("MiniYamNet", TEXTURE))
    mels = model.transcoder.transcode_seconds(seconds(4))
    adapted = model.transcoder.classifier_behind(classifier)
    torch.testing.assert_close(adapted.scores(mels), classifier.scores(mels), rtol=0, atol=1e-6)


def test_the_formula():
    """g·l + b + MLP((z - mean) / std), written out in numpy."""
    head = trained_model().adaptation
    rng = np.random.default_rng(0)
    z, logits = rng.normal(size=(5, 288)).astype(np.float32), rng.normal(size=(5, 521)).astype(np.float32)
    head.standardise(torch.from_numpy(z))
    hidden = (z - z.mean(0)) / (z.std(0, ddof=1) + 0.05)
    layers = [head.mlp[index] for index in (0, 3, 6)]
    for index, layer in enumerate(layers):
        hidden = hidden @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        if index < 2:
            erf = torch.erf(torch.from_numpy(hidden / np.sqrt(2))).numpy()
            hidden = hidden * 0.5 * (1 + erf)
    expected = head.gain.detach().numpy() * logits + head.bias.detach().numpy() + hidden
    with torch.no_grad():
        found = head.eval()(torch.from_numpy(z), torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_checkpoint_brings_everything_but_the_classifier(tmp_path):
    model = trained_model()
    model.training_record = {"teacher": "MiniYamNet"}
    model.save(tmp_path / "a_model")
    again = load_level_model(tmp_path / "a_model")
    assert again.settings == model.settings and again.training_record == model.training_record
    classifier = load_classifier("MiniYamNet")
    mels = model.transcoder.transcode_seconds(seconds(3))
    expected = model.transcoder.classifier_behind(classifier).scores(mels)
    assert not torch.equal(expected, classifier.scores(mels))
    torch.testing.assert_close(again.transcoder.classifier_behind(classifier).scores(mels), expected)


def test_a_head_serves_its_own_classifier_only(yamnet_weights):
    transcoder = trained_model().transcoder
    with pytest.raises(UsageError, match="a head that adapts MiniYamNet does not serve YamNet"):
        transcoder.classifier_behind(load_classifier("YamNet", yamnet_weights))
    with pytest.raises(UsageError, match="makes PANN Mels"):
        AdaptedModel(AdaptedSettings("MiniYamNet", TranscoderSettings("pinv_texture", "PANN")))
    with pytest.raises(UsageError, match="hidden=0"):
        AdaptationHead(4, 5, 0)

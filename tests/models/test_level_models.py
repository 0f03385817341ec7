"""Trained models of any kind: what a checkpoint holds is found out from one reading of it."""

from pathlib import Path

import pytest
import torch

from spectral_transcoder.models.adaptation import AdaptedModel, AdaptedSettings
from spectral_transcoder.models.level_models import load_level_model, load_model, load_trained
from spectral_transcoder.models.student import Student, StudentSettings
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.utils.errors import CheckpointError, MissingFileError

TEXTURE = TranscoderSettings("pinv_texture", "YamNet")


def model_of(kind):
    if kind is Transcoder:
        return Transcoder(TEXTURE)
    if kind is Student:
        return Student(StudentSettings("MiniYamNet"))
    return AdaptedModel(AdaptedSettings("MiniYamNet", TEXTURE, 8))


@pytest.mark.parametrize("kind", [Transcoder, AdaptedModel, Student])
def test_a_model_of_each_kind_comes_back_as_what_it_is(kind, tmp_path, monkeypatch):
    model, path = model_of(kind), tmp_path / "a_model"
    model.training_record = {"teacher": "MiniYamNet"}
    model.save(path)
    load, read = torch.load, []
    monkeypatch.setattr(
        torch, "load", lambda file, **options: read.append(Path(file)) or load(file, **options)
    )
    again = load_trained(path)
    assert type(again) is kind and again.settings == model.settings and read == [path]
    transcoder = load_model(path)
    assert isinstance(transcoder, Transcoder) and transcoder.training_record == model.training_record


def test_a_transcoder_is_no_level_model(tmp_path):
    Transcoder(TEXTURE).save(tmp_path / "a_model")
    with pytest.raises(CheckpointError, match="neither"):
        load_level_model(tmp_path / "a_model")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match="none_model"):
        load_model(tmp_path / "none_model")


def test_a_checkpoint_whose_settings_are_of_another_kind_is_refused(tmp_path):
    Student(StudentSettings("MiniYamNet")).save(tmp_path / "a_model")
    content = torch.load(tmp_path / "a_model", weights_only=True)
    content["settings"]["network"] = "adapted"
    torch.save(content, tmp_path / "a_model")
    with pytest.raises(CheckpointError, match="adapted classifier"):
        load_model(tmp_path / "a_model")

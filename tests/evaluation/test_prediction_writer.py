"""How class outputs know what they were made of."""

import dataclasses

import numpy as np
import torch

from spectral_transcoder.evaluation.prediction_writer import (
    finish,
    forget_changed_sounds,
    prepare,
    sound_provenance,
)
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import find_pipeline
from spectral_transcoder.models.classifiers import EMBEDDED
from spectral_transcoder.models.registry import TRUE_MELS
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings


def test_a_sound_is_known_by_its_length_and_its_ends(tmp_path):
    """64 kB of each end are read: clips are many, and a changed sound changes its header or its length."""
    path, content = tmp_path / "sound.wav", np.random.default_rng(0).bytes(300_000)

    def provenance(changed_at=None, content=content):
        changed = bytearray(content)
        if changed_at is not None:
            changed[changed_at] ^= 1
        path.write_bytes(changed)
        return sound_provenance(path)

    known = provenance()
    assert provenance() == known and known.startswith("300000-")
    assert all(provenance(at) != known for at in (0, 65_535, -65_536, -1))
    assert all(provenance(at) == known for at in (65_536, 150_000, -65_537))
    assert provenance(content=content[:-1]) != known and sound_provenance(tmp_path / "none.wav") == "missing"


def test_outputs_of_a_changed_sound_are_forgotten(tmp_path):
    """Those of the others stay, and the kind is complete no more."""
    logits, pipeline = LogitFolder("URBAN-SOUND-8K", tmp_path), find_pipeline(EMBEDDED, "pinv")
    logits.folder.mkdir()
    files, kind = np.array(["a.wav", "b.wav"]), (pipeline.classifier, pipeline.transcoder)
    for file in files:
        (tmp_path / file).write_bytes(b"sound of " + file.encode())
        logits.path(file, *kind).write_bytes(b"scores")
    prepare(logits, pipeline, force=False)
    forget_changed_sounds(logits, files, tmp_path)  # as they are known from now on
    for file in files:
        logits.path(file, *kind).write_bytes(b"scores")
    logits.update_manifest(*kind, {"complete": True})
    known = forget_changed_sounds(logits, files, tmp_path)
    assert all(logits.path(file, *kind).is_file() for file in files)
    assert logits.read_manifest(*kind)["complete"]
    (tmp_path / "b.wav").write_bytes(b"another sound")
    assert forget_changed_sounds(logits, files, tmp_path) != known
    assert [logits.path(file, *kind).is_file() for file in files] == [True, False]
    assert not logits.read_manifest(*kind)["complete"]


def test_a_finished_kind_says_how_its_transcoder_was_trained(tmp_path):
    transcoder = Transcoder(
        TranscoderSettings("cnn_pinv", "YamNet", options={"nb_channels": 4, "nb_layers": 3})
    )
    transcoder.training_record = {"dataset": "made", "epochs": 3}
    torch.manual_seed(0)
    transcoder.save(tmp_path / "mine_model")
    logits = LogitFolder("URBAN-SOUND-8K", tmp_path)
    logits.folder.mkdir()
    found = find_pipeline(EMBEDDED, "pinv")
    trained = dataclasses.replace(found, transcoder="mine", model=tmp_path / "mine_model")
    for pipeline, training in (
        (trained, {"dataset": "made", "epochs": 3}),
        (find_pipeline(EMBEDDED, TRUE_MELS), None),
    ):
        prepare(logits, pipeline, force=False)
        finish(logits, pipeline, {"clips": "hash"})
        manifest = logits.read_manifest(pipeline.classifier, pipeline.transcoder)
        assert manifest["complete"] and manifest["clips"] == "hash" and manifest["training"] == training

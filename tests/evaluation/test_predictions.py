"""Stored class outputs: what is said of those that cannot be read."""

import json

import numpy as np
import pytest

from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.utils.errors import DatasetError

MADE_FROM = {"classifier": "MiniYamNet", "transcoder": "pinv"}


@pytest.mark.parametrize(
    "manifest", [{"provenance": MADE_FROM}, {"provenance": MADE_FROM, "complete": False}]
)
def test_a_manifest_that_does_not_say_it_is_complete_is_of_unfinished_outputs(tmp_path, manifest):
    folder = LogitFolder("URBAN-SOUND-8K", tmp_path)
    folder.folder.mkdir()
    folder.manifest_path("MiniYamNet", "pinv").write_text(json.dumps(manifest), encoding="utf-8")
    reason = folder.missing("MiniYamNet", "pinv")
    assert reason is not None and reason.startswith("unfinished class outputs of MiniYamNet on pinv")
    assert "create_logit_dataset.py" in reason


@pytest.mark.parametrize("content", ['{"a": 1}', "[1]", '{"provenance": 1}', "no JSON at all"])
def test_foreign_json_beside_class_outputs_is_passed_over(tmp_path, content):
    folder = LogitFolder("URBAN-SOUND-8K", tmp_path)
    folder.folder.mkdir()
    folder.write_manifest("MiniYamNet", "pinv", {"provenance": MADE_FROM})
    (folder.folder / "notes.json").write_text(content)
    assert folder.kinds() == [("MiniYamNet", "pinv")]


def test_a_damaged_manifest_of_outputs_that_are_there_is_reported(tmp_path):
    folder = LogitFolder("URBAN-SOUND-8K", tmp_path)
    folder.folder.mkdir()
    folder.manifest_path("MiniYamNet", "pinv").write_text('{"prov')
    np.save(folder.path("a.wav", "MiniYamNet", "pinv"), np.zeros(3))
    for ask in (folder.kinds, lambda: folder.missing("MiniYamNet", "pinv")):
        with pytest.raises(DatasetError, match=r"miniyamnet_pinv\.json is damaged"):
            ask()

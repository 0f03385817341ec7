"""Stored class outputs: what is said of those that cannot be read."""

import json

import pytest

from spectral_transcoder.evaluation.predictions import LogitFolder

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

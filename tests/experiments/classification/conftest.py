"""Outputs of a classifier, and a way to call the scripts of experiment 2 on them."""

import pytest

from spectral_transcoder.experiments.engine import cli
from tests.helpers.made_outputs import WRONG, speaking, store_outputs, urban_corpus

SCRIPT = "exp_classif_eval/main_doce_score.py"


@pytest.fixture
def root(tmp_path):
    """Outputs of YamNet on true Mels with some mistakes, and on `mine` with none."""
    corpus = urban_corpus()
    data = tmp_path / "data"
    store_outputs(data, "URBAN-SOUND-8K", "YamNet", "self", corpus, speaking(corpus, WRONG))
    store_outputs(data, "URBAN-SOUND-8K", "YamNet", "mine", corpus, speaking(corpus, []))
    return tmp_path


@pytest.fixture
def score(call_script, root, monkeypatch):
    monkeypatch.setattr(cli, "EXPORT", root / "export")

    def run(*argv, script=SCRIPT):
        return call_script(script, *argv, "--data_path", root)

    return run

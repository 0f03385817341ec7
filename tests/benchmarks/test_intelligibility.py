"""What the benchmark of intelligibility counts, where its own packages are here."""

import importlib.util
import shutil
import sys

import numpy as np
import pytest

from spectral_transcoder.signal.audio import Recording
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def benchmark():
    for package in ("pystoi", "pocketsphinx"):
        pytest.importorskip(package, reason=f"benchmark only: pip install {package}")
    spec = importlib.util.spec_from_file_location("intelligibility", ROOT / "benchmarks/intelligibility.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "found, n_wrong",
    [("nina has two old rings", 0), ("nina has two rings", 1), ("peter has two old big rings", 2), ("", 5)],
)
def test_wrong_words_are_counted(benchmark, found, n_wrong):
    assert benchmark.edit_distance(found.split(), ["nina", "has", "two", "old", "rings"]) == n_wrong


@pytest.mark.parametrize("snr_db", [10.0, 0.0, -5.0])
def test_street_is_as_far_below_the_speech_as_was_asked(benchmark, snr_db):
    generator = np.random.default_rng(0)
    speech = generator.normal(0, 0.1, 64000).astype(np.float32)
    street = Recording(np.sign(generator.normal(size=64000)).astype(np.float32), benchmark.SR)
    mixture = benchmark.mix(speech, [street], snr_db, generator)
    scale = np.dot(mixture, speech) / np.dot(speech, speech)
    rest = mixture / scale - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(rest**2)) == pytest.approx(snr_db, abs=0.3)


def test_a_sentence_of_the_grammar_is_recognised_in_its_own_sound(benchmark, tmp_path):
    if shutil.which("espeak-ng") is None:
        pytest.skip("benchmark only: apt-get install espeak-ng")
    utterance = benchmark.speak(np.random.default_rng(1), "en-us")
    assert len(utterance.words) == 5
    judged = benchmark.judge(utterance.speech, utterance, benchmark.write_grammar(tmp_path))
    assert judged["stoi"] == pytest.approx(1, abs=1e-3) and judged["wer"] <= 0.6
    silent = benchmark.judge(
        1e-3 * np.random.default_rng(0).normal(size=len(utterance.speech)),
        utterance,
        benchmark.write_grammar(tmp_path),
    )
    assert silent["stoi"] < 0.5

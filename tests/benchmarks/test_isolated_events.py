"""Isolated events: the table of heads, students and means of their scores, and the embeddings that are kept."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, open_dataset
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.evaluation.window_scores import WindowLength
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows
from spectral_transcoder.models.adaptation import AdaptedModel, AdaptedSettings
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.student import Student, StudentSettings
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.training.adaptation import cached_embeddings
from tests.helpers.made_corpora import write_noises

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "isolated_events.py"
TEXTURE = TranscoderSettings("pinv_texture", "YamNet")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """A folder with a dataset of twenty clips of noise."""
    folder = tmp_path_factory.mktemp("events")
    write_noises(folder / "sounds", 20, 2.0)
    corpus = folder_corpus(folder / "sounds", "events")
    create_dataset(corpus, folder, ChunkAnalysis(front_ends=("YamNet",)), 1)
    return folder


def test_a_table_of_models_and_means(datasets, call_script, tmp_path, monkeypatch):
    """Two seeds of one head are itself twice; the mean of the same scores is the scores."""
    torch.manual_seed(0)
    AdaptedModel(AdaptedSettings("MiniYamNet", TEXTURE, 8)).save(tmp_path / "head=1_model")
    Student(StudentSettings("MiniYamNet", 8, 16)).save(tmp_path / "student_model")
    monkeypatch.setattr("spectral_transcoder.utils.paths.EXPORT", tmp_path)
    Transcoder(TEXTURE).save(tmp_path / "alone_model")
    head, student, alone = (tmp_path / f"{name}_model" for name in ("head=1", "student", "alone"))
    status, _, complained = call_script(
        *(
            "benchmarks/isolated_events.py",
            "--dataset",
            "events",
            "--dataset_path",
            datasets,
            "--noises",
            "2",
        ),
        *("--classifier", "MiniYamNet", "--model", f"head={head},{head}", "--model", f"again={head}"),
        *("--model", f"student={student}", "--model", f"alone={alone}", "--model", "texture=pinv_texture"),
    )
    assert not status, complained
    table = pd.read_csv(tmp_path / "isolated_events_eval.csv").set_index("model")
    assert list(table.index[5:8]) == [f"mean of head and {name}" for name in ("again", "student", "alone")]
    assert table.seeds.tolist() == [2] + 14 * [1]
    assert table.bce["texture"] == table.bce["alone"]  # the same, saved and by its name
    assert table.ptopafc_percent_std["head"] == 0 and np.isnan(table.bce_std["again"])
    assert table.bce["mean of head and again"] == pytest.approx(table.bce["head"], rel=1e-5)
    assert table.bce["alone"] == pytest.approx(
        table.bce["head"], rel=1e-5
    )  # an untrained head changes nothing
    assert table.bce["student"] > table.bce["head"]  # untrained: every label at a half


def test_an_untrained_head_measures_what_the_classifier_does(datasets):
    """The mean over noises of the frozen classifier's own scores, computed without a head."""
    script = runpy.run_path(str(SCRIPT), run_name="benchmark")
    classifier, dataset = load_classifier("MiniYamNet"), open_dataset(datasets, "events")
    windows = ChunkWindows.of(dataset.split("eval"), WindowLength.of(classifier.record))
    transcoder = Transcoder(TEXTURE)
    rows = cached_embeddings(dataset, windows, transcoder, classifier, 3, "weights")
    assert rows.shape == (3, len(windows), classifier.record.embedding_size)
    with torch.no_grad():
        expected = np.mean(
            [torch.sigmoid(classifier.head(torch.tensor(own))).numpy() for own in rows], axis=0
        )
    path = datasets / "untrained_model"
    AdaptedModel(AdaptedSettings("MiniYamNet", TEXTURE, 8)).save(path)
    found = script["scores_of"](path, dataset, windows, classifier, 3, "weights")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_embeddings_through_a_transcoder_of_other_weights_are_computed_anew(datasets):
    classifier, dataset = load_classifier("MiniYamNet"), open_dataset(datasets, "events")
    windows = ChunkWindows.of(dataset.split("eval"), WindowLength.of(classifier.record))
    options = {"kernel_size": 5, "nb_layers": 2, "nb_channels": 4, "dilation": 1}
    settings = TranscoderSettings("cnn_texture", "YamNet", options={**options, "noise_seed": 0})
    found = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        transcoder = Transcoder(settings)
        with torch.no_grad():
            for parameter in transcoder.network.parameters():
                parameter.normal_(std=0.1)
        found.append(np.array(cached_embeddings(dataset, windows, transcoder, classifier, 1, "weights")))
    np.testing.assert_array_equal(found[0], found[2])
    assert np.abs(found[0] - found[1]).max() > 1e-3

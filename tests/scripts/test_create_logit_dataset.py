"""exp_classif_eval/create_logit_dataset.py on small corpora: what it writes, resuming, faults."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from spectral_transcoder.datasets.labelled import open_labelled_corpus
from spectral_transcoder.evaluation.prediction_writer import (
    Batch,
    extract_batch,
    predict_batch,
    predict_extracted,
)
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import extract_features, find_pipeline, predict
from spectral_transcoder.experiments.classification.experiment import FOLDER as CLASSIFICATION_FOLDER
from spectral_transcoder.synthetic_city.corpora import make_corpus
from spectral_transcoder.utils.errors import MissingFileError
from tests.helpers.made_corpora import write_sonyc_ust, write_urbansound8k
from tests.helpers.made_models import write_random_classifier

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "exp_classif_eval/create_logit_dataset.py"
CLIPS = {
    "10-0-0-0.wav": (1, 0.3, 22050, 1),
    "11-3-0-1.wav": (1, 1.0, 48000, 2),
    "12-9-0-2.wav": (2, 4.0, 11025, 1),
    "13-4-1-3.wav": (10, 6.5, 96000, 1),
    "14-8-0-0.wav": (2, 2.0, 16000, 1),
}


@pytest.fixture
def corpus(tmp_path):
    """A folder with five clips of UrbanSound8K, one of them cut off."""
    folder = write_urbansound8k(tmp_path / "URBAN-SOUND-8K", CLIPS)
    damaged = folder / "audio" / "14-8-0-0.wav"
    damaged.write_bytes(damaged.read_bytes()[:20000])
    return tmp_path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_random_classifier(tmp_path_factory.mktemp("models"), "YamNetMobile")


@pytest.fixture
def create(call_script, corpus, models, tmp_path):
    def run(*further, name="URBAN-SOUND-8K", models=models):
        where = ["--audio_dataset_path", corpus, "--data_path", tmp_path / "data", "--models_path", models]
        references = ["--reference_models_path", tmp_path, "--jobs", 1, "--device", "cpu"]
        return call_script(SCRIPT, "--audio_dataset_name", name, *where, *references, *further)

    return run


def outputs(tmp_path):
    return tmp_path / "data" / "data" / "URBAN-SOUND-8K-LOGITS"


def test_outputs_are_written_for_each_clip_and_what_is_missing_is_named(create, tmp_path, models, corpus):
    status, said, complained = create()
    assert status == 1  # a clip could not be read
    assert "5 clips, predictions by YamNetMobile on self, YamNetMobile on pinv" in said
    for command in ("--models PANN", "--models YamNet"):
        assert f"download_pretrained_models.py {command}" in complained
    assert "no cnn_logits for YamNetMobile" in complained and "none was published" in complained
    assert "14-8-0-0.wav is no whole sound" in complained
    found = {path.name for path in outputs(tmp_path).glob("*.npy")}
    stems = [name.removesuffix(".wav") for name in CLIPS if not name.startswith("14")]
    # the classifier whose weights are here, and the embedded one
    predictions = [
        (name, kind) for name in ("yamnetmobile", "miniyamnet") for kind in ("gt", "pinv", "pinv_texture")
    ]
    assert found == {f"{stem}_{name}_{kind}.npy" for stem in stems for name, kind in predictions}

    pipeline = find_pipeline("YamNetMobile", "pinv", models)
    one = predict(
        [extract_features(corpus / "URBAN-SOUND-8K" / "audio" / "13-4-1-3.wav", [pipeline])], [pipeline]
    )
    stored = np.load(outputs(tmp_path) / "13-4-1-3_yamnetmobile_pinv.npy")
    np.testing.assert_allclose(stored, one[pipeline][0], atol=1e-4)

    folder = LogitFolder("URBAN-SOUND-8K", tmp_path / "data" / "data")
    read, scores = folder.read("YamNetMobile", "pinv")
    assert len(scores) == len(read.files) == 4
    assert list(folder.read_manifest("YamNetMobile", "pinv")["unreadable"]) == ["14-8-0-0.wav"]


def test_what_is_there_is_left_alone_and_what_is_missing_is_made(create, tmp_path):
    create("--classifier", "YamNetMobile", "--transcoder", "self")
    kept, lost = (outputs(tmp_path) / f"{stem}_yamnetmobile_gt.npy" for stem in ("10-0-0-0", "11-3-0-1"))
    content, written = np.load(lost), kept.stat().st_mtime_ns
    lost.write_bytes(b"")  # what a power failure leaves
    create("--classifier", "YamNetMobile", "--transcoder", "self")
    np.testing.assert_allclose(np.load(lost), content, atol=1e-4)
    assert kept.stat().st_mtime_ns == written
    create("--classifier", "YamNetMobile", "--transcoder", "self", "--force")
    assert kept.stat().st_mtime_ns > written


def test_outputs_of_other_sounds_are_made_again(create, corpus, tmp_path):
    create("--classifier", "YamNetMobile", "--transcoder", "self,pinv")
    folder = LogitFolder("URBAN-SOUND-8K", outputs(tmp_path).parent)
    changed = corpus / "URBAN-SOUND-8K" / "audio" / "12-9-0-2.wav"
    before = {path.name: (np.load(path), path.stat().st_mtime_ns) for path in folder.folder.glob("*.npy")}
    samples, sr = soundfile.read(changed)
    size = changed.stat().st_size
    soundfile.write(changed, samples[::-1], sr)
    assert changed.stat().st_size == size
    create("--classifier", "YamNetMobile", "--transcoder", "self")
    for path in folder.folder.glob("*.npy"):
        content, written = before.pop(path.name)
        is_new = path.name.startswith(changed.stem)
        assert (path.stat().st_mtime_ns > written) == is_new
        assert np.array_equal(np.load(path), content) != is_new
    assert list(before) == ["12-9-0-2_yamnetmobile_pinv.npy"]  # of the sound that was, and not asked for now
    with pytest.raises(MissingFileError, match="unfinished class outputs of YamNetMobile on pinv"):
        folder.read("YamNetMobile", "pinv")


def test_outputs_of_other_weights_are_made_again(create, tmp_path):
    create("--classifier", "YamNetMobile", "--transcoder", "self,pinv")
    path = outputs(tmp_path) / "10-0-0-0_yamnetmobile_gt.npy"
    first = np.load(path)
    assert np.abs(np.load(outputs(tmp_path) / "12-9-0-2_yamnetmobile_gt.npy") - first).max() > 0.05
    (tmp_path / "other").mkdir()
    other = write_random_classifier(tmp_path / "other", "YamNetMobile", seed=1)
    create("--classifier", "YamNetMobile", "--transcoder", "self", models=other)
    assert np.abs(np.load(path) - first).max() > 0.05
    origins = [
        json.loads(one.read_text())["provenance"]["weights"] for one in outputs(tmp_path).glob("*.json")
    ]
    assert len(set(origins)) == 2


def test_outputs_of_a_synthetic_city_say_so(call_script, tmp_path):
    """So does what experiment 2 writes of them; outputs of other sounds say that they are not synthetic."""
    make_corpus("URBAN-SOUND-8K", tmp_path / "city" / "URBAN-SOUND-8K", 20)
    where = ["--audio_dataset_name", "URBAN-SOUND-8K", "--audio_dataset_path", tmp_path / "city"]
    kind = ["--classifier", "MiniYamNet", "--transcoder", "self", "--jobs", 1]
    status, _, complained = call_script(SCRIPT, *where, *kind, "--data_path", tmp_path)
    assert status == 0, complained
    folder = LogitFolder("URBAN-SOUND-8K", tmp_path / "data")
    assert folder.read_manifest("MiniYamNet", "self")["synthetic"] is True
    selector = "reference/dataset=URBAN-SOUND-8K+classifier=MiniYamNet+transcoder=self"
    score = "exp_classif_eval/main_doce_score.py"
    status, _, complained = call_script(score, "-s", selector, "-c", "--data_path", tmp_path)
    assert status == 0, complained
    markers = list((tmp_path / CLASSIFICATION_FOLDER / "state").glob("*.json"))
    assert len(markers) == 2
    assert all(json.loads(marker.read_text())["provenance"]["synthetic"] for marker in markers)
    (tmp_path / "city" / "URBAN-SOUND-8K" / "city.json").unlink()
    call_script(SCRIPT, *where, *kind, "--data_path", tmp_path)
    assert folder.read_manifest("MiniYamNet", "self")["synthetic"] is False


def test_sonyc_ust_is_heard_too(create, corpus):
    write_sonyc_ust(corpus / "SONYC-UST", duration_s=1.5)
    status, _, complained = create("--transcoder", "pinv", name="SONYC-UST")
    assert (status, complained.count("error")) == (0, 0)  # classifiers that nobody named may be missing
    assert create("--transcoder", "pinv", "--classifier", "YamNetMobile,PANN", name="SONYC-UST")[0] == 1
    folder = LogitFolder("SONYC-UST", corpus / "data" / "data")
    read, scores = folder.read("YamNetMobile", "pinv")
    assert scores.shape == (7, 521)
    expected, _ = open_labelled_corpus("SONYC-UST", corpus)
    np.testing.assert_array_equal(read.labels, expected.labels)


def test_the_device_may_hear_what_workers_read(corpus, models):
    batch = Batch(
        tuple(CLIPS), tuple(find_pipeline("YamNetMobile", name, models) for name in ("self", "pinv"))
    )
    audio = corpus / "URBAN-SOUND-8K" / "audio"
    apart = predict_extracted(batch, extract_batch(audio, batch), torch.device("cpu"))
    for one, other in zip(predict_batch(audio, batch), apart, strict=True):
        assert isinstance(one, str) == isinstance(other, str)
        for pipeline in () if isinstance(one, str) else batch.pipelines:
            np.testing.assert_array_equal(one[pipeline], other[pipeline])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--classifier", "VGGish", "expected names of"),
        ("--transcoder", "magic", "expected one of"),
        ("--classifier", "", "expected names"),
        ("--transcoder", "mine=a_model,mine=b_model", "mine is the name of several"),
        ("--jobs", "0", "expected a whole number, 1 or more"),
        ("--jobs", "-2", "expected a whole number, 1 or more"),
        ("--device", "abacus", "expected cpu or cuda"),
    ],
)
def test_wrong_usage_is_reported_before_anything_is_written(create, tmp_path, option, value, words):
    status, _, complained = create(option, value)
    assert (status, words in complained) == (2, True), complained
    assert not outputs(tmp_path).exists()


def test_what_is_named_twice_is_heard_once(create):
    _, said, _ = create("--classifier", "YamNetMobile,YamNetMobile", "--transcoder", "self,self")
    assert said.count("YamNetMobile on self") == 1


def test_nothing_but_missing_weights_is_an_error(create, tmp_path):
    status, _, complained = create("--classifier", "PANN")
    assert status == 1
    assert "download_pretrained_models.py --models PANN" in complained
    assert not outputs(tmp_path).exists()


def test_a_killed_run_goes_on_to_the_same_outputs(call_script, models, tmp_path):
    clips = {f"{index}-{index % 10}-0-0.wav": (1 + index % 3, 1.0, 16000, 1) for index in range(48)}
    write_urbansound8k(tmp_path / "many" / "URBAN-SOUND-8K", clips)
    argv = ["--audio_dataset_name", "URBAN-SOUND-8K", "--audio_dataset_path", tmp_path / "many", "--jobs", 1]
    argv += ["--models_path", models, "--classifier", "YamNetMobile", "--transcoder", "self,pinv"]
    argv += ["--device", "cpu", "--data_path"]
    with subprocess.Popen(
        [sys.executable, ROOT / SCRIPT, *map(str, argv), tmp_path / "data"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 240
        while not list(outputs(tmp_path).glob("[0-9]*.npy")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    done = {path: path.stat().st_mtime_ns for path in outputs(tmp_path).glob("[0-9]*.npy")}
    assert 0 < len(done) < 2 * len(clips)
    folder = LogitFolder("URBAN-SOUND-8K", tmp_path / "data" / "data")
    assert not folder.read_manifest("YamNetMobile", "self")["complete"]
    with pytest.raises(MissingFileError, match=r"unfinished.*create_logit_dataset\.py"):
        folder.read("YamNetMobile", "self")

    assert call_script(SCRIPT, *argv, tmp_path / "data")[0] == 0
    assert all(path.stat().st_mtime_ns == written for path, written in done.items())
    assert call_script(SCRIPT, *argv, tmp_path / "whole")[0] == 0
    whole = LogitFolder("URBAN-SOUND-8K", tmp_path / "whole" / "data")
    for kind in ("self", "pinv"):
        goes_on, at_once = (one.read("YamNetMobile", kind)[1] for one in (folder, whole))
        np.testing.assert_allclose(goes_on, at_once, atol=1e-4)  # in other batches


def test_a_transcoder_that_nobody_named_is_no_failure(create, corpus):
    (corpus / "URBAN-SOUND-8K" / "audio" / "14-8-0-0.wav").write_bytes(
        (corpus / "URBAN-SOUND-8K" / "audio" / "11-3-0-1.wav").read_bytes()
    )
    status, _, complained = create("--classifier", "YamNetMobile")
    assert "left out: no cnn_logits" in complained
    assert status == 0
    assert create("--classifier", "YamNetMobile", "--transcoder", "pinv,cnn")[0] == 1


def test_few_of_the_clips_are_no_complete_corpus(create, corpus, tmp_path):
    for name in ("10-0-0-0.wav", "11-3-0-1.wav", "12-9-0-2.wav"):
        (corpus / "URBAN-SOUND-8K" / "audio" / name).unlink()
    status, said, _ = create("--transcoder", "pinv")
    assert status == 1
    assert f"{outputs(tmp_path)} is incomplete: only 1 of 5 sounds could be used" in said


def test_hidden_files_among_outputs_are_passed_over(create, tmp_path):
    create("--classifier", "YamNetMobile", "--transcoder", "pinv")
    (outputs(tmp_path) / "._yamnetmobile_pinv.json").write_bytes(b"\0\5\x16\7")
    assert LogitFolder("URBAN-SOUND-8K", tmp_path / "data" / "data").kinds() == [("YamNetMobile", "pinv")]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("laid_out", [False, True], ids=["clips of the corpus", "folds that are laid out"])
def test_clips_in_m4a_have_the_outputs_of_what_ffmpeg_decodes(
    create, call_script, corpus, models, tmp_path, laid_out
):
    """From the script's own command line; the outputs are those of a wav that ffmpeg decoded by itself."""
    folder = corpus / "URBAN-SOUND-8K"
    folds = tmp_path / "given" / "fold1"
    target, wavs = (folds if laid_out else folder / "audio"), tmp_path / "decoded"
    for path in (folds, wavs):
        path.mkdir(parents=True)
    stems = ["11-3-0-1", "12-9-0-2"]
    for stem in stems:
        wav, m4a = folder / "audio" / f"{stem}.wav", target / f"{stem}.m4a"
        subprocess.run(["ffmpeg", "-v", "error", "-i", wav, m4a], check=True)
        subprocess.run(["ffmpeg", "-v", "error", "-i", m4a, "-c:a", "pcm_f32le", wavs / wav.name], check=True)
    if laid_out:
        shutil.rmtree(folder)
        assert call_script("exp_classif_eval/lay_out_urbansound8k.py", folds.parent, folder)[0] == 0
    else:
        table = folder / "metadata" / "UrbanSound8K_recalculated.csv"
        header, *rows = table.read_text().splitlines()
        rows = [row.replace(".wav", ".m4a") for row in rows if row.startswith(tuple(stems))]
        table.write_text("\n".join([header, *rows]) + "\n")
    status, said, complained = create("--classifier", "YamNetMobile", "--transcoder", "self,pinv")
    assert status == 0, complained
    assert "URBAN-SOUND-8K: 2 clips" in said and "is complete" in said
    for transcoder, suffix in (("self", "gt"), ("pinv", "pinv")):
        pipeline = find_pipeline("YamNetMobile", transcoder, models)
        features = [extract_features(wavs / f"{stem}.wav", [pipeline]) for stem in stems]
        expected = predict(features, [pipeline])[pipeline]
        found = [np.load(outputs(tmp_path) / f"{stem}_yamnetmobile_{suffix}.npy") for stem in stems]
        np.testing.assert_allclose(np.stack(found), expected, atol=1e-4)

"""Experiment 3 from its command line, on made recordings with the embedded classifier, and on Lorient."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import soundfile

from spectral_transcoder.evaluation.tagging import find_pipeline
from spectral_transcoder.evaluation.window_scores import (
    WindowLength,
    recording_class_scores,
    sound_window_scores,
)
from spectral_transcoder.models.classifiers import classifier_record
from spectral_transcoder.signal.third_octaves import SECOND_OCTAVES, ThirdOctaves

SR = 32000
SCRIPT, PLOT = "exp_presence/main_doce_presence.py", "exp_presence/plot_agreement.py"
NAMES = ["a.wav", "b.wav", "c.wav", "d.wav"]
SELECT = "classifier=MiniYamNet+transcoder=pinv"


@pytest.fixture
def recordings(tmp_path):
    """Four recordings of three seconds, their levels every 128 ms and their table."""
    folder = tmp_path / "made"
    folder.mkdir()
    generator = np.random.default_rng(0)
    levels = []
    for index, name in enumerate(NAMES):
        noise = generator.normal(0, 0.1, 3 * SR)
        noise[: index * SR // 2] *= 0.01
        soundfile.write(folder / name, noise, SR)
        levels.append(ThirdOctaves(hop_length=4096, edges="sensor", offset_db=70).levels(noise))
    np.savez(folder / "levels_128ms.npz", recordings=NAMES, levels_db=np.stack(levels).astype(np.float32))
    rows = [f"{name},{0.1 + 0.2 * index},{0.9 - 0.3 * index:.1f}" for index, name in enumerate(NAMES)]
    (folder / "time_of_presence.csv").write_text("\n".join(["recording,traffic,birds", *rows]) + "\n")
    return folder


@pytest.fixture
def run(call_script, recordings, tmp_path):
    """Run a script of the experiment over the recordings."""

    def call(script, *arguments, status=0, folder=recordings):
        code, out, err = call_script(
            script, "--recordings", folder, "--data_path", tmp_path / "data", *arguments
        )
        assert (code or 0) == status, out + err
        return out + err

    return call


def written(tmp_path, pattern):
    (path,) = (tmp_path / "data/presence_experiments/presence_exp").glob(pattern)
    return pd.read_csv(path)


def test_scores_are_compared_with_the_table(run, recordings, tmp_path):
    said = run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", "-d")
    assert "2 computed" in said and "pearson_traffic" in said and "birds 95 %" in said
    scores = written(tmp_path, "scores/*_scores.csv")
    windows = written(tmp_path, "scores/*_windows.csv")
    assert scores["recording"].tolist() == NAMES
    means = windows.groupby("recording")[["traffic", "birds"]].mean()
    assert np.allclose(means, scores[["traffic", "birds"]])
    annotated = pd.read_csv(recordings / "time_of_presence.csv")
    agreement = written(tmp_path, "agreement/*.csv").set_index("class")
    for target in ("traffic", "birds"):
        expected = scipy.stats.pearsonr(scores[target], annotated[target]).statistic
        assert agreement.loc[target, "pearson"] == pytest.approx(expected)
        assert agreement.loc[target, "recordings"] == 4
    mean = agreement.loc["mean"]
    assert "mean 95 %" in said and mean["pearson"] == pytest.approx(agreement["pearson"].iloc[:-1].mean())
    assert mean["pearson_low"] <= mean["pearson"] <= mean["pearson_high"]


def test_done_settings_are_kept_until_the_table_changes(run, recordings):
    run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p")
    assert "2 done before" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p")
    table = recordings / "time_of_presence.csv"
    table.write_text(table.read_text().replace("0.9", "1.0"))
    assert "2 computed" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p")


def test_results_depend_on_the_channel_and_on_what_is_accepted(run, recordings, tmp_path):
    """The second channel is other noise than the first, so that their scores differ; a cut recording is told."""
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * SR)
    soundfile.write(recordings / "a.wav", np.stack([noise, -noise], 1), SR)
    said = run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", "--channel", "2", status=1)
    assert "b.wav has 1 channel: there is no channel 2" in said
    for name in NAMES[1:]:
        other = np.random.default_rng(2).normal(0, 0.1, 3 * SR)
        soundfile.write(recordings / name, np.stack([noise * np.linspace(0, 1, 3 * SR), other], 1), SR)
    assert "channels cancel" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p")
    mean = written(tmp_path, "scores/*_scores.csv")
    said = run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", "--channel", "2")
    assert "2 computed" in said and "cancel" not in said
    assert not mean.equals(written(tmp_path, "scores/*_scores.csv"))
    assert "2 done before" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", "--channel", "2")
    whole = (recordings / "a.wav").read_bytes()
    (recordings / "a.wav").write_bytes(whole[: len(whole) * 3 // 4])
    assert "a.wav is no whole sound" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", status=1)
    said = run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", "--accept_truncated")
    assert "2 computed" in said and "a.wav is truncated" in said


def test_levels_have_a_plan_of_their_own(run, recordings, tmp_path):
    levels = ("--levels", recordings / "levels_128ms.npz")
    said = run(SCRIPT, *levels, "-s", SELECT, "-c", "-p", "-d")
    assert "4 computed" in said
    sound = written(tmp_path, "scores/*input=sound*_scores.csv")
    of_levels = written(tmp_path, "scores/*input=levels*_scores.csv")
    assert scipy.stats.spearmanr(sound["traffic"], of_levels["traffic"]).statistic > 0.7
    assert "expected one of" in run(SCRIPT, *levels, "-s", "levels/transcoder=self", "-c", status=2)


def test_windows_may_be_longer(run, tmp_path):
    run(SCRIPT, "-s", f"sound/{SELECT}+window_s=3", "-c", "-p")
    assert len(written(tmp_path, "scores/*window_s=3*_windows.csv")) == 4  # one for each recording


def test_levels_may_be_every_second(run, tmp_path):
    """Through PINV of levels every second; the scores are those of a pipeline that is built by hand."""
    run(SCRIPT, "-s", f"sound/{SELECT}+period_ms=1000", "-c", "-p")
    scores = written(tmp_path, "scores/*period_ms=1000*_scores.csv")
    pipeline = find_pipeline("MiniYamNet", "pinv", third_octaves=SECOND_OCTAVES)
    by_hand = sound_window_scores(pipeline, tmp_path / "made/c.wav", WindowLength(1))
    expected = recording_class_scores(by_hand, classifier_record("MiniYamNet").labels, "tvb")
    assert pipeline.load_transcoder().third_octaves == SECOND_OCTAVES
    np.testing.assert_allclose(
        scores.loc[2, ["traffic", "birds"]].to_numpy(float), expected[[0, 2]], rtol=1e-5
    )


def test_pictures_and_table(run, tmp_path):
    run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p")
    said = run(PLOT, "--output", tmp_path / "results")
    assert "MiniYamNet, pinv, sound" in said and "3 s" not in said
    for name in ("agreement_made.csv", "agreement_made.png", "agreement_made_scatter.png"):
        assert (tmp_path / "results" / name).stat().st_size > 0


def test_all_that_is_computed_is_drawn(run, tmp_path):
    """Other windows and periods too, which a selector has to name before they are computed."""
    run(SCRIPT, "-s", f"sound/{SELECT}+window_s=3,{SELECT}+period_ms=1000", "-c", "-p")
    said = run(PLOT, "--output", tmp_path / "results")
    assert "MiniYamNet, pinv, sound, 3 s" in said
    assert "MiniYamNet, pinv, sound, levels every second" in said


def test_what_is_missing_or_unknown_is_reported(run, recordings, tmp_path):
    assert "nothing of this selection is computed" in run(PLOT, "--output", tmp_path, status=1)
    (recordings / "a.wav").unlink()
    assert "no recording a.wav" in run(SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", status=1)
    (recordings / "time_of_presence.csv").write_text("recording,trams\na.wav,0\n")
    assert "'trams': expected some of traffic, voices, birds" in run(
        SCRIPT, "-s", f"sound/{SELECT}", "-c", "-p", status=1
    )
    assert "--trained street" in run(SCRIPT, "--trained", "street", "-l", status=2)


def test_models_may_be_named_together_or_one_by_one(run):
    """An option that is given twice names both, as `--model` of the benchmarks does."""
    for trained in (["one=a_model,two=b_model"], ["one=a_model", "--trained", "two=b_model"]):
        said = run(
            SCRIPT, "--trained", *trained, "-l", "-s", "sound/classifier=MiniYamNet+transcoder=one+two"
        )
        assert "transcoder=one" in said and "transcoder=two" in said


@pytest.mark.shared
def test_the_mobile_yamnet_agrees_with_people_as_was_measured(run, shared, tmp_path):
    """Mean r over classes on these 15 recordings, measured with another code: about .69 on true Mels."""
    lorient = shared / "audio/lorient1k"
    models = ("--models_path", shared / "pretrained")
    select = "sound/classifier=YamNetMobile+transcoder=self"
    run(SCRIPT, *models, "-s", select, "-c", "-p", folder=lorient)
    agreement = written(tmp_path, "agreement/*.csv")
    assert agreement["pearson"].mean() == pytest.approx(0.69, abs=0.02)
    said = run(PLOT, *models, "-s", select, "--output", tmp_path, folder=lorient)
    assert "PANN, third octaves (published, all 30 recordings)" in said

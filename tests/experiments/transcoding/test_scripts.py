"""The scripts around experiment 1: launcher, exports, curves, teachers, hits by label."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from spectral_transcoder.utils import paths
from tests.helpers.training_plans import WHERE, setting_of


def test_the_launcher_computes_the_papers_table_and_the_exports_show_it(
    data, models, tmp_path, monkeypatch, call_script
):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    where = ["--dataset", "made", "--classifier", "YamNetMobile", "--epoch", 1, "--data_path", data]
    script = "exp_train_model/launch_experiment/launch_exp_py.py"
    code, printed, _ = call_script(script, *where, "--models_path", models, "-p")
    # EfficientNet-B7's weights are not there: its chain fails alone
    assert code == 1
    assert "download_pretrained_models.py --models effnet_b7" in printed
    assert "1 failed, 2 not started" in printed
    assert "restricted experiment on made:" in printed

    code, printed, _ = call_script("exp_train_model/export_experiment_results.py", *where)
    assert not code
    assert imread(tmp_path / "results_training_YamNetMobile.png").shape[1] > 1000

    selector = "[{'plan': 'cnn', 'dataset': 'made', 'classifier': 'YamNetMobile', 'epoch': 1}]"
    curves = "exp_train_model/plot_training_curve.py"
    code, printed, _ = call_script(curves, "-s", selector, "--data_path", data)
    assert not code
    assert (tmp_path / "training_curve_1.png").is_file()
    code, _, message = call_script(curves, "-s", selector.replace("1}", "10}"), "--data_path", data)
    assert (code, "no losses" in message) == (1, True)
    code, _, message = call_script("exp_train_model/export_experiment_results.py", "--data_path", tmp_path)
    assert (code, "launch_exp_py.py" in message) == (1, True)


def test_transcoders_are_compared_by_teacher_and_classifier(
    data, models, tmp_path, monkeypatch, call_script, compute
):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    where = ["--dataset", "made", "--data_path", data, "--models_path", models]
    script = "exp_train_model/compare_teachers.py"
    code, _, message = call_script(script, *where, "--classifier", "YamNetMobile")
    assert not code, message
    table = pd.read_csv(tmp_path / "teachers_made.csv").set_index("transcoder")
    assert set(table["classifier"]) == {"YamNetMobile"}
    assert table.loc["PINV", "runs"] == 1
    assert table.loc["PINV with texture", "runs"] == 3
    # the reference plan scores the same transcoders, with the same noise under each second
    _, experiment = compute(
        f"reference/{WHERE}+transcoder=pinv,reference/{WHERE}+transcoder=pinv_texture+seed=0+1+2"
    )

    def mean_bce(selector: str) -> float:
        setting = setting_of(experiment, f"reference/{WHERE}+{selector}", "metric")
        return float(np.load(experiment.file("metric", setting, "logit_bce.npy")).mean())

    assert table.loc["PINV", "bce"] == pytest.approx(mean_bce("transcoder=pinv"), rel=1e-4)
    textured = [mean_bce(f"transcoder=pinv_texture+seed={seed}") for seed in range(3)]
    assert table.loc["PINV with texture", "bce"] == pytest.approx(np.mean(textured), rel=1e-4)
    code, _, complaint = call_script(script, *where, "--classifier", "VGGish")
    assert (code, "VGGish" in complaint) == (2, True)


def test_heads_and_students_are_compared_with_each_classifier(
    data, models, tmp_path, monkeypatch, call_script, compute
):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    head, student = f"adapt/{WHERE}+epoch=2+noises=1", f"student/{WHERE}+epoch=2+nb_channels=8"
    _, experiment = compute(f"{head},{student}+seed=0+1")

    def trained(*selectors: str) -> str:
        found = [setting_of(experiment, selector, "train") for selector in selectors]
        return ",".join(str(experiment.file("model", setting, "model")) for setting in found)

    def share(selector: str) -> float:
        setting = setting_of(experiment, selector, "metric")
        return 100 * np.load(experiment.file("metric", setting, "ptopafc.npy")).item()

    seeds = [f"{student}+seed={seed}" for seed in range(2)]
    given = ["--model", f"head={trained(head)}", "--model", f"student={trained(*seeds)}"]
    where = ["--dataset", "made", "--data_path", data, "--models_path", models]
    script = "exp_train_model/compare_teachers.py"
    code, _, complaint = call_script(script, *where, "--classifier", "YamNetMobile,MiniYamNet", *given)
    assert not code, complaint
    table = pd.read_csv(tmp_path / "teachers_made.csv").set_index(["transcoder", "classifier"])
    assert set(table.loc["head"].index) == set(table.loc["student"].index) == {"YamNetMobile", "MiniYamNet"}
    assert (table.loc["head", "runs"] == 1).all() and (table.loc["student", "runs"] == 2).all()
    own = table.xs("YamNetMobile", level="classifier")["ptopafc_percent"]
    assert own["head"] == pytest.approx(share(head), rel=1e-4)
    assert own["student"] == pytest.approx(np.mean([share(selector) for selector in seeds]), rel=1e-4)
    code, _, complaint = call_script(script, *where, "--classifier", "MiniYamNet", *given)
    assert (code, "a head or student of YamNetMobile: expected it among" in complaint) == (2, True)


def test_hits_by_label_are_those_of_the_share(data, models, tmp_path, monkeypatch, call_script, compute):
    monkeypatch.setattr(paths, "EXPORT", tmp_path)
    selector = f"reference/{WHERE}+transcoder=pinv+pinv_texture"
    where = ["--data_path", data, "--models_path", models]
    script = "exp_train_model/plot_hits_by_label.py"
    code, _, complaint = call_script(script, "-s", selector.replace("made", "TEST"), *where)
    assert (code, "nothing of it is evaluated" in complaint) == (1, True)
    _, experiment = compute(selector)
    code, _, complaint = call_script(script, "-s", selector, *where)
    assert not code, complaint
    assert (tmp_path / "hits_by_label.png").is_file()
    table = pd.read_csv(tmp_path / "hits_by_label.csv").groupby("model").sum(numeric_only=True)
    assert set(table.index) == {"transcoder=pinv", "transcoder=pinv_texture"}
    for transcoder in ("pinv", "pinv_texture"):
        setting = setting_of(experiment, f"reference/{WHERE}+transcoder={transcoder}", "metric")
        share = np.load(experiment.file("metric", setting, "ptopafc.npy")).item()
        row = table.loc[f"transcoder={transcoder}"]
        assert row["hits"] / row["clips"] == pytest.approx(share)
    textures = f"reference/{WHERE}+transcoder=pinv_texture+seed=0+1"
    compute(textures)
    code, _, complaint = call_script(script, "-s", textures, *where)
    assert not code, complaint
    assert set(pd.read_csv(tmp_path / "hits_by_label.csv")["model"]) == {"reference", "seed=1"}

"""Experiment 2: its plans, what is computed of the outputs that are there, and its table."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.image import imread

from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.experiments.classification.experiment import classif_plans
from spectral_transcoder.experiments.engine.selectors import select
from tests.helpers.made_outputs import (
    URBAN,
    WRONG,
    metrics_of,
    speaking,
    store_outputs,
    store_sonyc,
    urban_corpus,
)

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "exp_classif_eval/main_doce_score.py"


def test_identifiers_are_the_published_ones_and_additions_have_to_be_named():
    plans = classif_plans({"URBAN-SOUND-8K": [("YamNet", "mine")], "SONYC-UST": [("PANN", "self")]})
    ids = [setting.id() for setting in select(plans, "deep/dataset=SONYC-UST+classifier=PANN+transcoder=cnn")]
    assert ids[0] == "classifier=PANN+dataset=SONYC-UST+deep=1+step=train+transcoder=cnn"
    published = select(classif_plans())
    assert {setting.transcoder for setting in published} == {"self", "cnn"}
    assert len({setting.chain for setting in published}) == 2 * 2 * 2 * 2
    (named,) = select(plans, f"deep/{URBAN}+transcoder=mine+head=corrected+seeds=3+step=metric")
    assert named.id().startswith("classifier=YamNet+dataset=URBAN-SOUND-8K+deep=1+head=corrected+seeds=3")


def test_what_is_not_mentioned_is_the_papers_or_what_there_are_outputs_of():
    def meant(kinds):
        found = select(classif_plans(kinds), "reference/step=metric")
        return {(setting.dataset, setting.classifier, setting.transcoder) for setting in found}

    urban, sonyc = "URBAN-SOUND-8K", "SONYC-UST"
    embedded = [("MiniYamNet", "self"), ("MiniYamNet", "cnn_texture")]
    mobile = [("YamNetMobile", "self"), ("YamNetMobile", "pinv")]
    papers = {
        (dataset, classifier, transcoder)
        for dataset in (urban, sonyc)
        for classifier in ("PANN", "YamNet")
        for transcoder in ("self", "cnn")
    }
    assert meant({}) == papers
    assert meant({urban: [*embedded, ("PANN", "self")], sonyc: embedded}) == {
        (urban, "PANN", "self"),
        (sonyc, "PANN", "self"),
    }
    assert meant({urban: [*embedded, ("PANN", "self")]}) == {(urban, "PANN", "self")}
    assert meant({sonyc: embedded}) == {(sonyc, *kind) for kind in embedded}
    assert meant({urban: embedded + mobile}) == {
        (urban, classifier, transcoder)
        for classifier in ("MiniYamNet", "YamNetMobile")
        for transcoder in ("self", "cnn_texture", "pinv")
    }


def test_outputs_of_other_labels_or_clips_are_not_scored(score, root):
    argv = ("-s", f"reference/{URBAN}+transcoder=self")
    assert score(*argv, "-c")[0] == 0
    other = urban_corpus().take(np.arange(50))
    other.save(LogitFolder("URBAN-SOUND-8K", root / "data").clips_path)
    status, said, complained = score(*argv, "-c")
    assert status == 1
    assert "outdated class outputs of YamNet on self" in said + complained
    assert f"--output_path {root / 'data'}" in said + complained


def test_the_users_export_has_the_published_figures_alongside(score, root):
    assert score("-s", f"reference/{URBAN}+transcoder=self", "-c")[0] == 0
    selector = "{'dataset':'URBAN-SOUND-8K'}"
    status, said, _ = score("-s", selector, "-d", "-e", "results_classif_urbansound8k.png")
    assert status == 0
    assert "60.7" in said  # YamNet on true Mels, docs/method.md, section 8
    picture = imread(root / "export" / "results_classif_urbansound8k.png")
    assert picture.min() < 0.5 < picture.max()
    assert score("-s", selector, "-d", "-e", "results.csv")[0] == 0
    table = pd.read_csv(root / "export" / "results.csv")
    assert table["acc_classif published"].tolist() == [60.7]


def test_outputs_that_were_not_made_are_named_with_the_command_and_others_go_on(score):
    status, said, _ = score("-s", f"reference/{URBAN}+transcoder=self+cnn", "-c")
    assert status == 1
    assert (
        "create_logit_dataset.py --audio_dataset_name URBAN-SOUND-8K --classifier YamNet --transcoder cnn"
        in said
    )
    assert "2 computed, 1 missing" in said
    status, said, _ = score("-s", f"reference/{URBAN}+transcoder=self+cnn", "-l")
    assert "2 done, 0 failed, 2 missing" in said
    assert status == 0


def test_of_what_is_not_mentioned_all_that_is_there_is_computed(score, root):
    """Three kinds of outputs, of which no two have dataset, classifier and transcoder in common."""
    corpus = urban_corpus()
    store_outputs(
        root / "data", "URBAN-SOUND-8K", "PANN", "cnn", corpus, np.random.default_rng(0).random((100, 527))
    )
    store_sonyc(root)
    status, said, _ = score("-s", "reference/", "-c")
    assert "missing" in said and re.search(r"\d failed", said) is None
    assert status == 0
    assert len(metrics_of(root, "acc_classif")) == 2


def test_other_outputs_are_scored_anew(score, root):
    selector = f"reference/{URBAN}+transcoder=mine"
    score("-s", selector, "-c")
    assert "2 done before" in score("-s", selector, "-c")[1]
    corpus = urban_corpus()
    folder = store_outputs(root / "data", "URBAN-SOUND-8K", "YamNet", "mine", corpus, speaking(corpus, WRONG))
    manifest = folder.read_manifest("YamNet", "mine")
    folder.write_manifest(
        "YamNet", "mine", manifest | {"provenance": manifest["provenance"] | {"weights": "other"}}
    )
    assert "2 computed" in score("-s", selector, "-c")[1]
    assert next(iter(metrics_of(root, "acc_classif").values()))[0] == 38 / 40


def test_workers_compute_the_same_settings(root):
    """A worker is told by its selector: of all folds too, where the option means others."""
    command = [
        sys.executable,
        str(ROOT / SCRIPT),
        "-c",
        "2",
        "-p",
        "--data_path",
        str(root),
        "--test_folds",
        "2",
    ]
    selector = f"reference/{URBAN}+transcoder=mine+test_folds=all"
    ran = subprocess.run([*command, "-s", selector], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (values,) = metrics_of(root, "acc_classif").values()
    assert len(values) == 3


def test_a_setting_can_be_selected_whatever_its_plan_means_unsaid():
    plans = classif_plans(test_folds="2")
    for setting in [*select(plans, "reference/"), *select(plans, "reference/test_folds=all")]:
        assert [one.id() for one in select(plans, setting.selector)] == [setting.id()]

"""Experiment 2 from class outputs to tables and pictures, on outputs whose scores can be told by hand."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from spectral_transcoder.datasets.labelled import LabelledCorpus, corpus_record
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.experiments.classification.experiment import classif_plans
from spectral_transcoder.experiments.classification.options import fold_list
from spectral_transcoder.experiments.engine import cli
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.published import classification_figures
from spectral_transcoder.models.labels import label_names
from spectral_transcoder.utils.files import sha256

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "exp_classif_eval/main_doce_score.py"
URBAN = "dataset=URBAN-SOUND-8K+classifier=YamNet"
# a label that stands for each of UrbanSound8K's classes
LABELS = (
    "Air conditioning",
    "Toot",
    "Children playing",
    "Bark",
    "Drill",
    "Idling",
    "Gunshot, gunfire",
    "Jackhammer",
    "Police car (siren)",
    "Guitar",
)
PARTS = ["1"] * 40 + ["2"] * 30 + ["10"] * 20 + ["short"] * 10


def store(root, dataset, classifier, transcoder, corpus, outputs, unreadable=()):
    """Store outputs as exp_classif_eval/create_logit_dataset.py does."""
    folder = LogitFolder(dataset, root)
    for file, scores in zip(corpus.files, outputs, strict=True):
        folder.folder.mkdir(parents=True, exist_ok=True)
        np.save(folder.path(file, classifier, transcoder), scores)
    corpus.save(folder.clips_path)
    origin = {"classifier": classifier, "transcoder": transcoder}
    manifest = {
        "origin": origin,
        "complete": True,
        "unreadable": dict.fromkeys(unreadable, "why"),
        "clips": sha256(folder.clips_path),
        "sounds": "1",
    }
    folder.write_manifest(classifier, transcoder, manifest)
    return folder


def urban_corpus(times=1):
    parts = PARTS * times
    truth = np.random.default_rng(0).integers(0, 10, len(parts))
    files = np.array([f"{index}-{target}-0-0.wav" for index, target in enumerate(truth)])
    return LabelledCorpus(corpus_record("URBAN-SOUND-8K"), files, np.array(parts), np.eye(10)[truth])


def speaking(corpus, wrong, seed=0):
    """Return outputs of YAMNet's 521 labels that tell each clip's class, but for the clips of index `wrong`."""
    told = corpus.labels.argmax(1)
    told[wrong] = (told[wrong] + 1) % 10
    outputs = np.random.default_rng(seed).uniform(0, 0.1, (len(told), 521)).astype(np.float32)
    outputs[np.arange(len(told)), [label_names(521).index(LABELS[target]) for target in told]] = 0.9
    return outputs


WRONG = [0, 1, 40, 41, 42, 70, 95]  # 2 of fold 1, 3 of fold 2, 1 of fold 10, and a short clip


@pytest.fixture
def root(tmp_path):
    """Outputs of YamNet on true Mels with some mistakes, and on `mine` with none."""
    corpus = urban_corpus()
    data = tmp_path / "data"
    store(data, "URBAN-SOUND-8K", "YamNet", "self", corpus, speaking(corpus, WRONG))
    store(data, "URBAN-SOUND-8K", "YamNet", "mine", corpus, speaking(corpus, []))
    return tmp_path


@pytest.fixture
def score(call_script, root, monkeypatch):
    monkeypatch.setattr(cli, "EXPORT", root / "export")

    def run(*argv, script=SCRIPT):
        return call_script(script, *argv, "--data_path", root)

    return run


def metrics_of(root, name):
    folder = root / "classification_experiments" / "classif_exp" / "metrics"
    return {path.name.removesuffix(f"_{name}.npy"): np.load(path) for path in folder.glob(f"*_{name}.npy")}


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


def test_accuracy_is_counted_fold_by_fold_without_the_short_clips(score, root):
    assert score("-s", f"reference/{URBAN}+transcoder=self+mine", "-c")[0] == 0
    found = metrics_of(root, "acc_classif")
    (of_self,) = (values for name, values in found.items() if "transcoder=self" in name)
    np.testing.assert_allclose(of_self, [38 / 40, 27 / 30, 19 / 20])
    (of_mine,) = (values for name, values in found.items() if "transcoder=mine" in name)
    assert of_mine.tolist() == [1, 1, 1]
    scores = next(
        (root / "classification_experiments/classif_exp/scores").glob("*transcoder=self_scores.csv")
    )
    table = pd.read_csv(scores)
    assert table["part"].tolist() == [1, 2, 10]
    assert table["clips"].tolist() == [40, 30, 20]


def test_only_the_folds_asked_for_are_scored_and_the_table_says_so(score, root):
    argv = ("-s", f"reference/{URBAN}+transcoder=self,deep/{URBAN}+transcoder=self", "--test_folds", "10,2")
    assert score(*argv, "-c")[0] == 0
    by_name = metrics_of(root, "acc_classif")
    assert all("test_folds=2-10" in name for name in by_name)
    reference = next(values for name, values in by_name.items() if "deep=0" in name)
    np.testing.assert_allclose(reference, [27 / 30, 19 / 20])
    status, said, _ = score(*argv, "-d")
    assert status == 0
    assert "fold 2, 10 (50 clips)" in said
    # a fold that is not here fails with those that are
    status, said, _ = score("-s", f"reference/{URBAN}+transcoder=self", "-c", "--test_folds", "3")
    assert status == 1
    assert "expected some of 1, 2, 10" in said


def test_a_fold_is_told_by_what_the_others_taught(score, root):
    """Outputs of fold 2 mean other classes than those of the others: its head cannot know, theirs can."""
    corpus = urban_corpus(times=8)
    shifted = corpus.labels.argmax(1)
    fold = corpus.parts == "2"
    shifted[fold] = (shifted[fold] + 5) % 10
    outputs = np.zeros((len(shifted), 521), np.float32)
    outputs[np.arange(len(shifted)), shifted] = 1
    store(root / "data", "URBAN-SOUND-8K", "YamNet", "shifted", corpus, outputs)
    assert score("-s", f"deep/{URBAN}+transcoder=shifted+test_folds=2+10", "-c")[0] == 0
    found = metrics_of(root, "acc_classif")
    by_fold = {name.partition("test_folds=")[2].partition("+")[0]: values for name, values in found.items()}
    assert by_fold["2"] == [0]
    assert by_fold["10"] > 0.9


def test_heads_of_several_seeds_give_a_mean_and_their_predictions_are_kept(score, root):
    selector = f"deep/{URBAN}+transcoder=self+head=published+corrected+seeds=2+test_folds=1"
    assert score("-s", selector, "-c")[0] == 0
    folder = root / "classification_experiments" / "classif_exp"
    for name, values in metrics_of(root, "acc_classif").items():
        assert len(values) == 2
        evaluated = name.replace("step=metric", "step=evaluate")
        with np.load(folder / "predictions" / f"{evaluated}_predictions.npz") as kept:
            assert kept["scores"].shape == (2, 40, 10)
            assert not np.array_equal(*kept["scores"])
            hits = kept["scores"].argmax(2) == kept["labels"].argmax(1)
            np.testing.assert_allclose(values, hits.mean(1))
            sums = kept["scores"].sum(2)
        assert np.allclose(sums, 1, atol=1e-5) == ("head=corrected" in name)
    _, said, _ = score("-s", selector, "-d")
    assert " ± " in said


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


def test_every_published_figure_is_that_of_the_paper():
    plans = classif_plans()
    found = {
        (
            setting.dataset,
            setting.classifier,
            setting.transcoder,
            setting.deep,
        ): classification_figures(setting)
        for setting in select(plans)
    }
    assert len(found) == 16
    assert found["URBAN-SOUND-8K", "PANN", "self", 1] == {"acc_classif": 81.0}
    assert found["URBAN-SOUND-8K", "YamNet", "cnn", 0] == {"acc_classif": 7.9}
    assert found["SONYC-UST", "YamNet", "self", 1] == {"macro_auprc": 0.49}
    assert found["SONYC-UST", "PANN", "cnn", 0] == {"macro_auprc": 0.39}
    (corrected,) = select(
        plans, "deep/dataset=SONYC-UST+classifier=PANN+transcoder=cnn+head=corrected+step=metric"
    )
    assert classification_figures(corrected) == {}


def store_sonyc(root, scale=1.0):
    """Store outputs of PANN that tell the classes of all clips: forty of train, three of validate, four of test.

    Nobody has voted on the last clip of test; labels of its first two are opposite, and one has a vote less.
    """
    parts = np.array(["train"] * 40 + ["validate"] * 3 + ["test"] * 4)
    rng = np.random.default_rng(0)
    labels = (rng.random((len(parts), 8)) < 0.4).astype(float)
    labels[-4] = [1, 0, 1, 0, 1, 0, 1, 0]
    labels[-3] = 1 - labels[-4]
    labels[-1] = np.nan
    labels[5, 2] = labels[-2, 0] = np.nan
    corpus = LabelledCorpus(
        corpus_record("SONYC-UST"), np.array([f"{i}.wav" for i in range(47)]), parts, labels
    )
    # PANN's labels that each stand for one class alone, and scores that tell it
    names = label_names(527)
    alone = ["Engine", "Drill", "Slam", "Sawing", "Siren", "Harp", "Speech", "Dog"]
    outputs = rng.uniform(0, 0.1, (47, 527)).astype(np.float32)
    outputs[:, [names.index(name) for name in alone]] = np.where(np.nan_to_num(labels) > 0, 0.8, 0.2)
    store(root / "data", "SONYC-UST", "PANN", "self", corpus, scale * outputs, unreadable=["3.wav"])
    return labels


def test_sonyc_ust_is_taught_on_train_and_scored_on_test_alone(score, root):
    store_sonyc(root)
    assert score("-s", "{'dataset': 'SONYC-UST', 'classifier': 'PANN', 'transcoder': 'self'}", "-c")[0] == 0
    by_name = metrics_of(root, "macro_auprc")
    assert {tuple(values) for name, values in by_name.items() if "deep=0" in name} == {(1,)}
    assert {len(values) for values in by_name.values()} == {1}
    assert not metrics_of(root, "acc_classif")
    _, said, _ = score("-s", "reference/dataset=SONYC-UST", "-d")
    assert "test (3 clips)" in said  # the fourth has no votes
    assert "0.53" in said


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
    store(root / "data", "URBAN-SOUND-8K", "PANN", "cnn", corpus, np.random.default_rng(0).random((100, 527)))
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
    folder = store(root / "data", "URBAN-SOUND-8K", "YamNet", "mine", corpus, speaking(corpus, WRONG))
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


@pytest.mark.parametrize("text", ["0", "11", "2,2", "two", ""])
def test_folds_that_are_none_are_refused(text):
    with pytest.raises(Exception, match="expected folds"):
        fold_list(text)


def test_pictures_of_classes_and_confusions(score, root):
    assert score("-s", f"reference/{URBAN}+transcoder=self+mine", "-c")[0] == 0
    script = "exp_classif_eval/plot_classes.py"
    status, _, complained = score(
        "-s", f"reference/{URBAN}+transcoder=self+mine", "--output", root, script=script
    )
    assert not status, complained
    assert imread(root / "classes_urban-sound-8k.png").std() > 0.01
    assert len(list(root.glob("confusion_*.png"))) == 2
    status, _, complained = score("-s", "reference/dataset=SONYC-UST", "--output", root, script=script)
    assert status == 1
    assert "main_doce_score.py" in complained


PRESENCE = "exp_classif_eval/presence_table.py"


@pytest.mark.parametrize(("folds", "right", "clips"), [("all", 84, 90), ("2", 27, 30), ("1,10", 57, 60)])
def test_the_presence_table_has_what_can_be_counted_by_hand(score, root, folds, right, clips):
    """6 of the 90 clips of the folds are told to be of another class: two, three and one."""
    argv = ("--dataset", "URBAN-SOUND-8K", "--transcoder", "self", "--test_folds", folds, "--output", root)
    status, _, complained = score(*argv, script=PRESENCE)
    assert not status, complained
    table = pd.read_csv(root / "presence_urbansound8k.csv")
    assert set(table["clips"]) == {clips}
    everything = table[table["class"] == "all"].set_index("aggregation")
    highest = everything.loc["revised: the highest class"]
    assert highest["precision"] == highest["recall"] == pytest.approx(right / clips, abs=1e-4)
    assert everything.loc["Gontier et al.: 3 highest labels", "recall"] >= right / clips - 1e-4
    assert (root / "presence_urbansound8k.png").stat().st_size > 1000


def test_presence_is_told_class_by_class(score, root):
    """Of each class, the share of its clips that are told right."""
    score("--dataset", "URBAN-SOUND-8K", "--transcoder", "self", "--output", root, script=PRESENCE)
    table = pd.read_csv(root / "presence_urbansound8k.csv")
    of_class = table[table["aggregation"] == "revised: the highest class"].set_index("class")
    corpus = urban_corpus()
    truth, scored = corpus.labels.argmax(1), corpus.parts != "short"
    told = speaking(corpus, WRONG)[:, [label_names(521).index(label) for label in LABELS]].argmax(1)
    for index, name in enumerate(corpus.record.classes):
        recall = np.mean(told[scored & (truth == index)] == index)
        precision = np.mean(truth[scored & (told == index)] == index)
        assert of_class.loc[name, ["recall", "precision"]].tolist() == pytest.approx(
            [recall, precision], abs=1e-4
        )
    recalls = of_class.loc[list(corpus.record.classes), "recall"]
    assert of_class.loc["mean over classes", "recall"] == pytest.approx(recalls.mean(), abs=1e-4)


def test_presence_in_sonyc_ust_is_that_of_its_test_split(score, root):
    """The labels of the eight classes are the highest of all, so that the eight highest entries are all classes."""
    labels = store_sonyc(root)[-4:-1]
    status, said, complained = score("--dataset", "SONYC-UST", "--output", root, script=PRESENCE)
    assert not status, complained
    table = pd.read_csv(root / "presence_sonycust.csv")
    everything = table[table["class"] == "all"].set_index("aggregation")
    present, voted = np.nansum(labels), np.sum(~np.isnan(labels))
    revised = everything.loc["revised: 8 highest entries"]
    assert revised[["recall", "precision"]].tolist() == pytest.approx([1, present / voted], abs=1e-4)
    assert set(corpus_record("SONYC-UST").classes) < set(table["class"])
    assert "SONYC-UST, 4 clips" in said


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("--dataset", "SONYC-UST"), 1, "create_logit_dataset.py --audio_dataset_name SONYC-UST"),
        (
            ("--dataset", "URBAN-SOUND-8K", "--test_folds", "7"),
            2,
            "test_folds 7 .* expected some of 1, 2, 10",
        ),
        (("--dataset", "URBAN-SOUND-8K", "--classifier", ""), 2, "--classifier: '': expected names"),
    ],
    ids=["no outputs", "no such fold", "no classifier"],
)
def test_presence_that_cannot_be_told(score, root, argv, status, words):
    ended, _, complained = score(*argv, "--output", root, script=PRESENCE)
    assert ended == status
    assert re.search(words, complained), complained
    assert not list(root.glob("presence_*"))


def test_a_file_of_outputs_that_is_cut_off_is_named_with_its_remedy(score, root):
    path = next((root / "data" / "URBAN-SOUND-8K-LOGITS").glob("40-*_yamnet_gt.npy"))
    path.write_bytes(path.read_bytes()[:1000])
    argv = ("--dataset", "URBAN-SOUND-8K", "--transcoder", "self")
    status, _, complained = score(*argv, "--output", root, script=PRESENCE)
    assert status == 1
    (line,) = complained.splitlines()
    assert line.startswith(f"error: {path} is damaged or missing")
    assert "--classifier YamNet --transcoder self" in line


def test_f1_of_several_classes_takes_thresholds_from_the_training_clips(score, root):
    """Scores far below 0.5 that tell the classes without a mistake: 0.5 finds none of them."""
    store_sonyc(root, scale=0.01)
    selector = "reference/dataset=SONYC-UST+classifier=PANN+transcoder=self"
    assert score("-s", selector, "-c")[0] == 0
    (values,) = metrics_of(root, "macro_f1").values()
    assert values == [1]
    assert "thresholds of F1 chosen on train" in score("-s", selector, "-d")[1]


def test_predictions_of_earlier_versions_have_no_f1_but_the_rest(score, root):
    store_sonyc(root)
    selector = "reference/dataset=SONYC-UST+classifier=PANN+transcoder=self"
    score("-s", selector, "-c")
    (path,) = (root / "classification_experiments/classif_exp/predictions").glob("*.npz")
    with np.load(path) as kept:
        old = {name: values for name, values in kept.items() if not name.startswith("thresholds")}
    np.savez(path, **old)
    assert score("-s", f"{selector}+step=metric", "-c", "-f")[0] == 0
    assert np.isnan(next(iter(metrics_of(root, "macro_f1").values())))
    assert next(iter(metrics_of(root, "macro_auprc").values())) == [1]

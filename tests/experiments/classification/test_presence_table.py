"""The table of presence, on outputs whose scores can be counted by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from spectral_transcoder.datasets.labelled import corpus_record
from spectral_transcoder.models.labels import label_names
from tests.helpers.made_outputs import (
    LABELS,
    WRONG,
    speaking,
    store_sonyc,
    urban_corpus,
)

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


def test_presence_is_reported_class_by_class(score, root):
    """Of each class, the share of its clips that are told right."""
    score("--dataset", "URBAN-SOUND-8K", "--transcoder", "self", "--output", root, script=PRESENCE)
    table = pd.read_csv(root / "presence_urbansound8k.csv")
    of_class = table[table["aggregation"] == "revised: the highest class"].set_index("class")
    corpus = urban_corpus()
    truth, scored = corpus.labels.argmax(1), corpus.parts != "short"
    predicted = speaking(corpus, WRONG)[:, [label_names(521).index(label) for label in LABELS]].argmax(1)
    for index, name in enumerate(corpus.record.classes):
        recall = np.mean(predicted[scored & (truth == index)] == index)
        precision = np.mean(truth[scored & (predicted == index)] == index)
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
def test_presence_that_cannot_be_found(score, root, argv, status, words):
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

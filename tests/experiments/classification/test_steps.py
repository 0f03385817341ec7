"""Experiment 2's heads and scores, on outputs whose metrics can be counted by hand."""

import numpy as np
import pandas as pd

from tests.helpers.made_outputs import URBAN, metrics_of, store_outputs, store_sonyc, urban_corpus


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


def test_a_fold_is_scored_by_a_head_of_the_others(score, root):
    """Outputs of fold 2 mean other classes than those of the others: its head cannot know, theirs can."""
    corpus = urban_corpus(times=8)
    shifted = corpus.labels.argmax(1)
    fold = corpus.parts == "2"
    shifted[fold] = (shifted[fold] + 5) % 10
    outputs = np.zeros((len(shifted), 521), np.float32)
    outputs[np.arange(len(shifted)), shifted] = 1
    store_outputs(root / "data", "URBAN-SOUND-8K", "YamNet", "shifted", corpus, outputs)
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

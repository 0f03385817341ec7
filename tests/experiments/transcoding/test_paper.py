"""The paper's table: its rows, what is marked as a tie, and which is best."""

import numpy as np

from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding import experiment as transcoding_experiment
from spectral_transcoder.experiments.transcoding import paper
from spectral_transcoder.experiments.transcoding.experiment import (
    METRICS,
)


def test_rows_of_the_paper_are_one_setting_each():
    plans = transcoding_experiment.train_plans()
    for row in (*paper.ROWS, *paper.FURTHER_ROWS):
        chains = {s.chain for s in select(plans, repr([row.choices("full", "PANN", 200)]))}
        assert len(chains) == 1, row
    (cnn,) = {s.chain for s in select(plans, repr([paper.ROWS[2].choices("full", "PANN", 200)]))}
    # docs/method.md, section 5, less the step
    assert cnn == (
        "classifier=PANN+dataset=full+dilation=1+epoch=200+kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"
        "+prop_logit=100+transcoder=cnn_pinv+ts=1"
    )
    assert all(
        s.dilation == 1 for s in select(plans, repr(paper.detailed("full", ["PANN"], 200))) if s.plan == "cnn"
    )


def test_ties_are_marked_by_what_the_clips_allow():
    rng = np.random.default_rng(0)
    base = rng.uniform(1, 2, 100)
    column = {"a": base, "b": base + np.tile([0.01, -0.009], 50), "c": base + rng.uniform(0.9, 1.1, 100)}
    compared = paper.compare(column, MetricRecord("error", "", lower_is_better=True), of_hits=False)
    assert compared["a"].best
    assert (compared["b"].tied, compared["c"].tied) == (True, False)
    hits = {"a": np.ones(100), "b": np.r_[np.zeros(3), np.ones(97)], "c": np.zeros(100)}
    compared = paper.compare(hits, MetricRecord("hits", "", lower_is_better=False), of_hits=True)
    assert (compared["a"].best, compared["b"].tied, compared["c"].tied) == (True, True, False)


def test_the_best_divergence_is_the_one_nearest_to_nought():
    record = next(one for one in METRICS if one.name == "logit_kl")
    column = {"a": np.full(9, -0.5), "b": np.full(9, 0.1), "c": np.full(9, 0.2)}
    assert [name for name, one in paper.compare(column, record, of_hits=False).items() if one.best] == ["b"]

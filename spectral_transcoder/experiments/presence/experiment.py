"""Experiment 3 as an `Experiment`: plans, folders, metrics, published figures (docs/method.md, section 13)."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from spectral_transcoder.evaluation.tagging import TRANSCODERS
from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord
from spectral_transcoder.experiments.engine.plans import Plan, Setting
from spectral_transcoder.experiments.presence.inputs import (
    PERIODS_MS,
    annotated,
    chosen_pipeline,
    dataset_name,
    input_transcoders,
    pipelines_here,
    trained_transcoders,
)
from spectral_transcoder.experiments.presence.options import LEVELS, SOUND
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.signal.reading import AS_USUAL, reading_of
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.files import sha256_or_none

FOLDER = Path("presence_experiments", "presence_exp")
KINDS = {"output": "scores", "metric": "metrics", "score": "agreement"}
STEPS = ("evaluate", "metric")
OWN_WINDOW = 0  # the classifier's own window
WINDOWS_S = (OWN_WINDOW, 1, 2, 3, 5, 10)


def build_experiment(options: argparse.Namespace) -> Experiment:
    """Return experiment 3 for the recordings of a command line and the models that are there."""
    return Experiment(
        "presence",
        presence_plans(options),
        STEPS,
        options.data_path / FOLDER,
        KINDS,
        metrics_of(annotated(options).classes),
        provenance=provenance,
        options=options,
        remarks=intervals,
    )


def presence_plans(options: argparse.Namespace) -> dict[str, Plan]:
    """Return the plans by name: `sound`, and `levels` where the recordings' levels are given.

    Unsaid, classifiers are those whose weights are here, and transcoders those that all of them have.
    """
    here = pipelines_here(options, list(CLASSIFIERS))
    shared = [name for name in _all_transcoders(options) if all(name in there for there in here.values())]
    plans = {}
    for source in (SOUND, LEVELS) if options.levels else (SOUND,):
        meant = {"classifier": list(here), "transcoder": input_transcoders(shared, source)}
        plans[source] = Plan(
            source,
            {
                "input": (source,),
                "step": STEPS,
                "transcoder": input_transcoders(_all_transcoders(options), source),
                "dataset": (dataset_name(options),),
                "classifier": tuple(CLASSIFIERS),
            },
            hidden={"window_s": WINDOWS_S, "period_ms": PERIODS_MS},
            meant={factor: values for factor, values in meant.items() if values},
        )
    return plans


def _all_transcoders(options: argparse.Namespace) -> list[str]:
    return list(dict.fromkeys([*TRANSCODERS, *trained_transcoders(options)]))


def metrics_of(classes: tuple[str, ...]) -> tuple[MetricRecord, ...]:
    """Return the metrics of some classes: Pearson's r of each, then rank correlations and errors."""
    return (
        *(MetricRecord(f"pearson_{c}", f"Pearson's r, {c}", False, spread=False) for c in classes),
        MetricRecord("pearson_mean", "mean of Pearson's r over classes", False, spread=False),
        *(
            MetricRecord(f"spearman_{c}", f"rank correlation, {c}", False, spread=False, shown=False)
            for c in classes
        ),
        *(
            MetricRecord(
                f"error_{c}", f"mean |score - time|, {c}", True, spread=False, shown=False, decimals=3
            )
            for c in classes
        ),
    )


def load_steps() -> dict[str, Callable]:
    """Return the steps of experiment 3 by name; torch, which they need, is imported only now."""
    from spectral_transcoder.experiments.presence.steps import STEPS as steps

    return steps


def provenance(setting: Setting, experiment: Experiment) -> dict:
    """Return what a setting's result is made from beyond its factors: recordings, times of presence, weights."""
    options = experiment.options
    annotations = annotated(options)
    made: dict = {"times": [list(annotations.recordings), annotations.times_of_presence.tolist()]}
    if setting.input == LEVELS:
        made |= {"levels": sha256_or_none(options.levels), "period": options.period, "offset": options.offset}
    else:
        made["sounds"] = {name: sha256_or_none(options.recordings / name) for name in annotations.recordings}
        reading = reading_of(options)
        if reading != AS_USUAL:  # results that were stored before there was a choice are read as usual
            made["sounds"] = [made["sounds"], reading.to_dict()]
    try:
        pipeline = chosen_pipeline(options, setting.classifier, setting.transcoder, setting.period_ms)
    except SpectralTranscoderError:
        return made | {"weights": None}
    return made | {"weights": sha256_or_none(pipeline.weights), "transcoder": sha256_or_none(pipeline.model)}


def intervals(setting: Setting, experiment: Experiment) -> dict[str, str]:
    """Return {column: text}: the 95 % intervals of Pearson's r, of classes and mean, of a computed setting."""
    table = pd.read_csv(experiment.file("score", setting, "agreement.csv"))
    columns = zip(table["class"], table["pearson_low"], table["pearson_high"], strict=True)
    return {f"{target} 95 %": f"{low:.2f} … {high:.2f}" for target, low, high in columns}

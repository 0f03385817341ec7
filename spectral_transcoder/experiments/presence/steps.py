"""The steps of experiment 3: score the recordings, then compare with people (docs/method.md, section 13).

evaluate keeps the class scores of every window, scores/<identifier>_windows.csv, and of every recording,
scores/<identifier>_scores.csv; metric writes metrics/<identifier>_<metric>.npy and all of it with its
intervals, agreement/<identifier>_agreement.csv.
"""

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_transcoder.datasets.annotated_recordings import RECORDING, read_recorded_levels
from spectral_transcoder.evaluation.agreement import agreement, agreement_table, bootstrap, mean_pearson
from spectral_transcoder.evaluation.presence import class_scores
from spectral_transcoder.evaluation.window_scores import (
    level_window_scores,
    sound_window_scores,
    window_length,
)
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.presence.inputs import annotated, chosen_pipeline
from spectral_transcoder.experiments.presence.options import LEVELS
from spectral_transcoder.models.classifiers import classifier_record
from spectral_transcoder.models.labels import groupings
from spectral_transcoder.signal.reading import reading_of
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError
from spectral_transcoder.utils.files import atomic_path

GROUPING = "tvb"


def evaluate(setting: Setting, experiment: Experiment) -> None:
    """Keep the class scores of every window and of every recording."""
    annotations = annotated(experiment.options)
    grouping = grouping_of(annotations.classes)
    remarks: list[str] = []
    scores_of = window_scorer(setting, experiment, remarks)
    labels = classifier_record(setting.classifier).labels
    windows, means = [], []
    with experiment.progress(len(annotations.recordings), "scoring", "recording") as progress:
        for recording in annotations.recordings:
            scores = class_scores(scores_of(recording), labels, grouping)[1]
            means.append(scores.mean(axis=0))
            table = pd.DataFrame(scores, columns=annotations.classes)
            table.insert(0, RECORDING, recording)
            windows.append(table)
            progress.advance(recording)
        for remark in remarks:
            progress.say(f"note: {remark}")
    table = pd.DataFrame(np.stack(means), columns=annotations.classes)
    table.insert(0, RECORDING, annotations.recordings)
    write_csv(pd.concat(windows), experiment.file("output", setting, "windows.csv"))
    write_csv(table, experiment.file("output", setting, "scores.csv"))


def window_scorer(
    setting: Setting, experiment: Experiment, remarks: list[str]
) -> Callable[[str], np.ndarray]:
    """Return what gives the label scores of a recording's windows by its name: (n_windows, n_labels).

    `remarks` gets what a user should know of the recordings.
    """
    options = experiment.options
    pipeline = chosen_pipeline(options, setting.classifier, setting.transcoder, setting.period_ms)
    length = window_length(setting.classifier, setting.window_s)
    if setting.input != LEVELS:
        heard = replace(pipeline, reading=reading_of(options))
        return lambda name: sound_window_scores(heard, sound_path(options.recordings, name), length, remarks)
    stored = read_recorded_levels(options.levels, options.period)

    def of_levels(name: str) -> np.ndarray:
        if name not in stored.levels_db:
            raise DatasetError(f"{options.levels} has no levels of {name}")
        levels_db = stored.levels_db[name]
        return level_window_scores(pipeline, levels_db, stored.period_s, length, options.offset)

    return of_levels


def sound_path(folder: Path, name: str) -> Path:
    """Return the path of a recording; raise MissingFileError where there is none."""
    if not (folder / name).is_file():
        raise MissingFileError(f"no recording {name} in {folder}: the table of times of presence lists it")
    return folder / name


def grouping_of(classes: tuple[str, ...]) -> dict[str, list[str]]:
    """Return {class: labels} of the annotated classes, which have to be some of traffic, voices and birds."""
    known = groupings()[GROUPING]
    if unknown := [name for name in classes if name not in known]:
        raise UsageError(f"annotated class {unknown[0]!r}: expected some of {', '.join(known)}")
    return {name: known[name] for name in classes}


def metric(setting: Setting, experiment: Experiment) -> None:
    """Compare the scores of the recordings with the times of presence."""
    annotations = annotated(experiment.options)
    scores = pd.read_csv(
        experiment.file("output", setting.at("evaluate"), "scores.csv"), dtype={RECORDING: str}
    )
    scores = (
        scores.set_index(RECORDING)
        .loc[list(annotations.recordings), list(annotations.classes)]
        .to_numpy(float)
    )
    agreements = agreement(scores, annotations.times_of_presence, annotations.classes)
    mean = bootstrap(mean_pearson, scores.T, annotations.times_of_presence.T)
    table = agreement_table(agreements)
    table.loc[len(table), ["class", "recordings", "pearson", "pearson_low", "pearson_high"]] = [
        "mean",
        len(scores),
        *astuple(mean),
    ]
    write_csv(table, experiment.file("score", setting, "agreement.csv"))
    for one in agreements:
        for name in ("pearson", "spearman", "error"):
            experiment.save_metric(setting, f"{name}_{one.target}", getattr(one, name).value)
    experiment.save_metric(setting, "pearson_mean", mean.value)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table, atomically."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


STEPS = {"evaluate": evaluate, "metric": metric}  # what the engine calls, by the factor `step`

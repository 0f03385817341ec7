"""Experiment 1 as an `Experiment`: its folders, metrics and options (docs/method.md, sections 5 and 6)."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord, Step
from spectral_transcoder.experiments.engine.options import dataset_folder
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.transcoding.plans import MEL_DATASETS, STEPS, train_plans
from spectral_transcoder.models.names import ADDED_CLASSIFIERS, EFFICIENTATS

FOLDER = Path("training_experiments", "train_exp")
KINDS = {"model": "model", "loss": "loss", "output": "output", "metric": "metric"}
EVALUATION_DATA = "{0}/{0}_eval_third_octave_data.npy"


# The paper's four, and PTopA/FC without the gain of common labels alone, are shown unless others are asked for.
SHOWN = ("mel_mse", "logit_bce", "logit_kl", "ptopafc", "ptopafc_weighted")


# The unit of the Mels' squared differences, by classifier.
MEL_UNITS = {"PANN": "dB²"} | dict.fromkeys(("YamNet", *ADDED_CLASSIFIERS), "natural log²")
MEL_UNITS |= dict.fromkeys(EFFICIENTATS, "normalised natural log²")


def _metric(name: str, description: str, lower_is_better: bool, **options: Any) -> MetricRecord:
    return MetricRecord(name, description, lower_is_better, shown=name in SHOWN, **options)


def _logit_metrics(infix: str, labels: str) -> tuple[MetricRecord, ...]:
    return (
        _metric(f"logit{infix}_mse", f"mean squared error of the scores of {labels}", True, decimals=6),
        _metric(f"logit{infix}_bce", f"binary cross-entropy of the scores of {labels}", True, decimals=6),
        _metric(f"logit{infix}_cos", f"cosine similarity of the scores of {labels}", False, decimals=4),
        # of scores that do not sum to 1, the divergence may be negative
        _metric(f"logit{infix}_kl", f"KL divergence of the scores of {labels}", True, decimals=6, ideal=0.0),
    )


def _agreement(suffix: str, description: str) -> MetricRecord:
    return _metric(f"ptopafc{suffix}", description, False, unit="%", decimals=1, spread=False)


METRICS = (
    _metric("mel_mse", "mean squared error of the log Mels, per clip", True, units=MEL_UNITS),
    *_logit_metrics("", "all labels"),
    *_logit_metrics("_tvb", "traffic, voices and birds"),
    _agreement("", "clips whose top class is the classifier's on true Mels"),
    _agreement("_tvb", "the same among traffic, voices and birds"),
    _agreement(
        "_weighted", "the mean over all top classes of the share of clips with it: common ones count once"
    ),
    _metric(
        "ptopafc_hits",
        "1 for a clip whose top class is the classifier's on true Mels",
        False,
        unit="%",
        decimals=1,
    ),
)


def build_experiment(options: argparse.Namespace) -> Experiment:
    """Return experiment 1 for the folders and corpora of a command line."""
    folder = dataset_folder(options)
    corpora = list(dict.fromkeys([*options.corpus, *find_corpora(folder)]))
    here = [dataset for dataset in MEL_DATASETS if is_there(folder, published_name(dataset))]
    return Experiment(
        "training",
        train_plans(corpora, here or [name for name in corpora if is_there(folder, name)]),
        STEPS,
        options.data_path / FOLDER,
        KINDS,
        METRICS,
        provenance=provenance,
        options=options,
        missing=missing,
    )


def find_corpora(folder: Path) -> list[str]:
    """Return the names of a folder's datasets that are not the published ones, sorted."""
    names = sorted(
        {path.name for path in folder.glob("*/")} - {published_name(dataset) for dataset in MEL_DATASETS}
    )
    return [name for name in names if is_there(folder, name)]


def is_there(folder: Path, name: str) -> bool:
    """Whether a folder holds the dataset of that name."""
    return (folder / EVALUATION_DATA.format(name)).is_file()


def published_name(dataset: str) -> str:
    """Return the name of the folder of a published dataset; those of other inputs are made from `urban`."""
    return f"Dcase-Task1-{'urban' if dataset.startswith('urban') else dataset}"


def provenance(setting: Setting, experiment: Experiment) -> dict[str, Any]:
    """Return what a setting's result is made from beyond its factors."""
    from spectral_transcoder.experiments.transcoding import task  # torch is slow to import

    return task.provenance(setting, experiment)


def missing(setting: Setting, experiment: Experiment) -> str | None:
    """Return why a setting cannot be computed: its dataset or weights are not here. None where they are."""
    from spectral_transcoder.experiments.transcoding import task  # torch is slow to import

    return task.missing(setting, experiment)


def load_steps() -> Mapping[str, Step]:
    """Return the steps of experiment 1 by name; torch, which they need, is imported only now."""
    from spectral_transcoder.experiments.transcoding.steps import STEPS as steps

    return steps

"""Experiment 2 as an `Experiment`: plans, folders, metrics (docs/method.md, section 7)."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spectral_transcoder.datasets.labelled import LABELLED_CORPORA
from spectral_transcoder.datasets.names import N_FOLDS
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import TRANSCODERS
from spectral_transcoder.experiments.classification.options import ALL_FOLDS
from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord, Step
from spectral_transcoder.experiments.engine.options import dataset_folder
from spectral_transcoder.experiments.engine.plans import Factors, Modality, Plan, Setting
from spectral_transcoder.experiments.published import classification_figures
from spectral_transcoder.models.names import ADDED_CLASSIFIERS, PUBLISHED_CLASSIFIERS
from spectral_transcoder.training.heads import HEADS
from spectral_transcoder.utils.files import sha256
from spectral_transcoder.utils.words import counted

FOLDER = Path("classification_experiments", "classif_exp")
KINDS = {"model": "heads", "output": "predictions", "metric": "metrics", "score": "scores"}
STEPS = ("train", "evaluate", "metric")
PUBLISHED_TRANSCODERS = ("self", "cnn")  # `self` is the true Mels here
N_SEEDS = (1, 2, 3, 5, 10)

Kinds = Mapping[
    str, list[tuple[str, str]]
]  # the (classifier, transcoder) of which there are outputs, by dataset

METRICS = (
    MetricRecord("acc_classif", "share of clips whose class is found", False, unit="%", decimals=1),
    MetricRecord(
        "macro_auprc", "area under the precision-recall curve, mean over classes", False, decimals=3
    ),
    MetricRecord("micro_auprc", "the same of all entries together", False, decimals=3),
    MetricRecord(
        "macro_f1", "F1, mean over classes; thresholds chosen on the training clips", False, decimals=3
    ),
)


def build_experiment(options: argparse.Namespace) -> Experiment:
    """Return experiment 2 for the folders of a command line and the outputs that are there."""
    folder = dataset_folder(options)
    kinds = {dataset: LogitFolder(dataset, folder).kinds() for dataset in LABELLED_CORPORA}
    return Experiment(
        "classification",
        classif_plans(kinds, options.test_folds),
        STEPS,
        options.data_path / FOLDER,
        KINDS,
        METRICS,
        provenance=provenance,
        options=options,
        published=classification_figures,
        remarks=scored_parts,
        missing=missing,
    )


def classif_plans(kinds: Kinds | None = None, test_folds: str = ALL_FOLDS) -> dict[str, Plan]:
    """Return the plans of experiment 2 by name.

    Parameters
    ----------
    kinds : dict of str to list of (str, str), optional
        The (classifier, transcoder) of which there are outputs, by dataset.
    test_folds : str
        The modality of `test_folds` that is meant where none is mentioned: "all", "2", "2-5".
    """
    kinds = {dataset: there for dataset, there in (kinds or {}).items() if there}
    found = [transcoder for there in kinds.values() for _, transcoder in there]
    added: Factors = {
        "transcoder": list(dict.fromkeys([*TRANSCODERS, *found])),
        "classifier": ADDED_CLASSIFIERS,
    }
    folds = dict.fromkeys([ALL_FOLDS, *(str(fold) for fold in range(1, N_FOLDS + 1)), test_folds])
    scored: Factors = {"test_folds": list(folds)}
    trained: Factors = {**scored, "head": HEADS, "seeds": N_SEEDS}
    where: Factors = {
        "transcoder": PUBLISHED_TRANSCODERS,
        "dataset": tuple(LABELLED_CORPORA),
        "classifier": PUBLISHED_CLASSIFIERS,
    }
    meant: dict[str, Sequence[Modality]] = meant_by_outputs(kinds)
    if test_folds != ALL_FOLDS:
        meant["test_folds"] = [test_folds]
    plans = (
        Plan("reference", {"deep": (0,), "step": STEPS[1:], **where}, added, scored, meant),
        Plan("deep", {"deep": (1,), "step": STEPS, **where}, added, trained, meant),
    )
    return {plan.name: plan for plan in plans}


def meant_by_outputs(kinds: Kinds) -> dict[str, Sequence[Modality]]:
    """Return what selectors mean by factors that they do not mention: {factor: modalities}.

    They mean what there are outputs of: of the paper's modalities those, or others where there are none of the
    paper's; and all of the paper's where there are no outputs at all.
    """
    there = [kind for of_dataset in kinds.values() for kind in of_dataset]
    if not there:
        return {}
    found = {classifier for classifier, _ in there}
    classifiers = [name for name in PUBLISHED_CLASSIFIERS if name in found] or sorted(found)
    transcoders = {transcoder for classifier, transcoder in there if classifier in classifiers}
    published = [name for name in PUBLISHED_TRANSCODERS if name in transcoders]
    is_papers = classifiers[0] in PUBLISHED_CLASSIFIERS
    return {
        "dataset": list(kinds),
        "classifier": classifiers,
        "transcoder": (published if is_papers else []) or sorted(transcoders),
    }


def missing(setting: Setting, experiment: Experiment) -> str | None:
    """Return why there are no class outputs for a setting, with the command that makes them, or None."""
    folder = LogitFolder(setting.dataset, dataset_folder(experiment.options))
    return folder.missing(setting.classifier, setting.transcoder)


def load_steps() -> Mapping[str, Step]:
    """Return the steps of experiment 2 by name; torch, which they need, is imported only now."""
    from spectral_transcoder.experiments.classification.steps import STEPS as steps

    return steps


def provenance(setting: Setting, experiment: Experiment) -> dict[str, Any]:
    """Return what a setting's result is made from beyond its factors: the outputs, the sounds and the labels."""
    folder = LogitFolder(setting.dataset, dataset_folder(experiment.options))
    manifest = folder.read_manifest(setting.classifier, setting.transcoder) or {}
    clips = sha256(folder.clips_path) if folder.clips_path.is_file() else None
    return {"clips": clips, "outputs": manifest.get("provenance")} | {
        key: manifest.get(key) for key in ("complete", "unreadable", "sounds", "synthetic")
    }


def scored_parts(setting: Setting, experiment: Experiment) -> dict[str, str]:
    """Return {column: text}: which parts of the corpus a computed setting was scored on."""
    scores = pd.read_csv(experiment.file("score", setting, "scores.csv"), dtype={"part": str})
    scores = scores[scores["seed"] == 0]
    parts, clips = ", ".join(scores["part"]), scores["clips"].sum()
    thresholds = "" if parts[0].isdigit() else ", thresholds of F1 chosen on train"
    return {
        "scored on": f"{'fold ' if parts[0].isdigit() else ''}{parts} ({counted(clips, 'clip')}){thresholds}"
    }

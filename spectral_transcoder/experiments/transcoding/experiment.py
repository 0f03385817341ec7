"""Experiment 1 as an `Experiment`: its folders, metrics and options (SPEC sections 5 and 6)."""

from pathlib import Path

from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord
from spectral_transcoder.experiments.engine.options import add_dataset_path, dataset_folder
from spectral_transcoder.experiments.transcoding.plans import (
    ADDED_CLASSIFIERS,
    MEL_DATASETS,
    STEPS,
    train_plans,
)
from spectral_transcoder.models.names import EFFICIENTATS
from spectral_transcoder.utils.cli import add_engine_option, positive
from spectral_transcoder.utils.paths import PRETRAINED_MODELS

FOLDER = Path("training_experiments", "train_exp")
KINDS = {"model": "model", "loss": "loss", "output": "output", "metric": "metric"}
PUBLISHED_NAMES = {f"Dcase-Task1-{dataset}" for dataset in MEL_DATASETS}  # of the folders of datasets
# Lightning Fabric's, less those of NVIDIA's transformer-engine, which is not among the requirements
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")
EVALUATION_DATA = "{0}/{0}_eval_third_octave_data.npy"


# The paper's four are shown unless others are asked for: more columns than these are hard to read.
PAPERS = ("mel_mse", "logit_bce", "logit_kl", "ptopafc")


# Of the Mels' squared differences, by classifier
MEL_UNITS = {"PANN": "dB²"} | dict.fromkeys(("YamNet", *ADDED_CLASSIFIERS), "natural log²")
MEL_UNITS |= dict.fromkeys(EFFICIENTATS, "normalised natural log²")


def _metric(name, description, lower_is_better, **options):
    return MetricRecord(name, description, lower_is_better, shown=name in PAPERS, **options)


def _logit_metrics(infix, labels):
    return (
        _metric(f"logit{infix}_mse", f"mean squared error of the scores of {labels}", True, decimals=6),
        _metric(f"logit{infix}_bce", f"binary cross-entropy of the scores of {labels}", True, decimals=6),
        _metric(f"logit{infix}_cos", f"cosine similarity of the scores of {labels}", False, decimals=4),
        _metric(f"logit{infix}_kl", f"KL divergence of the scores of {labels}", True, decimals=6),
    )


def _agreement(suffix, description):
    return _metric(f"ptopafc{suffix}", description, False, unit="%", decimals=1, spread=False)


METRICS = (
    _metric("mel_mse", "mean squared error of the log Mels, per clip", True, units=MEL_UNITS),
    *_logit_metrics("", "all labels"),
    *_logit_metrics("_tvb", "traffic, voices and birds"),
    _agreement("", "clips whose top class is the oracle's"),
    _agreement("_tvb", "the same among traffic, voices and birds"),
    _agreement("_weighted", "the same, as the mean over the oracle's classes"),
    _agreement("_weighted_tvb", "the mean over classes, among traffic, voices and birds"),
    _metric("ptopafc_hits", "1 for a clip whose top class is the oracle's", False, unit="%", decimals=1),
)


def add_options(parser):
    """Add the options of experiment 1."""
    add_dataset_path(parser, "datasets")
    parser.add_argument(
        "--corpus", action="append", default=[], help="a further modality of dataset; those found are known"
    )
    parser.add_argument(
        "--models_path", type=Path, default=PRETRAINED_MODELS, help="folder of the classifiers' weights"
    )
    parser.add_argument(
        "--devices", type=positive, default=1, help="GPUs, or processes on the CPU, of one training"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="default bf16-mixed on a GPU, 32-true on a CPU"
    )
    add_engine_option(parser)


def build_experiment(options):
    """Return experiment 1 for the folders and corpora of a command line."""
    corpora = dict.fromkeys([*options.corpus, *find_corpora(dataset_folder(options))])
    return Experiment(
        "training",
        train_plans(corpora),
        STEPS,
        options.data_path / FOLDER,
        KINDS,
        METRICS,
        provenance=provenance,
        options=options,
    )


def find_corpora(folder):
    """Return the names of a folder's datasets that are not the published ones, sorted."""
    names = sorted({path.name for path in folder.glob("*/")} - PUBLISHED_NAMES)
    return [name for name in names if (folder / EVALUATION_DATA.format(name)).is_file()]


def provenance(setting, experiment):
    """Return what a setting's result is made from beyond its factors."""
    from spectral_transcoder.experiments.transcoding import task  # torch is slow to import

    return task.provenance(setting, experiment)


def load_steps():
    """Return the steps of experiment 1 by name; torch, which they need, is imported only now."""
    from spectral_transcoder.experiments.transcoding.steps import STEPS as steps

    return steps

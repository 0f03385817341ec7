"""Runs on the disk: which settings were computed, how, and what came of them.

Read from markers and files alone, so that a run is shown whatever plans there are today.
"""

from dataclasses import dataclass

import numpy as np

from spectral_transcoder.datasets.corpora import SPLITS
from spectral_transcoder.experiments.engine.run_store import Marker, State
from spectral_transcoder.models.registry import parse_identifier
from spectral_transcoder.report.reading import read_record, readable
from spectral_transcoder.utils.arrays import read_array

STEP = "step"
TRAIN_LOSSES = "_losses_train.npy"
REMEDY = "remove it, or make it again"


@dataclass(frozen=True)
class Run:
    """A setting that was computed to its end.

    Attributes
    ----------
    plan : str
        Its plan.
    factors : dict of str to str
        Its modalities but for the step; factors at a hidden default are not among them.
    defaults : dict of str to str
        The hidden factors of its plan with their defaults; none of a plan that there is not today.
    marker : Marker
        When, with what and how long it was computed.
    metrics : dict of str to np.ndarray
        Values per clip or fold, (n,), by metric.
    """

    plan: str
    factors: dict
    defaults: dict
    marker: Marker
    metrics: dict

    @property
    def synthetic(self):
        """Whether it was computed on a city that this project made itself, in the layout of a real corpus."""
        return bool(self.marker.configuration.get("synthetic"))

    @property
    def modalities(self):
        """The modality of each factor, those at a hidden default too."""
        return self.defaults | self.factors


@dataclass(frozen=True)
class Training:
    """The losses of a training, finished or not.

    Attributes
    ----------
    identifier : str
        Of the setting.
    losses : dict of str to np.ndarray
        (n_epochs,) by split.
    """

    identifier: str
    losses: dict

    @property
    def factors(self):
        """Its modalities but for the step."""
        return factors_of(self.identifier)


@dataclass(frozen=True)
class DatasetRecord:
    """What the manifest of a dataset says of it.

    Attributes
    ----------
    name, fingerprint, layout : str
        Of the dataset.
    counts : list of (str, int, int)
        Splits with their clips and seconds.
    seed : int or None
        Of the split, where it was drawn.
    versions : dict of str to str
        Of the software.
    """

    name: str
    fingerprint: str
    layout: str
    counts: list
    seed: int | None
    versions: dict

    @classmethod
    def of(cls, manifest):
        """Return the record of a manifest."""
        return cls(
            str(manifest["name"]),
            str(manifest["fingerprint"]),
            str(manifest["parameters"]["layout"]),
            [(split, count["clips"], count["chunks"]) for split, count in manifest["counts"].items()],
            manifest["parameters"]["seed"],
            dict(manifest["versions"]),
        )


def factors_of(identifier):
    """Return the modalities of an identifier, all text, without the step."""
    return {factor: value for factor, value in parse_identifier(identifier).items() if factor != STEP}


def find_runs(folder, metric_folder, names, defaults, left_out):
    """Return the runs of an experiment's folder that have some of the metrics.

    Parameters
    ----------
    folder : Path
        Of the experiment; the markers are in its `state/`.
    metric_folder : str
        The folder of metrics inside it.
    names : sequence of str
        Metrics to look for.
    defaults : dict of str to dict of str to str
        By the name of a plan: its hidden factors with their defaults.
    left_out : list of str
        Is told of what cannot be read.

    Returns
    -------
    list of Run
        By plan, then by identifier.
    """

    def read(path):
        marker = read_record(path, lambda content: Marker(**content))
        if marker.state != State.DONE.value:
            return None
        files = {name: folder / metric_folder / f"{marker.identifier}_{name}.npy" for name in names}
        metrics = {
            name: np.atleast_1d(read_array(file, REMEDY)) for name, file in files.items() if file.is_file()
        }
        return Run(marker.plan, factors_of(marker.identifier), defaults.get(marker.plan, {}), marker, metrics)

    found = readable(read, sorted((folder / "state").glob("*.json")), left_out)
    runs = [run for run in found if run is not None and run.metrics]
    return sorted(runs, key=lambda run: (run.plan, run.marker.identifier))


def find_trainings(folder, left_out):
    """Return the trainings whose losses are in a folder, by identifier; `left_out` is told of damaged files."""
    found = readable(read_training, sorted(folder.glob(f"*{TRAIN_LOSSES}")), left_out)
    return [training for training in found if training.losses.keys() >= {"train", "valid"}]


def read_training(path):
    """Return the `Training` of which a file of `TRAIN_LOSSES` is; the first epoch may not be whole yet."""
    identifier = path.name.removesuffix(TRAIN_LOSSES)
    files = {split: path.with_name(f"{identifier}_losses_{split}.npy") for split in SPLITS}
    return Training(
        identifier, {split: read_array(file, REMEDY) for split, file in files.items() if file.is_file()}
    )


def find_datasets(folder, left_out):
    """Return the `DatasetRecord` of each dataset in a folder, by name; `left_out` is told of damaged manifests."""
    paths = sorted(folder.glob("*/*_manifest.json"))
    records = readable(lambda path: read_record(path, DatasetRecord.of), paths, left_out)
    return sorted(records, key=lambda record: record.name)

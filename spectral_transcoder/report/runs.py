"""Runs on the disk: which settings were computed, how, and what came of them.

They are read from records and files alone, so that a run is shown whatever plans there are today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.experiments.engine.run_store import RunRecord, State
from spectral_transcoder.models.registry import parse_identifier
from spectral_transcoder.report.reading import read_record, readable
from spectral_transcoder.utils.arrays import read_array

STEP = "step"
TRAIN_LOSSES = "_losses_train.npy"
REMEDY = "remove it, or make it again"


@dataclass(frozen=True)
class FinishedRun:
    """A setting that was computed to its end.

    Attributes
    ----------
    plan : str
        Name of the plan.
    factors : dict of str to str
        Modalities of the setting but for the step; factors at a hidden default are not among them.
    defaults : dict of str to str
        Hidden factors of the plan with their defaults; empty for a plan that no longer exists.
    record : RunRecord
        The record of the computation: when, with what and how long.
    metrics : dict of str to np.ndarray
        Values per clip or fold, (n,), by metric.
    """

    plan: str
    factors: dict[str, str]
    defaults: dict[str, str]
    record: RunRecord
    metrics: dict[str, np.ndarray]

    @property
    def synthetic(self) -> bool:
        """Whether it was computed on a city that this project made itself, in the layout of a real corpus."""
        return bool(self.record.provenance.get("synthetic"))

    @property
    def modalities(self) -> dict[str, str]:
        """The modality of each factor, those at a hidden default too."""
        return self.defaults | self.factors


@dataclass(frozen=True)
class Training:
    """The losses of a training, finished or not.

    Attributes
    ----------
    identifier : str
        Identifier of the setting.
    losses : dict of str to np.ndarray
        (n_epochs,) by split.
    """

    identifier: str
    losses: dict[str, np.ndarray]

    @property
    def factors(self) -> dict[str, str]:
        """Its modalities but for the step."""
        return factors_of(self.identifier)


@dataclass(frozen=True)
class DatasetRecord:
    """What the manifest of a dataset says about it.

    Attributes
    ----------
    name, fingerprint, layout : str
        The dataset's name, the fingerprint of its provenance, and the layout that it was read from.
    counts : list of (str, int, int)
        Splits with their numbers of clips and of seconds.
    seed : int or None
        Seed of the split, where it was drawn.
    versions : dict of str to str
        Versions of the software.
    """

    name: str
    fingerprint: str
    layout: str
    counts: list[tuple[str, int, int]]
    seed: int | None
    versions: dict[str, str]

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> "DatasetRecord":
        """Return the record of a manifest."""
        return cls(
            str(manifest["name"]),
            str(manifest["fingerprint"]),
            str(manifest["parameters"]["layout"]),
            [(split, count["clips"], count["chunks"]) for split, count in manifest["counts"].items()],
            manifest["parameters"]["seed"],
            dict(manifest["versions"]),
        )


def factors_of(identifier: str) -> dict[str, str]:
    """Return the modalities of an identifier, all text, without the step."""
    return {factor: value for factor, value in parse_identifier(identifier).items() if factor != STEP}


def find_runs(
    folder: Path,
    metric_folder: str,
    names: Sequence[str],
    defaults: dict[str, dict[str, str]],
    left_out: list[str],
) -> list[FinishedRun]:
    """Return the runs of an experiment's folder that have some of the metrics.

    Parameters
    ----------
    folder : Path
        Folder of the experiment; the records of its runs are in `state/`.
    metric_folder : str
        The folder of metrics inside it.
    names : sequence of str
        Metrics to look for.
    defaults : dict of str to dict of str to str
        Hidden factors with their defaults, by the name of the plan.
    left_out : list of str
        Gets a line for each file that cannot be read.

    Returns
    -------
    list of FinishedRun
        Sorted by plan, then by identifier.
    """

    def read(path: Path) -> FinishedRun | None:
        record = read_record(path, RunRecord.from_json)
        if record.state != State.DONE.value:
            return None
        files = {name: folder / metric_folder / f"{record.identifier}_{name}.npy" for name in names}
        metrics = {
            name: np.atleast_1d(read_array(file, REMEDY)) for name, file in files.items() if file.is_file()
        }
        return FinishedRun(
            record.plan, factors_of(record.identifier), defaults.get(record.plan, {}), record, metrics
        )

    found = readable(read, sorted((folder / "state").glob("*.json")), left_out)
    runs = [run for run in found if run is not None and run.metrics]
    return sorted(runs, key=lambda run: (run.plan, run.record.identifier))


def find_trainings(folder: Path, left_out: list[str]) -> list[Training]:
    """Return the trainings whose losses are in a folder, by identifier; damaged files go to `left_out`."""
    found = readable(read_training, sorted(folder.glob(f"*{TRAIN_LOSSES}")), left_out)
    return [training for training in found if training.losses.keys() >= {"train", "valid"}]


def read_training(path: Path) -> Training:
    """Return the `Training` that a file of training losses belongs to; its first epoch may not be complete yet."""
    identifier = path.name.removesuffix(TRAIN_LOSSES)
    files = {split: path.with_name(f"{identifier}_losses_{split}.npy") for split in SPLITS}
    return Training(
        identifier, {split: read_array(file, REMEDY) for split, file in files.items() if file.is_file()}
    )


def find_datasets(folder: Path, left_out: list[str]) -> list[DatasetRecord]:
    """Return the `DatasetRecord` of each dataset in a folder, by name; damaged manifests go to `left_out`."""
    paths = sorted(folder.glob("*/*_manifest.json"))
    records = readable(lambda path: read_record(path, DatasetRecord.of), paths, left_out)
    return sorted(records, key=lambda record: record.name)

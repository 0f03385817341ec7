"""Runs on the disk: which settings were computed, how, and what came of them.

Read from markers and files alone, so that a run is shown whatever plans there are today.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectral_transcoder.corpora import SPLITS
from spectral_transcoder.experiments.states import Marker, State
from spectral_transcoder.reference_models import parse_identifier

STEP = "step"


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


def factors_of(identifier):
    """Return the modalities of an identifier, all text, without the step."""
    return {factor: value for factor, value in parse_identifier(identifier).items() if factor != STEP}


def find_runs(folder, metric_folder, names, defaults):
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

    Returns
    -------
    list of Run
        By plan, then by identifier.
    """
    runs = []
    for path in sorted((folder / "state").glob("*.json")):
        marker = read_marker(path)
        if marker is None or marker.state != State.DONE.value:
            continue
        files = {name: folder / metric_folder / f"{marker.identifier}_{name}.npy" for name in names}
        metrics = {name: np.atleast_1d(np.load(file)) for name, file in files.items() if file.is_file()}
        if metrics:
            factors = factors_of(marker.identifier)
            runs.append(Run(marker.plan, factors, defaults.get(marker.plan, {}), marker, metrics))
    return sorted(runs, key=lambda run: (run.plan, run.marker.identifier))


def read_marker(path):
    """Return the marker in a file, or None where it is no marker."""
    try:
        return Marker(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None


def find_trainings(folder):
    """Return the trainings whose losses are in a folder, by identifier."""
    trainings = []
    for path in sorted(folder.glob("*_losses_train.npy")):
        identifier = path.name.removesuffix("_losses_train.npy")
        files = {split: folder / f"{identifier}_losses_{split}.npy" for split in SPLITS}
        losses = {split: np.load(file) for split, file in files.items() if file.is_file()}
        trainings.append(Training(identifier, losses))
    return trainings


def find_manifests(folder):
    """Return the manifests of the datasets in a folder, by name."""
    manifests = (
        json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*/*_manifest.json")
    )
    return sorted(manifests, key=lambda manifest: manifest["name"])

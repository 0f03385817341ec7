"""An experiment: plans, folders and metrics, on doce's engine."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spectral_transcoder.experiments.engine.doce_adapter import DoceExperiment
from spectral_transcoder.experiments.engine.plans import Plan, Setting
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.progress import Progress


@dataclass(frozen=True)
class MetricRecord:
    """What a metric is, and how a table shows it.

    Attributes
    ----------
    name : str
        The metric's name, as in the names of files.
    description : str
        What it measures, in one line.
    lower_is_better : bool
        Whether the lowest value is the best.
    unit : str
        The unit of what is displayed; "%" displays a share of 0 … 1 in percent.
    decimals : int
        How many a table shows.
    spread : bool
        One value per clip or fold: tables show the standard deviation beside the mean.
    shown : bool
        Whether tables show it when no metric is asked for.
    units : dict of str to str
        The unit by classifier, of a metric whose unit depends on it.
    ideal : float or None
        The value that is best, where neither the lowest nor the highest is: the nearest to it is the best.
    """

    name: str
    description: str
    lower_is_better: bool
    unit: str = ""
    decimals: int = 2
    spread: bool = True
    shown: bool = True
    units: dict[str, str] = field(default_factory=dict, hash=False)
    ideal: float | None = None

    def of(self, classifiers: Iterable[str | None]) -> "MetricRecord":
        """Return the record with the unit, or units, that it has for these classifiers."""
        units = {self.units.get(name or "", self.unit) for name in classifiers}
        return replace(self, unit=" or ".join(sorted(units)))

    def badness(self, value: float) -> float:
        """Return a number that is lowest for the best value."""
        if self.ideal is not None:
            return abs(value - self.ideal)
        return value if self.lower_is_better else -value

    @property
    def arrow(self) -> str:
        """Which way is better, as the headings of tables show it."""
        if self.ideal is not None:
            return f"→ {self.ideal:g}"
        return "↓" if self.lower_is_better else "↑"

    @property
    def reductions(self) -> list[str]:
        """doce's reduction directives, by name: by index they fail on an array of one value."""
        percent = "%" if self.unit == "%" else ""
        return [f"mean{percent}", f"std{percent}"] if self.spread else [f"mean{percent}"]


class Experiment(DoceExperiment):
    """Plans, the folders of what they write, metrics.

    Parameters
    ----------
    name : str
        The experiment's name.
    plans : dict of str to Plan
        Its plans, by their names.
    steps : sequence of str
        The steps of a chain in order; a plan may have the last ones only, or no factor `step` at all.
    folder : str or Path
        Where everything is written, by default into `state/` and `log/` and the folders of `kinds`.
    kinds : dict of str to str
        Sub-folder by kind of file; "metric" is among them. As doce expects it, `experiment.path.<kind>` is
        text that ends with "/".
    metrics : sequence of MetricRecord
        In the order of the tables' columns and of the indices of `-d`.
    provenance : callable, optional
        (setting, experiment) -> dict that JSON can hold: what a result is made from beyond its factors; None is
        what is not here.
    options : argparse.Namespace, optional
        The options of the command line.
    published : callable, optional
        (setting) -> {metric: figure}, as tables show them beside the metric.
    remarks : callable, optional
        (setting, experiment) -> {column: text} that tables show of a computed setting.
    missing : callable, optional
        (setting, experiment) -> why a setting cannot be computed, since data or weights are not here, with the
        command that makes or fetches them; None where all is here.
    """

    def __init__(
        self,
        name: str,
        plans: Mapping[str, Plan],
        steps: Sequence[str],
        folder: str | Path,
        kinds: Mapping[str, str],
        metrics: Sequence[MetricRecord],
        provenance: Callable[[Setting, "Experiment"], dict[str, Any]] | None = None,
        options: argparse.Namespace | None = None,
        published: Callable[[Setting], dict[str, float]] | None = None,
        remarks: Callable[[Setting, "Experiment"], dict[str, str]] | None = None,
        missing: Callable[[Setting, "Experiment"], str | None] | None = None,
    ) -> None:
        super().__init__()
        self.project.name = name
        self.plans, self.steps, self.metrics = plans, tuple(steps), tuple(metrics)
        self.provenance = provenance or (lambda setting, experiment: {})
        self.options = options or argparse.Namespace(plain=False)
        self.published = published or (lambda setting: {})
        self.remarks = remarks or (lambda setting, experiment: {})
        self._missing = missing or (lambda setting, experiment: None)
        for kind, subfolder in {"state": "state", "log": "log", **kinds}.items():
            self.declare_path(kind, f"{Path(folder) / subfolder}/")
        for metric in self.metrics:
            self.declare_metric(metric.name, metric.reductions, metric.unit, metric.description)

    def file(self, kind: str, setting: Setting, name: str) -> Path:
        """Return the path of a setting's file: `<folder of kind>/<identifier>_<name>`."""
        return Path(getattr(self.path, kind)) / f"{setting.id()}_{name}"

    def save_metric(self, setting: Setting, name: str, values: ArrayLike) -> None:
        """Write a metric's values, one per clip or fold or a single one, where doce looks them up.

        Raises
        ------
        UsageError
            A metric that the experiment does not name.
        """
        names = [metric.name for metric in self.metrics]
        if name not in names:
            raise UsageError(f"metric {name!r}: expected one of {', '.join(names)}")
        with atomic_path(self.file("metric", setting, f"{name}.npy")) as temporary:
            np.save(temporary, np.atleast_1d(values))

    def provenance_of(self, setting: Setting) -> dict[str, Any]:
        """Return what a setting's result is made from beyond its factors, as it comes back from JSON."""
        return json.loads(json.dumps(self.provenance(setting, self)))

    def missing(self, setting: Setting) -> str | None:
        """Return why a setting cannot be computed here, or None."""
        return self._missing(setting, self)

    def progress(self, total: int, description: str, unit: str) -> Progress:
        """Return a `Progress` over `total` units: a bar, or lines if the command line asks for them."""
        return Progress(total, description, unit, plain=self.options.plain)


Step = Callable[[Setting, Experiment], None]  # computes a setting and writes its files

"""The engine's only access to the private parts of doce 0.1: its settings, factors, experiments and metrics.

doce makes the settings of a plan, masks them, calls a function on each, and reads and reduces metrics. Two parts
of it are replaced, in `selectors` and `tables`:

- doce's selector takes a factor that is not mentioned for all of its modalities, and an unknown name for none.
  Here the published modalities are meant, so that the modalities which this project adds do not change what a
  published command computes; an unknown name is an error that lists the known ones; and one selector may be
  answered by several plans.
- doce's table shows whatever files are there, of one plan. Here a row is shown only if its result was made from
  today's data, weights and earlier steps, rows of several plans share a table, and published figures stand beside
  the metrics.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import doce
import numpy as np


class DoceSetting(doce.setting.Setting):
    """One modality of each factor of a plan, as attributes."""

    @property
    def factor(self) -> "DoceFactor":
        """The plan that it is a setting of."""
        return self._factor

    @property
    def modality_indices(self) -> tuple[int, ...]:
        """The position of each modality among its factor's: what doce's masks are made of."""
        return tuple(self._setting)

    def changed(self, factor: str, value: object) -> Self:
        """Return the setting with one modality changed; raise ValueError where the factor has no such one."""
        return type(self)(self._factor, self.replace(factor, value=value)._setting)


class DoceFactor(doce.factor.Factor):
    """A set of factors with their modalities, whose settings are of the class `setting_class`."""

    setting_class: type[DoceSetting] = DoceSetting

    def __iter__(self) -> Iterator[DoceSetting]:
        # doce's Factor is its own iterator, so a loop inside a step would cut the run short; and its
        # __next__ makes settings with doce's identifiers. Each loop over a plan has its own state here.
        self.__setSettings__()
        return iter([self.setting_class(self, indices) for indices in self._settings])

    def defaults(self) -> dict[str, Any]:
        """Return the default modality of each factor that has one."""
        return dict(vars(self._default))

    def masked(self, masks: Sequence[list[list[int]]]) -> list[DoceSetting]:
        """Return the settings of some masks, in the plan's order and each once; of no mask, none."""
        if not masks:
            return []  # to doce, an empty mask means everything
        found = {setting.modality_indices: setting for setting in self.mask(list(masks))}
        return [setting for _, setting in sorted(found.items())]


class DoceExperiment(doce.Experiment):
    """Paths, metrics, and the call of a function on each setting."""

    def declare_path(self, kind: str, folder: str) -> None:
        """Say where files of a kind lie; doce expects text that ends with a slash."""
        setattr(self.path, kind, folder)

    def declare_metric(self, name: str, reductions: list[str], unit: str, description: str) -> None:
        """Add a metric: `reductions` are doce's directives, such as mean%."""
        setattr(self.metric, name, reductions)
        setattr(self.metric._unit, name, unit)
        setattr(self.metric._description, name, description)

    def metric_values(self, name: str, setting: DoceSetting) -> list[np.ndarray]:
        """Return the arrays of a metric of a setting: one, or none where it was not computed."""
        return self.metric.get(name, [setting], self.path.metric)[0]

    def reduced(self, values: np.ndarray, directive: str) -> float:
        """Return a metric's values reduced to one number by one of doce's directives."""
        return float(self.metric.reduceMetric(values, directive))

    def call_on(
        self, plan: DoceFactor, settings: Iterable[DoceSetting], function: Callable, *arguments: Any
    ) -> None:
        """Call function(setting, experiment, *arguments) on settings of a plan, in their order in the plan."""
        self.factor = plan
        masks = [[[index] for index in setting.modality_indices] for setting in settings]
        self.do(masks, function, *arguments, progress=False)


def drop_constant_columns(rows: list[list], columns: list[str]) -> tuple[str, list[list], list[str]]:
    """Return what is the same in all rows as text, and the rows and column names of what varies."""
    if len(rows) == 1:  # doce keeps all columns then
        title = " ".join(f"{name}: {value}" for name, value in zip(columns, rows[0], strict=True))
        return title, [[]], []
    rows, columns = [list(row) for row in rows], list(columns)  # doce changes its arguments
    varying, header, title, _ = doce.util.pruneSettingDescription(rows, columns, len(columns))
    return title.strip(), varying, header

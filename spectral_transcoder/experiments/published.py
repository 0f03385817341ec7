"""Figures that were published, to stand beside computed ones (docs/method.md, section 8)."""

from functools import cache
from typing import Any

import yaml

from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.models.labels import DATA


@cache
def _figures(name: str) -> dict[str, Any]:
    return yaml.safe_load((DATA / f"published_{name}.yaml").read_text(encoding="utf-8"))


def published_results() -> dict[str, dict[str, dict[str, float]]]:
    """Return {classifier: {row of the paper's table: {metric: figure}}} of experiment 1."""
    return _figures("results")


def published_classification() -> dict[str, dict[str, Any]]:
    """Return {dataset: {"metric": name, classifier: {transcoder: [grouped labels, layers on top]}}} of experiment 2."""
    return _figures("classification")


def published_presence() -> dict[str, dict[str, dict[str, float]]]:
    """Return {dataset: {what was measured: {class: Pearson's r}}} of experiment 3."""
    return _figures("presence")


def classification_figures(setting: Setting) -> dict[str, float]:
    """Return {metric: figure} that was published for a setting of experiment 2; of the published head only."""
    figures = published_classification()[setting.dataset]
    pair = figures.get(setting.classifier, {}).get(setting.transcoder)
    if pair is None or setting.values.get("head", "published") != "published":
        return {}
    return {figures["metric"]: pair[setting.deep]}

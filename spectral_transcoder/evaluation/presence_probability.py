"""From the score of a class to the probability that it is present: calibration, class by class.

A score of 0.2 means another thing for speech than for birds, and another through a transcoder than on the sound.
A calibration learns what it means from windows of which it is known, or annotated by people, whether the class is
there: p = 1 / (1 + exp(-(slope · logit(score) + intercept))), Platt's method on the score's log-odds. The choice is
explained in `docs/presence.md`. A calibration is a small JSON file that says what it was made from.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from spectral_transcoder.utils.errors import CheckpointError, MissingFileError, UsageError
from spectral_transcoder.utils.files import atomic_path

LEAST_SCORE = 1e-6  # scores of 0 and 1 have no log-odds
RIDGE = 1e-3  # keeps the slope finite where a class's windows can be separated without an error
FEWEST_WINDOWS = 20
FORMAT = "spectral_transcoder presence calibration 1"


@dataclass(frozen=True)
class ClassCalibration:
    """What the score of one class means.

    Attributes
    ----------
    slope : float
        Slope of the log-odds of presence over those of the score, never negative.
    intercept : float
        The log-odds of presence at a score of 0.5.
    """

    slope: float
    intercept: float

    @property
    def threshold(self) -> float:
        """The score from which on presence is more likely than absence; 0 or 1 where the score says nothing."""
        if self.slope == 0:
            return 0.0 if self.intercept > 0 else 1.0
        return float(expit(-self.intercept / self.slope))

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Return the probability of presence for scores in 0 … 1, any shape."""
        return expit(self.slope * log_odds(scores) + self.intercept)


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Return ln(s / (1 - s)) of scores in 0 … 1, finite at both ends."""
    return logit(np.clip(np.asarray(scores, float), LEAST_SCORE, 1 - LEAST_SCORE))


def fit_class(scores: np.ndarray, present: np.ndarray, weights: np.ndarray | None = None) -> ClassCalibration:
    """Fit the calibration of one class by cross-entropy.

    Parameters
    ----------
    scores : np.ndarray
        (n,) in 0 … 1, of n windows.
    present : np.ndarray
        (n,) in 0 … 1: whether the class is there, or the share of the time, as people gave it.
    weights : np.ndarray, optional
        (n,) how much each window counts; all alike by default.

    Raises
    ------
    UsageError
        Fewer than 20 windows, or shapes that differ.
    """
    if np.shape(scores) != np.shape(present) or np.ndim(scores) != 1 or len(scores) < FEWEST_WINDOWS:
        raise UsageError(
            f"scores {np.shape(scores)} and presence {np.shape(present)}: expected one of each for "
            f"{FEWEST_WINDOWS} windows or more"
        )
    from scipy.optimize import minimize  # here, since it takes 40 MB and probabilities need none of it

    x, y = log_odds(scores), np.asarray(present, float)
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    weights = weights / weights.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = parameters
        z = slope * x + intercept
        error = weights * (expit(z) - y)
        value = np.sum(weights * (np.logaddexp(0, z) - y * z)) + RIDGE / 2 * slope**2
        return float(value), np.array([np.sum(error * x) + RIDGE * slope, np.sum(error)])

    found = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(0, None), (-30, 30)])
    return ClassCalibration(*(float(value) for value in found.x))


@dataclass(frozen=True)
class PresenceCalibration:
    """The calibrations of several classes, for one classifier behind one transcoder and one length of windows.

    Attributes
    ----------
    classes : dict of str to ClassCalibration
        The calibration of each class, by the class's name.
    classifier, transcoder : str
        Whose scores: the classifier's name, and the transcoder in words.
    window_s : int
        Duration of the windows.
    provenance : dict
        What it was made from, plain values.
    """

    classes: dict[str, ClassCalibration]
    classifier: str
    transcoder: str
    window_s: int
    provenance: dict[str, Any] = field(default_factory=dict)

    def probability(self, scores: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
        """Return {class: (n,) probabilities} of scores (n, K), for those of the K classes that are calibrated."""
        columns = dict(zip(classes, np.asarray(scores).T, strict=True))
        return {name: one.probability(columns[name]) for name, one in self.classes.items() if name in columns}

    def save(self, path: Path) -> None:
        """Write the file, atomically; thresholds stand in it for people to read."""
        values = asdict(self)
        for name, one in self.classes.items():
            values["classes"][name]["threshold"] = one.threshold
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT} | values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "PresenceCalibration":
        """Read what `save` wrote.

        Raises
        ------
        MissingFileError
            There is no such file.
        CheckpointError
            It is no calibration.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            classes = {
                name: ClassCalibration(float(one["slope"]), float(one["intercept"]))
                for name, one in values["classes"].items()
            }
            known = {key: values[key] for key in ("classifier", "transcoder", "window_s", "provenance")}
            if values["format"] != FORMAT:
                raise ValueError(values["format"])
        except FileNotFoundError as error:
            raise MissingFileError(f"no presence calibration at {path}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path} is no presence calibration: {error!r}") from error
        return cls(classes, **known)


def fit_presence(
    scores: np.ndarray, present: np.ndarray, classes: Sequence[str], weights: np.ndarray | None = None
) -> dict[str, ClassCalibration]:
    """Return the calibration of each class, of scores and presence (n, K) of n windows; see `fit_class`."""
    return {
        name: fit_class(own, there, weights)
        for name, own, there in zip(classes, np.asarray(scores).T, np.asarray(present).T, strict=True)
    }


def brier_score(probability: np.ndarray, present: np.ndarray) -> float:
    """Return the mean squared difference of probability and presence, 0 … 1; 0 is best."""
    return float(np.mean((probability - present) ** 2))

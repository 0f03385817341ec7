"""How a network is trained: epochs, learning rate and its schedule, weights of the loss."""

import math
from dataclasses import dataclass

from spectral_transcoder.utils.errors import UsageError

HELD_OUT = 8  # in a distillation, a validation second for as many training seconds


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    epochs : int
        Passes over the training chunks.
    learning_rate : float
        Adam's learning rate, the highest of the schedule.
    batch_size : int
        Chunks per step, over all devices.
    prop_logit : float or None
        Percentage of the loss that compares scores: 100 is CNN-logits, None CNN-mels or a baseline.
    seed : int
        Seed of the initial weights, the order of the chunks and dropout.
    warmup_steps : int
        Steps over which the learning rate rises linearly to its value; 0 as published.
    schedule : str
        "constant" as published, or "cosine": down to nought over all steps.
    clip_norm : float
        Largest norm of the gradient; 0, as published, is no limit.
    level_weight : float
        Weight of the error of each Mel band's level, its mean over the second, beside the cross-entropy of the
        scores: it keeps the Mels where a classifier finds something, whatever their texture; 0 as published.
    weight_decay : float
        AdamW's weight decay; 0, as published, is Adam.
    prop_embedding : float
        Weight of the error of the classifier's embedding beside the cross-entropy summed over labels; 0 as published.
    prop_first : float
        Weight of the cross-entropy of the first label, by a softmax over all labels' logits, beside the cross-entropy
        summed over labels; 0 where each label counts for itself alone.
    average_steps : int
        Steps that the moving average of the weights reaches back, which is then what is validated and kept; 0, as
        published, is the weights themselves.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64
    prop_logit: float | None = None
    seed: int = 0
    warmup_steps: int = 0
    schedule: str = "constant"
    clip_norm: float = 0.0
    level_weight: float = 0.0
    weight_decay: float = 0.0
    prop_embedding: float = 0.0
    prop_first: float = 0.0
    average_steps: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or not 0 < self.learning_rate < math.inf:
            raise UsageError(f"{self}: epochs, batch size and learning rate have to be positive and finite")
        if self.schedule not in ("constant", "cosine"):
            raise UsageError(f"schedule {self.schedule!r}: expected constant or cosine")
        if self.average_steps < 0:
            raise UsageError(f"average_steps {self.average_steps}: expected 0 or more")

    def rate(self, step: int, n_steps: int) -> float:
        """Return the learning rate of a step, counted from 0, of `n_steps` in all."""
        rate = self.learning_rate
        if step < self.warmup_steps:
            rate *= (step + 1) / self.warmup_steps
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * step / n_steps))
        return rate

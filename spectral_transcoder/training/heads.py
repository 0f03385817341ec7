"""The additional fully connected layers of experiment 2: from a classifier's outputs to a corpus's classes.

    scores [n_labels] ──linear 100──▶ (ReLU) ──linear K──▶ sigmoid or softmax [K]

As published (docs/method.md, section 7) there is nothing between the two layers, so that they are one linear map,
and the loss is binary cross-entropy, of UrbanSound8K's exclusive classes too. The corrected head has a ReLU between,
and a cross-entropy where classes exclude each other.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

HEADS = ("published", "corrected")
N_HIDDEN = 100


@dataclass(frozen=True)
class HeadRecipe:
    """What a head is and how it is trained.

    Attributes
    ----------
    corrected : bool
        Whether it has a ReLU between its layers, and a cross-entropy where classes exclude each other.
    single_label : bool
        Whether a clip has exactly one class.
    seed : int
        Seed of the initial weights and of the order of the clips.
    epochs, batch_size, learning_rate : int, int, float
        Passes over the training clips, clips of a step, and Adam's learning rate, as published.
    """

    corrected: bool
    single_label: bool
    seed: int = 0
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3

    @property
    def exclusive(self) -> bool:
        """Whether the outputs of a clip sum to 1."""
        return self.corrected and self.single_label


class Head(nn.Module):
    """Two linear layers from a classifier's scores to classes.

    Parameters
    ----------
    recipe : HeadRecipe
        Whether a ReLU lies between them, and which loss they have.
    n_labels, n_classes : int
        Inputs and outputs.
    """

    def __init__(self, recipe: HeadRecipe, n_labels: int, n_classes: int) -> None:
        super().__init__()
        self.recipe = recipe
        between = [nn.ReLU()] if recipe.corrected else []
        self.layers = nn.Sequential(nn.Linear(n_labels, N_HIDDEN), *between, nn.Linear(N_HIDDEN, n_classes))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return [n, K] before sigmoid or softmax, of a classifier's outputs [n, n_labels]."""
        return self.layers(inputs)

    def loss(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of [n, K] labels; those that are NaN are left out."""
        outputs = self(inputs)
        if self.recipe.exclusive:
            return nn.functional.cross_entropy(outputs, labels.argmax(1))
        voted = ~labels.isnan()
        return nn.functional.binary_cross_entropy_with_logits(outputs[voted], labels[voted])

    @torch.no_grad()
    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """Return scores in 0 … 1: (n, n_labels) -> (n, K), numpy."""
        outputs = self(torch.as_tensor(inputs))
        return (outputs.softmax(1) if self.recipe.exclusive else outputs.sigmoid()).numpy()


def train_head(inputs: np.ndarray, labels: np.ndarray, recipe: HeadRecipe) -> Head:
    """Train a head.

    Parameters
    ----------
    inputs : np.ndarray
        (n, n_labels) float32, a classifier's outputs.
    labels : np.ndarray
        (n, K): 1, 0, or NaN where nobody has voted. Clips without any vote teach nothing.
    recipe : HeadRecipe
        The kind of head, and how it is trained.

    Returns
    -------
    Head
    """
    voted = ~np.isnan(labels).all(1)
    features = torch.as_tensor(inputs[voted], dtype=torch.float32)
    targets = torch.as_tensor(labels[voted], dtype=torch.float32)
    generator = torch.Generator().manual_seed(recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        head = Head(recipe, features.shape[1], targets.shape[1])
    optimizer = torch.optim.Adam(head.parameters(), lr=recipe.learning_rate)
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(features), generator=generator).split(recipe.batch_size):
            optimizer.zero_grad()
            head.loss(features[batch], targets[batch]).backward()
            optimizer.step()
    return head

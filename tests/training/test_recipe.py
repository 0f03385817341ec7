"""How a network is trained: what the paper's recipe is, the learning rate of each step, what cannot be."""

import pytest

from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import UsageError


def test_the_recipe_is_the_papers_unless_said_otherwise():
    """Adam, batches of 64, a constant rate, no limit of the gradient (docs/method.md, section 5)."""
    recipe = Recipe(epochs=200, learning_rate=1e-3)
    assert (recipe.batch_size, recipe.schedule, recipe.warmup_steps) == (64, "constant", 0)
    assert (recipe.clip_norm, recipe.weight_decay, recipe.level_weight, recipe.prop_embedding) == (0, 0, 0, 0)


def test_the_learning_rate_follows_the_recipe():
    recipe = Recipe(epochs=10, learning_rate=1.0, warmup_steps=10, schedule="cosine")
    rates = [recipe.rate(step, 1000) for step in range(1000)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3], rel=1e-3)
    assert rates[500] == pytest.approx(0.5)
    assert rates[999] < 1e-4
    assert Recipe(epochs=1, learning_rate=0.3).rate(77, 100) == 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": -1.0},
        {"schedule": "steps"},
        {"batch_size": 0},
        {"average_steps": -1},
    ],
)
def test_recipes_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError):
        Recipe(**{"epochs": 1, "learning_rate": 1e-3, **wrong})

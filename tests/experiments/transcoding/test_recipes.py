"""The factor `recipe`: what each way of training is."""

import pytest

from spectral_transcoder.experiments.transcoding.task import recipe_of

FACTORS = {"epoch": 5, "learning_rate": -3, "seed": 1, "ts": 1, "prop_logit": 100}


def test_the_published_recipe_has_no_limits_of_its_own():
    recipe = recipe_of(FACTORS | {"recipe": "published"})
    assert (recipe.epochs, recipe.learning_rate, recipe.batch_size) == (5, pytest.approx(1e-3), 64)
    assert (recipe.warmup_steps, recipe.schedule, recipe.clip_norm, recipe.level_weight) == (
        0,
        "constant",
        0,
        0,
    )


@pytest.mark.parametrize(("ts", "level_weight"), [(1, 0.2), (0, 0.0)])
def test_the_steady_recipe_warms_up_falls_off_and_clips(ts, level_weight):
    recipe = recipe_of(FACTORS | {"recipe": "steady", "ts": ts})
    assert (recipe.warmup_steps, recipe.schedule, recipe.clip_norm) == (50, "cosine", 1.0)
    assert recipe.level_weight == level_weight

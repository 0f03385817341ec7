"""The factor `recipe`: what each way of training is."""

import pytest

from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding.plans import train_plans
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


def test_the_embedding_counts_only_where_it_is_asked_for():
    recipe = recipe_of(FACTORS | {"recipe": "steady"})
    assert recipe.prop_embedding == 0
    assert recipe_of(FACTORS | {"recipe": "steady", "prop_embedding": 30}).prop_embedding == 30


def test_the_weight_of_the_embedding_is_named_only_away_from_nought():
    selector = "hybridts/dataset=full+classifier=PANN+epoch=200+learning_rate=-3+dilation=1+prop_logit=100+step=train"
    (plain,), (weighted,) = (
        select(train_plans(), f"{selector}{more}") for more in ("", "+prop_embedding=30")
    )
    assert "prop_embedding" not in plain.id() and plain.values["prop_embedding"] == 0
    assert weighted.id() == plain.id().replace("+prop_logit", "+prop_embedding=30+prop_logit")
    for name in ("cnn", "mlp", "ts"):
        assert "prop_embedding" not in train_plans()[name].factors()


@pytest.mark.parametrize(("ts", "level_weight"), [(1, 0.2), (0, 0.0)])
def test_the_steady_recipe_warms_up_falls_off_and_clips(ts, level_weight):
    recipe = recipe_of(FACTORS | {"recipe": "steady", "ts": ts})
    assert (recipe.warmup_steps, recipe.schedule, recipe.clip_norm) == (50, "cosine", 1.0)
    assert recipe.level_weight == level_weight

"""Selectors: any product of modalities, written in each syntax, selects exactly itself."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_transcoder.experiments.engine.plans import Plan
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding.plans import train_plans
from spectral_transcoder.utils.errors import UsageError

FACTORS = {"step": ["train", "metric"], "rate": [-3, -4, -5], "dataset": ["full", "urban"], "width": [0.5, 1]}
ADDED, HIDDEN = {"dataset": ["mine"]}, {"seed": [0, 1, 2]}
PLANS = {
    "deep": Plan("deep", FACTORS, ADDED, HIDDEN),
    "flat": Plan("flat", {"dataset": ["full", "TEST"], "other": ["x"]}),
}


def ids(selector, plans=PLANS):
    return {setting.selector for setting in select(plans, selector)}


@st.composite
def choices(draw):
    """Some modalities of some factors of the plan deep."""
    plan = PLANS["deep"]
    factors = draw(st.lists(st.sampled_from(plan.factors()), unique=True))
    return {
        factor: draw(st.lists(st.sampled_from(plan.modalities(factor)), unique=True, min_size=1))
        for factor in factors
    }


def expected(chosen):
    """The product, from the definition: published modalities where nothing was said."""
    sets = {**FACTORS, "seed": [0], **chosen}
    settings = [dict(zip(sets, values, strict=True)) for values in itertools.product(*sets.values())]
    for setting in settings:
        if setting["seed"] == 0:
            del setting["seed"]
    return {"deep/" + "+".join(f"{factor}={s[factor]}" for factor in sorted(s)) for s in settings}


def as_text(chosen):
    return "deep/" + "+".join(f"{factor}={'+'.join(map(str, chosen[factor]))}" for factor in chosen)


@given(choices())
def test_each_syntax_selects_the_product(chosen):
    product = expected(chosen)
    assert ids(as_text(chosen)) == product
    assert ids(repr({"plan": "deep", **chosen})) == product
    assert ids(repr([{"plan": "deep", **chosen}])) == product


@given(choices(), choices())
def test_a_comma_and_a_list_are_unions(one, two):
    union = expected(one) | expected(two)
    assert ids(f"{as_text(one)},{as_text(two)}") == union
    assert ids(f"{as_text(one)},{as_text(two).removeprefix('deep/') or 'deep/'}") == union
    assert ids(repr([{"plan": "deep", **one}, {"plan": "deep", **two}])) == union


def test_identifiers_parse_back():
    plans = train_plans(corpora=["mine"])
    generator = random.Random(0)
    for name, plan in plans.items():
        everything = {factor: plan.modalities(factor) for factor in plan.factors()}
        for _ in range(20):
            one = {factor: [generator.choice(modalities)] for factor, modalities in everything.items()}
            (setting,) = plan.select([one])
            (found,) = select(plans, setting.selector)
            assert (found.plan, found.values) == (name, setting.values)


def test_whole_plans():
    assert ids("flat/") == {"flat/dataset=full+other=x", "flat/dataset=TEST+other=x"}
    assert ids("deep/,flat/") == ids(None) == ids("{}")


def test_a_dictionary_without_a_plan_selects_in_all_plans():
    both = ids("{'dataset': 'full'}")
    assert both == ids("deep/dataset=full") | ids("flat/dataset=full")
    assert ids("{'dataset': 'TEST'}") == {"flat/dataset=TEST+other=x"}


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("dep/", "plan 'dep': expected one of deep, flat"),
        ("deep", "plan/factor=value.*deep, flat"),
        ("deep/rates=-3", "factor 'rates' of plan deep: expected one of step, rate, dataset, width, seed"),
        ("deep/rate=-2", "rate=-2 in plan deep: expected one of -3, -4, -5"),
        ("deep/rate=-3+-2", "rate=-2 in plan deep"),
        ("deep/rate=", "rate= in plan deep"),
        ("deep/rate=-3,urban", "plan/factor=value"),
        ("{'dataset': 'none'}", "dataset=none in plan deep, flat: expected one of full, urban, mine, TEST"),
        ("{'rate': -3, 'other': 'x'}", "no plan has modalities of all of rate, other"),
        ("{'plan': 'dep'}", "plan 'dep'"),
        ("{'dataset'", "not a Python dictionary"),
        ("[]", "expected a dictionary"),
        ("[1]", "expected a dictionary"),
    ],
)
def test_what_there_is_not_names_what_there_is(selector, message):
    with pytest.raises(UsageError, match=message):
        select(PLANS, selector)

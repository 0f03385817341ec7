"""Identifiers and plans, against the published example and the product of its modalities."""

import math

import doce
import numpy as np
import pytest

from spectral_transcoder.experiments.engine.plans import Plan
from spectral_transcoder.experiments.transcoding.plans import train_plans
from spectral_transcoder.utils.errors import UsageError

PUBLISHED_EXAMPLE = (
    "classifier=PANN+dataset=full+dilation=1+epoch=200+kernel_size=5+learning_rate=-3+nb_channels=64"
    "+nb_layers=5+prop_logit=100+step=train+transcoder=cnn_pinv+ts=1"
)
# docs/method.md, section 5: the numbers of modalities, in the order of the factors.
PUBLISHED_SIZES = {
    "reference": (1, 2, 2, 5, 2),
    "mlp": (1, 3, 2, 3, 2, 3, 3, 2, 2),
    "cnn": (1, 3, 1, 5, 2, 4, 3, 2, 3, 4, 2),
    "hybridts": (1, 3, 1, 3, 2, 8, 3, 1, 1, 2, 1, 2),
    "ts": (1, 3, 3, 3, 2, 3, 10),
}
LONGEST_FILE_NAME = 255  # of Linux file systems


@pytest.fixture
def plan():
    factors = {"ts": [0], "step": ["train", "evaluate", "metric"], "rate": [-3, -4], "dataset": ["full"]}
    return Plan("toy", factors, added={"dataset": ["mine"]}, hidden={"seed": [0, 1]})


def test_spec_example():
    choices = {
        "dataset": ["full"],
        "classifier": ["PANN"],
        "epoch": [200],
        "learning_rate": [-3],
        "dilation": [1],
        "prop_logit": [100],
        "step": ["train"],
    }
    (setting,) = train_plans()["hybridts"].select([choices])
    assert setting.id() == PUBLISHED_EXAMPLE


@pytest.mark.parametrize("name", PUBLISHED_SIZES)
def test_published_settings_are_specs_product(name):
    plan = train_plans(corpora=["mine"])[name]
    settings = plan.select([{}])
    assert len(settings) == math.prod(PUBLISHED_SIZES[name])
    assert len({setting.id() for setting in settings}) == len(settings)


@pytest.mark.parametrize("name", PUBLISHED_SIZES)
def test_file_names_stay_within_the_file_systems_limit(name):
    plan = train_plans()[name]
    widest = {factor: [max(plan.modalities(factor), key=lambda m: len(str(m)))] for factor in plan.factors()}
    widest |= {factor: [max(plan.modalities(factor)[-2:], key=str)] for factor in plan.hidden}
    (setting,) = plan.select([widest])
    assert len(f"{setting.id()}_ptopafc_weighted.npy") <= LONGEST_FILE_NAME


def test_hidden_factor_is_named_only_away_from_its_default(plan):
    default, other = plan.select([{"step": ["train"], "rate": [-3], "seed": [0, 1]}])
    assert default.id() == "dataset=full+rate=-3+step=train+ts=0"
    assert other.id() == "dataset=full+rate=-3+seed=1+step=train+ts=0"
    assert default.values["seed"] == 0


def test_additions_are_selected_only_by_name(plan):
    assert {setting.dataset for setting in plan.select([{}])} == {"full"}
    assert {setting.seed for setting in plan.select([{}])} == {0}
    assert {setting.dataset for setting in plan.select([{"dataset": ["mine"]}])} == {"mine"}


def test_selection_of_nothing_is_nothing(plan):
    assert plan.select([]) == []  # doce's empty mask means everything


def test_overlapping_alternatives_give_each_setting_once_in_the_plans_order(plan):
    twice = plan.select([{"rate": [-4]}, {"rate": [-3, -4]}])
    assert [s.id() for s in twice] == [s.id() for s in plan.select([{}])]


def test_a_loop_inside_a_loop_cuts_nothing_short(plan):
    plan.mask([])
    inner = [len(list(plan)) for _ in plan]
    assert inner == [len(plan)] * len(plan)


def test_steps_of_a_chain(plan):
    setting = plan.select([{"step": ["metric"]}])[0]
    assert setting.previous().step == "evaluate"
    assert setting.previous().previous().id() == setting.at("train").id()
    assert setting.at("train").previous() is None
    assert setting.chain == setting.at("train").chain == "dataset=full+rate=-3+ts=0"


def test_plan_without_steps():
    setting = Plan("flat", {"a": [1, 2]}).select([{"a": [2]}])[0]
    assert (setting.id(), setting.chain, setting.previous()) == ("a=2", "a=2", None)


@pytest.mark.parametrize("modalities", [[None], ["a+b"], ["a=b"], ["a/b"], ["a,b"], [""], [1, "1"]])
def test_modalities_that_would_break_identifiers(modalities):
    with pytest.raises(UsageError, match="plan toy, factor="):
        Plan("toy", {"factor": modalities})


def test_doce_finds_the_files_of_a_setting(plan, tmp_path):
    metric = doce.Metric()
    metric.error = ["mean"]
    setting = plan.select([{"step": ["metric"], "seed": [1]}])[0]
    np.save(tmp_path / f"{setting.id()}_error.npy", np.arange(4.0))
    (values,), description, _ = metric.get("error", [setting], f"{tmp_path}/")
    np.testing.assert_array_equal(values, np.arange(4.0))
    assert "seed" in description[0]

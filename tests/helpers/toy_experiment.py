"""A toy experiment: steps that write numbers, and into calls.txt when they begin and end.

python3 tests/helpers/toy_experiment.py -s deep/ -c 3 --data_path somewhere [--fail identifier] [--crash identifier]
"""

import os
import signal
import time
from pathlib import Path

import numpy as np

from spectral_transcoder.experiments.engine.cli import run_experiment
from spectral_transcoder.experiments.engine.experiment import Experiment, MetricRecord
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.engine.plans import Plan
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import Interrupted, MissingFileError

STEPS = ("train", "evaluate", "metric")
METRICS = (
    MetricRecord("error", "squared difference", True, unit="dB²"),
    MetricRecord("hit_rate", "share of hits", False, unit="%", decimals=1, spread=False),
    MetricRecord("detail", "seldom of interest", True, shown=False),
)


def plans():
    base = Plan("base", {"step": STEPS[1:], "kind": ["oracle", "pinv"]})
    factors = {"step": STEPS, "kind": ["cnn"], "size": [1, 2], "rate": [-3, -4]}
    deep = Plan("deep", factors, added={"size": [10]}, hidden={"seed": [0, 1]})
    return {"base": base, "deep": deep}


def build(options):
    return Experiment(
        "toy",
        plans(),
        STEPS,
        options.data_path,
        {"model": "model", "metric": "metric"},
        METRICS,
        provenance=lambda setting, experiment: {"scale": options.scale},
        options=options,
    )


def add_options(parser):
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sleep_s", type=float, default=0.0)
    parser.add_argument("--fail", default="none")
    parser.add_argument("--crash", default="none")


def call(experiment, word, setting):
    with (experiment.options.data_path / "calls.txt").open("a") as file:
        file.write(f"{word} {setting.plan}/{setting.id()} {os.getpid()}\n")


def step(setting, experiment):
    options = experiment.options
    call(experiment, "begin", setting)
    print(f"computing {setting}")
    time.sleep(options.sleep_s)
    if options.fail in setting.id():
        raise MissingFileError("it was asked\nto fail")
    if options.crash in setting.id():
        os.kill(os.getpid(), signal.SIGKILL)
    if Path(experiment.options.data_path, "stop").exists():
        raise Interrupted("kept a checkpoint")
    NUMBERS[setting.step](setting, experiment)
    call(experiment, "end", setting)


def train(setting, experiment):
    path = experiment.file("model", setting, "model")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(setting.size * experiment.options.scale))


def evaluate(setting, experiment):
    if setting.plan == "deep":
        assert experiment.file("model", setting.at("train"), "model").exists()


def metric(setting, experiment):
    centre = getattr(setting, "size", 0.5) * experiment.options.scale
    experiment.save_metric(setting, "error", centre + np.array([-0.25, 0.25]))
    if setting.plan == "deep":
        experiment.save_metric(setting, "hit_rate", 0.125 * setting.size)


NUMBERS = {"train": train, "evaluate": evaluate, "metric": metric}


def load_steps():
    return dict.fromkeys(STEPS, step)


if __name__ == "__main__":
    cli.run(lambda: run_experiment(build, load_steps, parse_options(__doc__, add_options)))

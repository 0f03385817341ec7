"""Selections of experiment 1 on the dataset `made`, and the settings that they mean."""

from pathlib import Path

from spectral_transcoder.experiments.engine.selectors import select

ROOT = Path(__file__).resolve().parents[2]
MAIN_SCRIPT = ROOT / "exp_train_model" / "main_doce_training.py"
WHERE = "dataset=made+classifier=YamNetMobile"
SMALL_CNN = f"cnn/{WHERE}+epoch=2+learning_rate=-3+kernel_size=3+nb_layers=3+dilation=1+nb_channels=16"


def setting_of(experiment, selector, name):
    """Return the setting of a selection at the step `name`."""
    return next(iter({s.at(name).id(): s.at(name) for s in select(experiment.plans, selector)}.values()))

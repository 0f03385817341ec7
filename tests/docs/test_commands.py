"""The commands of the pages: all are understood by their scripts, and those that can are run in a fresh clone."""

import argparse
import re
import runpy
import shlex
import sys

import pytest

from tests.helpers.pages import ROOT, commands

TRAIN = "python3 exp_train_model"
SCORE = "python3 exp_classif_eval"
# In this order: later ones use what earlier ones leave. A status that is not 0 stands behind its command.
QUICK = {
    "python3 download_datasets.py --list": 0,
    "python3 download_datasets.py --check": 1,  # nothing was downloaded
    "python3 make_demo_sound.py demo_street.wav": 0,
    "python3 make_demo_sound.py name.ogg --place park --seed 3": 0,
    "python3 generate_audio.py myfile.wav": 0,
    "python3 plot_spectro_dcase2023.py": 0,
    "python3 plot_band_centres.py": 0,
    f"{TRAIN}/create_mel_tho_dataset.py": 0,
    f"{TRAIN}/create_mel_tho_dataset.py --dataset_type urban": 0,
    f"{TRAIN}/create_mel_tho_dataset.py --output_path yourpath/": 0,
    f"{TRAIN}/create_mel_tho_dataset.py --layout folder --audio_dataset_path my_sounds --dataset_name my-sounds "
    "--group_by -": 0,
    f"{TRAIN}/create_mel_tho_dataset.py --layout folder --audio_dataset_path my_sounds --dataset_name my-sounds-varied "
    "--group_by - --shifts 1 --mixtures 100 --equalise": 0,
    f"{TRAIN}/main_doce_training.py -s reference/ -l": 0,
    f"{TRAIN}/launch_experiment/slurms_create.py": 0,
    "python3 make_report.py": 0,
}
SLOW = {
    "python3 make_city.py TAU --clips 100 --output city": 0,
    "python3 make_city.py URBAN-SOUND-8K --clips 200 --output city": 0,
    "python3 make_city.py SONYC-UST --clips 100 --output city": 0,
    f"{TRAIN}/create_mel_tho_dataset.py --dataset_name city "
    "--audio_dataset_path city/TAU-urban-acoustic-scenes-2020-mobile-development": 0,
    f"{SCORE}/create_logit_dataset.py --audio_dataset_name SONYC-UST": 0,
    "python3 make_city.py URBAN-SOUND-8K --clips 200 --output .": 0,
    f"{SCORE}/create_logit_dataset.py --audio_dataset_name URBAN-SOUND-8K": 0,
    f"{SCORE}/main_doce_score.py -s reference/ -c -d": 0,
    f"{SCORE}/main_doce_score.py -s reference/ -c": 0,
    f"{SCORE}/main_doce_score.py -s deep/ -c": 0,
    f"{SCORE}/main_doce_score.py -s \"{{'dataset':'URBAN-SOUND-8K'}}\" -d -e results_classif_urbansound8k.png": 0,
    f"{SCORE}/main_doce_score.py -s \"{{'dataset':'SONYC-UST'}}\" -d -e results_classif_sonycust.png": 0,
    f"{SCORE}/plot_classes.py -s \"{{'dataset':'URBAN-SOUND-8K'}}\"": 0,
    f"{SCORE}/presence_table.py --dataset URBAN-SOUND-8K": 0,
    f"{SCORE}/presence_table.py --dataset SONYC-UST": 0,
}
# with the mobile YAMNet, as it is downloaded
WITH_WEIGHTS = {
    "python3 classify_thirdo.py day.csv --offset -88 -o export/day.parquet": 0,
    "python3 classify_thirdo.py 'sensors/*.csv' --offset -88 -o export/sensors.parquet": 0,
    "python3 classify_thirdo.py day.csv --offset -88 --grouping sonyc_ust mine.yaml -o export/day.csv": 0,
    "python3 classify_thirdo.py street.wav --from-audio -o export/street.csv": 0,
}
# why the others do not run here
REASONS = {
    r"^make |^pip ": "installs; continuous integration runs make lint and make test",
    r"-m http\.server": "a server, which does not end",
    r"download_": "fetches gigabytes; tests/downloads runs the commands against a server of its own",
    r"path/to|/path/|TAU_CLIPS|NAME\b": "a reader's own path",
    r"YamNetMobile|PANN|day\.h5|classifier=Pann": "weights that are downloaded",
    r"urbansound8k-eval-fold2": "UrbanSound8K itself",
    r"launch_exp_py|main_doce_training\.py -s reference/ -c|plot_(training_curve|hits)|export_experiment_results": (
        "the paper's experiment takes days; tests/experiments runs it in small"
    ),
    r"jean_zay_slurm_reference|launch_exp_slurms": "needs a cluster; tests/slurm runs it on one",
    r"lorient1k|my_streets": "recordings that people annotated; tests/experiments/presence runs it on made ones",
    r"--slurm|--status -o|--resubmit -o|--join|city/dataset": "needs a cluster; tests/slurm runs it on one",
    r"plot_presence": "results of days; tests/report runs it",
    r"calibrate_presence|--clips 160": "measures minutes of sound; tests/sensors runs it on less",
    r"replay_levels|--follow": "goes on for as long as its input; tests/sensors runs it",
    r"exp_presence|presence\.py": "needs recordings that people annotated; tests/experiments runs it on made ones",
    r"--clips 500|dataset=street|dataset_name street|birdless": "trains for hours; tests/experiments does it in small",
    r"benchmarks/": "measures for minutes",
    r"export_onnx|--estimate-offset|--seed 1 --output city|--dataset_type test|dataset_name my-sounds$": (
        "the same as another command here but for an option that its own tests try"
    ),
}
RUN = {tuple(shlex.split(text)): status for text, status in (QUICK | SLOW | WITH_WEIGHTS).items()}
COMMANDS = commands()


def is_parsed_here(command):
    """Whether a command is of a script outside `benchmarks/`, which has tests of its own."""
    return (ROOT / command.script).suffix == ".py" and not command.script.startswith("benchmarks/")


class Understood(BaseException):
    """The command line was parsed to its end."""


@pytest.mark.parametrize("command", [command for command in COMMANDS if is_parsed_here(command)], ids=str)
def test_a_command_is_understood(command, monkeypatch):
    """Its script's parser takes every option and value; nothing is computed."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, args=None, namespace=None):
        parse(self, args, namespace)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [command.script, *command.arguments])
    with pytest.raises(Understood):
        runpy.run_path(str(ROOT / command.script), run_name="__main__")


def test_every_command_is_run_or_has_a_reason():
    patterns = [re.compile(pattern) for pattern in REASONS]
    silent = [
        str(command)
        for command in COMMANDS
        if command.words not in RUN and not any(p.search(shlex.join(command.words)) for p in patterns)
    ]
    assert silent == []


def test_the_commands_that_run_are_those_of_the_pages():
    assert set(RUN) <= {command.words for command in COMMANDS}


def run_all(clone, texts):
    for text, status in texts.items():
        clone.run(*shlex.split(text)[1:], status=status)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_quick_commands_run(clone):
    run_all(clone, QUICK)
    assert (clone.folder / "export" / "report" / "index.html").is_file()
    assert len(list((clone.folder / "generated_audio" / "myfile").glob("*.wav"))) >= 4


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_slow_commands_run(clone):
    run_all(clone, SLOW)
    assert (clone.folder / "export" / "results_classif_urbansound8k.png").is_file()


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_commands_with_weights_run(clone_with_weights):
    run_all(clone_with_weights, WITH_WEIGHTS)
    assert (clone_with_weights.folder / "export" / "day.parquet").is_file()

"""Compute experiment 1 on this machine: the paper's table, or the detailed comparison.

    python3 exp_train_model/launch_experiment/launch_exp_py.py --exp_type restricted
    python3 exp_train_model/launch_experiment/launch_exp_py.py --exp_type detailed -c 2
    python3 exp_train_model/launch_experiment/launch_exp_py.py --dataset mycorpus --classifier YamNetMobile --epoch 10

Input: the dataset of exp_train_model/create_mel_tho_dataset.py, and the classifiers' weights.
Output: models, losses and metrics in spectral_transcoder_data/training_experiments/; then
exp_train_model/export_experiment_results.py makes the table. On the whole of TAU, about 50 h (restricted) and
300 h (detailed) were published for a V100. What is done is not computed again, and what was stopped goes on.
"""

import argparse
import sys
import time
from pathlib import Path

from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.transcoding.options import add_options, add_selection_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError

MAIN_SCRIPT = Path(__file__).resolve().parent.parent / "main_doce_training.py"


def main() -> int:
    """Run the selection through the experiment's own command line."""
    options, further = parse_arguments()
    compute = compute_option(further)
    from spectral_transcoder.experiments.engine.cli import run_experiment
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment, load_steps
    from spectral_transcoder.experiments.transcoding.paper import selection_of

    # workers are started by the script's name: they are the main script's, which knows their options
    sys.argv[0] = str(MAIN_SCRIPT)
    start = time.monotonic()
    argv = ["-l", *further, *compute, "-s", selection_of(options)]
    status = run_experiment(build_experiment, load_steps, parse_options(__doc__, add_options, argv))
    print(f"{options.exp_type} experiment on {options.dataset}: {(time.monotonic() - start) / 60:.1f} min")
    return status


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    """Read the command line: the options that select, and those of the experiment, as they were given."""
    parser = cli.Parser(
        __doc__,
        allow_abbrev=False,  # --data would be --dataset here, and --data_path there
        epilog="Further options are those of exp_train_model/main_doce_training.py: -c N, -f, -p, --data_path, …",
    )
    add_selection_options(parser)
    return parser.parse_known_args()


def compute_option(further: list[str]) -> list[str]:
    """Return the option that makes the experiment compute; nothing where `further` has it already.

    Raises
    ------
    UsageError
        `further` selects settings, which --exp_type and the like do here.
    """
    options = parse_options(__doc__, add_options, further)
    if options.select is not None:
        raise UsageError(
            f"-s {options.select}: expected --exp_type, --dataset, --classifier, --epoch, which choose the settings "
            f"here; compute others with exp_train_model/main_doce_training.py -c -s {options.select}"
        )
    return ["-c"] if options.compute is None else []


if __name__ == "__main__":
    cli.run(main)

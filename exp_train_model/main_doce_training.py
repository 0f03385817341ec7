"""Experiment 1: train, evaluate and score transcoders, through doce's plans of settings.

    python3 exp_train_model/main_doce_training.py -s reference/ -l       # what there is, and its state
    python3 exp_train_model/main_doce_training.py -s reference/ -c       # compute it
    python3 exp_train_model/main_doce_training.py -s cnn/dataset=full+classifier=PANN -d -e myresults.png

Input: the third octaves and Mels that exp_train_model/create_mel_tho_dataset.py wrote.
Output: spectral_transcoder_data/training_experiments/train_exp/{model,loss,metric,state,log}/ and export/.
A setting that is done is not computed again, and what was interrupted goes on. A reference setting takes
minutes, a training up to hours.
"""

from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.utils import cli


def main() -> int:
    """Do what the command line asks; --help and wrong options are answered before anything is loaded."""
    options = parse_options(__doc__, add_options)
    from spectral_transcoder.experiments.engine.cli import run_experiment
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment, load_steps

    return run_experiment(build_experiment, load_steps, options)


if __name__ == "__main__":
    cli.run(main)

"""Experiment 2: how well classes are recognised from what classifiers make of true and of transcoded Mels.

    python3 exp_classif_eval/main_doce_score.py -s reference/ -c      # labels grouped into the classes
    python3 exp_classif_eval/main_doce_score.py -s deep/ -c           # two layers trained on top
    python3 exp_classif_eval/main_doce_score.py -s "{'dataset':'URBAN-SOUND-8K'}" -d -e results_classif_urbansound8k.png
    python3 exp_classif_eval/main_doce_score.py -s "{'dataset':'SONYC-UST'}" -d -e results_classif_sonycust.png

Input: the class outputs that exp_classif_eval/create_logit_dataset.py wrote.
Output: spectral_transcoder_data/classification_experiments/classif_exp/: metrics/, a value for each fold and seed;
scores/, the same class by class as csv; predictions/; heads/; and export/. Minutes for all of it.
"""

from spectral_transcoder.experiments.classification.options import add_options
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.utils import cli


def main() -> int:
    """Do what the command line asks; --help and wrong options are answered before anything is loaded."""
    options = parse_options(__doc__, add_options)
    from spectral_transcoder.experiments.classification.experiment import build_experiment, load_steps
    from spectral_transcoder.experiments.engine.cli import run_experiment

    return run_experiment(build_experiment, load_steps, options)


if __name__ == "__main__":
    cli.run(main)

"""Experiment 3: how well classifiers agree with people on how long traffic, voices and birds are heard.

    python3 exp_presence/main_doce_presence.py --recordings lorient1k -c -d
    python3 exp_presence/main_doce_presence.py --recordings lorient1k --levels lorient1k/levels_128ms.npz -c -d
    python3 exp_presence/main_doce_presence.py --recordings lorient1k -s sound/ -d -e presence.png

Input: a folder of recordings with time_of_presence.csv (recording, traffic, voices, birds; each 0 … 1), and
their third-octave levels if you have them. Output: spectral_transcoder_data/presence_experiments/presence_exp/:
scores/ of windows and recordings, metrics/, agreement/ with 95 % intervals; and export/. Seconds for each
minute of sound. exp_presence/plot_agreement.py draws it beside the published figures.
"""

from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.presence.options import add_options
from spectral_transcoder.utils import cli


def main() -> int:
    """Do what the command line asks; --help and wrong options are answered before anything is loaded."""
    options = parse_options(__doc__, add_options)
    from spectral_transcoder.experiments.engine.cli import run_experiment
    from spectral_transcoder.experiments.presence.experiment import build_experiment, load_steps

    return run_experiment(build_experiment, load_steps, options)


if __name__ == "__main__":
    cli.run(main)

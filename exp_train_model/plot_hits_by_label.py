"""Plot on which labels models agree with the classifier on true Mels: what makes up PTopA/FC, label by label.

    python3 exp_train_model/plot_hits_by_label.py -s "reference/dataset=full+classifier=YamNet"
    python3 exp_train_model/plot_hits_by_label.py -s "adapt/dataset=street+classifier=YamNetMobile" --labels 40

A gain that the commonest labels alone bring is seen here at once, and in the class-weighted PTopA/FC.
Input: what main_doce_training.py -c evaluated; settings of one classifier and dataset make one picture.
Output: export/hits_by_label.png and .csv. Takes seconds.
"""

import argparse
from typing import TYPE_CHECKING

from spectral_transcoder.experiments.transcoding.options import add_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.paths import EXPORT

if TYPE_CHECKING:
    from spectral_transcoder.evaluation.transcoding_metrics import ScoredClips

NAME = "hits_by_label"
COLUMNS = ["model", "label", "clips", "hits"]
MOST_MODELS = 6  # that a picture can hold side by side


def main() -> None:
    """Draw the selection's models side by side."""
    options = parse_arguments()
    import pandas as pd

    from spectral_transcoder.evaluation.hits_by_label import draw_hits
    from spectral_transcoder.utils.files import atomic_path, refuse_foreign_table

    refuse_foreign_table(EXPORT / f"{NAME}.csv", COLUMNS[0])
    scored = scored_settings(options)
    rows = [(model, *row) for model, clips in scored.items() for row in clips.hits_by_label()]
    with atomic_path(EXPORT / f"{NAME}.csv") as temporary:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False)
    shown = dict(list(scored.items())[:MOST_MODELS])
    if len(shown) < len(scored):
        print(f"the picture shows the first {MOST_MODELS} of {len(scored)} models: select fewer with -s")
    draw_hits(shown, options.labels, EXPORT / f"{NAME}.png")
    print(f"written: {EXPORT / NAME}.png, {EXPORT / NAME}.csv")


def scored_settings(options: argparse.Namespace) -> "dict[str, ScoredClips]":
    """Return the scored clips of each evaluated setting of a selection, by what distinguishes it from the others."""
    from spectral_transcoder.experiments.engine.selectors import select
    from spectral_transcoder.experiments.engine.tables import current
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment
    from spectral_transcoder.experiments.transcoding.steps import scored_clips

    experiment = build_experiment(options)
    settings = [s for s in select(experiment.plans, options.select) if s.step == "evaluate"]
    computed = [s for s in settings if experiment.file("output", s, "scores.npy").is_file()]
    computed = current(experiment, computed)
    if not computed:
        raise MissingFileError(f"-s {options.select}: nothing of it is evaluated: main_doce_training.py … -c")
    factors = [[setting.plan, *setting.chain.split("+")] for setting in computed]
    shared = set.intersection(*map(set, factors)) if len(factors) > 1 else set()
    # a setting whose factors are all shared is the one with no further factor: seed 0 beside seed 1
    names = ["+".join(factor for factor in own if factor not in shared) or own[0] for own in factors]
    return {name: scored_clips(setting, experiment) for name, setting in zip(names, computed, strict=True)}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("-s", "--select", required=True, help="plan/factor=value+factor=value,…")
    parser.add_argument("--labels", type=cli.positive, default=25, help="the commonest (default 25)")
    cli.add_data_path(parser)
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

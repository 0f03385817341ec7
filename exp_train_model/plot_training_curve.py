"""Plot the losses of trained models, epoch by epoch: training, validation and evaluation clips.

    python3 exp_train_model/plot_training_curve.py                       # the paper's CNNs
    python3 exp_train_model/plot_training_curve.py --dataset mycorpus --classifier YamNetMobile --epoch 10
    python3 exp_train_model/plot_training_curve.py -s "cnn/dataset=mycorpus+epoch=10"

Input: the losses that training wrote, finished or not.
Output: export/training_curve_<number>.png, one for each model of the selection. Takes seconds.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.experiments.transcoding.options import add_options, add_table_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.paths import EXPORT

if TYPE_CHECKING:
    import numpy as np

    from spectral_transcoder.experiments.engine.plans import Plan, Setting

TRAIN = "train"


def main() -> None:
    """Draw each model's curve."""
    options = parse_arguments()
    import numpy as np

    from spectral_transcoder.datasets.splits import SPLITS
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment

    experiment = build_experiment(options)
    settings = trained_settings(experiment.plans, options.select or papers_networks(options))
    paths = {setting: experiment.file("loss", setting, "losses") for setting in settings}
    paths = {
        setting: path for setting, path in paths.items() if path.with_name(f"{path.name}_train.npy").is_file()
    }
    if not paths:
        raise MissingFileError(
            f"no losses in {experiment.path.loss} of this selection: train it first, with -c"
        )
    for number, (setting, path) in enumerate(paths.items(), start=1):
        output = EXPORT / f"training_curve_{number}.png"
        losses = {split: np.load(path.with_name(f"{path.name}_{split}.npy")) for split in SPLITS}
        draw_losses(losses, f"{setting.plan}: {setting.chain}", output)
        print(f"written: {output} ({setting.plan}/{setting.chain})")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("-s", "--select", help="which settings (default: the paper's CNNs)")
    add_table_options(parser)
    cli.add_data_path(parser)
    add_options(parser)
    return parser.parse_args()


def papers_networks(options: argparse.Namespace) -> str:
    """Return the selector of the paper's CNNs for the dataset, classifiers and epochs of a command line."""
    from spectral_transcoder.experiments.transcoding.paper import ROWS

    where = options.dataset, options.classifier.split(","), options.epoch
    return repr([row.choices(*where) for row in ROWS if row.name.startswith("CNN")])


def trained_settings(plans: "Mapping[str, Plan]", selector: str) -> "list[Setting]":
    """Return the selection's settings of the step train, each once; raise UsageError where there is none."""
    from spectral_transcoder.experiments.engine.selectors import select

    trained = [name for name, plan in plans.items() if TRAIN in plan.steps]
    settings = [setting.at(TRAIN) for setting in select(plans, selector) if setting.plan in trained]
    if not settings:
        raise UsageError(f"-s {selector}: nothing of it is trained; expected plans of {', '.join(trained)}")
    return list({setting.id(): setting for setting in settings}.values())


def draw_losses(losses: "dict[str, np.ndarray]", title: str, path: Path) -> None:
    """Draw the mean loss of each epoch by split, and where the validation loss is lowest."""
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from spectral_transcoder.utils.plotting import save

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for split, values in losses.items():
        axis.plot(np.arange(1, len(values) + 1), values, marker=".", label=split)
    best = int(np.argmin(losses["valid"]))
    axis.plot(best + 1, losses["valid"][best], "o", color="black", fillstyle="none", label="weights kept")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epoch")
    axis.set_ylabel("mean loss")
    axis.set_title(title.replace("+", " +"), fontsize="small", wrap=True)
    axis.legend()
    save(figure, path)


if __name__ == "__main__":
    cli.run(main)

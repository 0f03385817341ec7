"""Export the paper's table of experiment 1, one picture for each classifier, the published figures beside ours.

    python3 exp_train_model/export_experiment_results.py
    python3 exp_train_model/export_experiment_results.py --dataset mycorpus --classifier YamNetMobile --epoch 10

Input: the metrics that exp_train_model/launch_experiment/launch_exp_py.py computed; rows without, or with results
of an older dataset or other weights, are blank.
Output: export/results_training_PANN.png, export/results_training_YamNet.png. Takes seconds.
"""

import argparse
from typing import TYPE_CHECKING

from spectral_transcoder.experiments.transcoding.options import add_options, add_table_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.paths import EXPORT

if TYPE_CHECKING:
    import numpy as np

    from spectral_transcoder.experiments.engine.experiment import Experiment

PER_CLIP = {"ptopafc": "ptopafc_hits"}  # a share has one value; its significance needs the clips'


def main() -> None:
    """Write a picture for each classifier of which there is a result."""
    options = parse_arguments()
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment

    experiment = build_experiment(options)
    written = [write_table(experiment, name, options) for name in options.classifier.split(",")]
    if not any(written):
        raise MissingFileError(
            "no results: compute them with python3 exp_train_model/launch_experiment/launch_exp_py.py "
            f"--exp_type restricted --dataset {options.dataset}"
        )


def write_table(experiment: "Experiment", classifier: str, options: argparse.Namespace) -> bool:
    """Write the picture of a classifier's table; return whether there are results to write."""
    from spectral_transcoder.experiments.transcoding.experiment import SHOWN
    from spectral_transcoder.experiments.transcoding.paper import compare, paper_table
    from spectral_transcoder.utils.plotting import save

    columns = {name: read_column(experiment, name, classifier, options) for name in SHOWN}
    n_clips = max((len(values) for column in columns.values() for values in column.values()), default=0)
    if not n_clips:
        print(f"{classifier}: no results on {options.dataset} yet")
        return False
    records = {record.name: record for record in experiment.metrics}
    compared = {
        name: compare(column, records[name], of_hits=name in PER_CLIP) for name, column in columns.items()
    }
    path = EXPORT / f"results_training_{classifier}.png"
    save(paper_table(classifier, compared, records, n_clips), path)
    print(f"written: {path}")
    return True


def read_column(
    experiment: "Experiment", name: str, classifier: str, options: argparse.Namespace
) -> "dict[str, np.ndarray]":
    """Return the per-clip values of a metric by row of the table, without rows that have none of today's data."""
    import numpy as np

    from spectral_transcoder.experiments.engine.run_store import RunStore
    from spectral_transcoder.experiments.engine.selectors import select
    from spectral_transcoder.experiments.transcoding.paper import FURTHER_ROWS, ROWS

    column, store = {}, RunStore(experiment)
    for row in (*ROWS, *FURTHER_ROWS):
        selection = [row.choices(options.dataset, classifier, options.epoch) | {"step": "metric"}]
        (setting,) = select(experiment.plans, repr(selection))
        path = experiment.file("metric", setting, f"{PER_CLIP.get(name, name)}.npy")
        if path.is_file() and not store.is_outdated(setting):
            column[row.name] = np.load(path)
    return column


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    cli.add_data_path(parser)
    add_table_options(parser)
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

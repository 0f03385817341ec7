"""Draw how well classifiers agree with people, beside the published figures: a table and two pictures.

    python3 exp_presence/plot_agreement.py --recordings lorient1k
    python3 exp_presence/plot_agreement.py --recordings lorient1k --levels lorient1k/levels_128ms.npz -s levels/

Input: what exp_presence/main_doce_presence.py computed with the same options.
Output: results/agreement_<recordings>.csv and .png, Pearson's r by class with 95 % intervals; and
results/agreement_<recordings>_scatter.png, recording by recording. Takes seconds.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.experiments.presence.options import add_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.files import atomic_path, refuse_foreign_table
from spectral_transcoder.utils.paths import RESULTS

if TYPE_CHECKING:
    from spectral_transcoder.experiments.engine.experiment import Experiment
    from spectral_transcoder.experiments.engine.plans import Setting

MOST_ROWS = 8  # of scatter pictures


def main() -> None:
    """Write the table and the pictures of the settings that are computed."""
    options = parse_arguments()
    from spectral_transcoder.evaluation.agreement import agreement
    from spectral_transcoder.experiments.presence.inputs import annotated, dataset_name
    from spectral_transcoder.experiments.presence.pictures import (
        correlation_table,
        draw_correlations,
        draw_scatter,
    )
    from spectral_transcoder.experiments.published import published_presence

    annotations, dataset = annotated(options), dataset_name(options)
    scores = read_scores(options)
    rows = {
        name: {
            one.target: one.pearson
            for one in agreement(own, annotations.times_of_presence, annotations.classes)
        }
        for name, own in scores.items()
    }
    published = published_presence().get(dataset, {})
    table = correlation_table(rows, published)
    path = options.output / f"agreement_{dataset}"
    refuse_foreign_table(path.with_suffix(".csv"), table.columns[0])
    with atomic_path(path.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)
    title = f"Agreement with people: {dataset}, {len(annotations.recordings)} recordings"
    draw_correlations(rows, published, path.with_suffix(".png"), title)
    scatter = path.with_name(f"{path.name}_scatter.png")
    draw_scatter(dict(list(scores.items())[:MOST_ROWS]), annotations, scatter, title)
    if len(scores) > MOST_ROWS:
        print(
            f"the scatter picture shows the first {MOST_ROWS} of {len(scores)} models: select fewer with -s"
        )
    print(f"{title}; Pearson's r (95 % interval)\n{table.to_string(index=False)}")
    print(f"written: {path}.csv, {path}.png, {scatter}")


def read_scores(options: argparse.Namespace) -> dict:
    """Return {model: (n, K) scores of the recordings} of the computed settings of a selection."""
    import pandas as pd

    from spectral_transcoder.datasets.annotated_recordings import RECORDING
    from spectral_transcoder.experiments.engine.tables import current
    from spectral_transcoder.experiments.presence.experiment import build_experiment
    from spectral_transcoder.experiments.presence.inputs import EVERY_SECOND_MS, annotated

    experiment, annotations = build_experiment(options), annotated(options)
    settings = settings_of(experiment, options.select)
    computed = [s for s in settings if experiment.file("output", s, "scores.csv").is_file()]
    scores = {}
    for setting in current(experiment, computed):
        table = pd.read_csv(experiment.file("output", setting, "scores.csv"), dtype={RECORDING: str})
        of_recording = table.set_index(RECORDING)
        own = of_recording.loc[list(annotations.recordings), list(annotations.classes)].to_numpy(float)
        window = f", {setting.window_s} s" if setting.window_s else ""
        every = ", levels every second" if setting.period_ms == EVERY_SECOND_MS else ""
        scores[f"{setting.classifier}, {setting.transcoder}, {setting.input}{window}{every}"] = own
    if not scores:
        raise MissingFileError(
            "nothing of this selection is computed: python3 exp_presence/main_doce_presence.py … -c"
        )
    return scores


def settings_of(experiment: "Experiment", selector: str | None) -> "list[Setting]":
    """Return the first steps of the settings of a selection, or without one of all that there could be."""
    from spectral_transcoder.experiments.engine.plans import STEP
    from spectral_transcoder.experiments.engine.selectors import select

    first = experiment.steps[0]
    if selector:
        return [setting for setting in select(experiment.plans, selector) if setting.step == first]
    every = []
    for plan in experiment.plans.values():
        modalities = {factor: plan.modalities(factor) for factor in plan.factors()}
        every += plan.select([modalities | {STEP: [first]}])
    return every


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("-s", "--select", help="as of main_doce_presence.py (default: all that is computed)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the files (default results)")
    cli.add_data_path(parser)
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

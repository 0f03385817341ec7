"""Draw computed results of experiment 2 class by class: confusion matrices, and bars of F1 and AUPRC.

    python3 exp_classif_eval/plot_classes.py -s "{'dataset':'URBAN-SOUND-8K'}"
    python3 exp_classif_eval/plot_classes.py -s deep/dataset=SONYC-UST+classifier=PANN

Input: what exp_classif_eval/main_doce_score.py computed; the selector is the same, and settings without results
are left out. Output: export/classes_<dataset>.png, all selected settings side by side, and for UrbanSound8K
export/confusion_<setting>.png for each. Takes seconds.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.experiments.classification.options import add_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.paths import EXPORT

if TYPE_CHECKING:
    import numpy as np

    from spectral_transcoder.datasets.labelled import CorpusRecord
    from spectral_transcoder.experiments.engine.experiment import Experiment
    from spectral_transcoder.experiments.engine.plans import Setting

METRICS = ("f1", "auprc")


def main() -> None:
    """Draw what the selection has."""
    options = parse_arguments()
    from spectral_transcoder.datasets.labelled import LABELLED_CORPORA
    from spectral_transcoder.experiments.classification.experiment import build_experiment
    from spectral_transcoder.experiments.engine.selectors import select

    experiment = build_experiment(options)
    chains = {setting.chain: setting.last() for setting in select(experiment.plans, options.select)}
    settings = [one for one in chains.values() if experiment.file("score", one, "scores.csv").is_file()]
    if not settings:
        raise MissingFileError(
            "no results in this selection; compute them with: python3 exp_classif_eval/main_doce_score.py "
            f"-s {options.select or 'reference/'} -c"
        )
    for name, record in LABELLED_CORPORA.items():
        of_corpus = [setting for setting in settings if setting.dataset == name]
        if of_corpus:
            draw_bars(experiment, of_corpus, record, options.output / f"classes_{name.lower()}.png")
        for setting in of_corpus if record.single_label else []:
            draw_setting(experiment, setting, record, options.output / f"confusion_{setting.chain}.png")


def draw_bars(
    experiment: "Experiment", settings: "list[Setting]", record: "CorpusRecord", path: Path
) -> None:
    """Draw F1 and AUPRC of each class, mean and standard deviation over folds and seeds."""
    import pandas as pd

    from spectral_transcoder.experiments.classification.class_pictures import draw_class_bars

    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {metric: {} for metric in METRICS}
    for setting in settings:
        scores = pd.read_csv(experiment.file("score", setting, "scores.csv"))
        for metric in METRICS:
            values = scores[[f"{metric} {name}" for name in record.classes]]
            panels[metric][setting_title(setting, experiment)] = (
                values.mean().to_numpy(),
                values.std(ddof=0).to_numpy(),
            )
    draw_class_bars(panels, record.classes, f"{record.name}, class by class", path)
    print(f"written: {path}")


def draw_setting(experiment: "Experiment", setting: "Setting", record: "CorpusRecord", path: Path) -> None:
    """Draw the confusion matrix of a setting: all its folds together, the mean over seeds."""
    import numpy as np

    from spectral_transcoder.evaluation.classification_metrics import confusion_matrix
    from spectral_transcoder.experiments.classification.class_pictures import draw_confusion
    from spectral_transcoder.experiments.classification.experiment import scored_parts

    with np.load(experiment.file("output", setting.at("evaluate"), "predictions.npz")) as kept:
        labels, scores = kept["labels"], kept["scores"]
    matrix = np.mean([confusion_matrix(labels, of_seed) for of_seed in scores], axis=0)
    where = scored_parts(setting, experiment)["scored on"]
    draw_confusion(
        matrix, record.classes, f"{record.name}, {setting_title(setting, experiment)}\n{where}", path
    )
    print(f"written: {path}")


def setting_title(setting: "Setting", experiment: "Experiment") -> str:
    """Return what distinguishes a setting, for legends."""
    hidden = experiment.plans[setting.plan].hidden
    values = dict(part.split("=") for part in setting.chain.split("+"))
    further = [f"{factor} {value}" for factor, value in values.items() if factor in hidden]
    how = "layers on top" if setting.deep else "labels grouped"
    return ", ".join([f"{setting.classifier} on {setting.transcoder}", how, *further])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("-s", "--select", help="as for main_doce_score.py (default: all settings)")
    parser.add_argument("--output", type=Path, default=EXPORT, help="folder of the pictures (default export)")
    cli.add_data_path(parser)
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

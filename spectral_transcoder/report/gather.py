"""Both experiments as the page shows them: their titles, folders, metrics, and the commands that compute them."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from spectral_transcoder.experiments.classification import experiment as classification_experiment
from spectral_transcoder.experiments.engine.experiment import MetricRecord
from spectral_transcoder.experiments.engine.plans import Plan
from spectral_transcoder.experiments.transcoding import experiment as transcoding_experiment
from spectral_transcoder.experiments.transcoding.plans import train_plans
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.report.curves import Curve, draw_curve
from spectral_transcoder.report.page import Study
from spectral_transcoder.report.rows import (
    name_of,
    published_classification_figures,
    published_training_figures,
)
from spectral_transcoder.report.runs import FinishedRun, find_runs, find_trainings
from spectral_transcoder.report.tables import PublishedFigures, tables_of_runs
from spectral_transcoder.utils.paths import DATA_PATH, DATASETS

TRAINING_COMMAND = "python3 exp_train_model/main_doce_training.py"
CLASSIFICATION_COMMAND = "python3 exp_classif_eval/main_doce_score.py"
COMMANDS = {
    "sounds": "python3 generate_audio.py myfile.wav",
    "classes": CLASSIFIERS["YamNetMobile"].fetch_command,
    "curves": f"{TRAINING_COMMAND} -s cnn/ -c",
    "datasets": "python3 exp_train_model/create_mel_tho_dataset.py",
}


@dataclass(frozen=True)
class Places:
    """The folders that a command line names.

    Attributes
    ----------
    data_path : Path
        Folder of the experiments.
    dataset_path : Path or None
        Folder of the datasets and class outputs; None is inside `data_path`.
    """

    data_path: Path
    dataset_path: Path | None

    @property
    def datasets(self) -> Path:
        """The folder of the datasets."""
        return self.dataset_path or self.data_path / DATASETS

    @property
    def options(self) -> list[str]:
        """The options that give these folders to the experiments' scripts; empty where they are the defaults."""
        data = [] if self.data_path == DATA_PATH else ["--data_path", str(self.data_path)]
        return data + (["--dataset_path", str(self.dataset_path)] if self.dataset_path else [])


@dataclass(frozen=True)
class ReportedExperiment:
    """An experiment as the page shows it.

    Attributes
    ----------
    title, explanation, published_note : str
        Texts for the reader.
    command : str
        The script that computes it, as it is typed.
    folder : Path
        Its folder below the data path.
    metric_folder : str
        Folder of the metrics inside `folder`.
    metrics : tuple of MetricRecord
        Columns of its tables.
    group_by : tuple of str
        Factors of which each table has one modality.
    published : callable
        (plan, factors) -> {metric: figure}.
    plans : dict of str to Plan
        Today's plans, for the defaults of hidden factors.
    folds_option : str
        Option of the script for the factor of the same name, whose modality 2-5 it takes as 2,5: a selector may
        not know it.
    """

    title: str
    explanation: str
    published_note: str
    command: str
    folder: Path
    metric_folder: str
    metrics: tuple[MetricRecord, ...]
    group_by: tuple[str, ...]
    published: PublishedFigures
    plans: dict[str, Plan]
    folds_option: str = ""

    def runs(self, data_path: Path, left_out: list[str]) -> list[FinishedRun]:
        """Return its runs below a data path; what cannot be read goes to `left_out`."""
        names = [record.name for record in self.metrics]
        defaults = {name: plan.hidden for name, plan in self.plans.items()}
        return find_runs(data_path / self.folder, self.metric_folder, names, defaults, left_out)

    def study(self, runs: list[FinishedRun], places: Places) -> Study:
        """Return its part of the page."""
        tables = tables_of_runs(runs, self.metrics, self.group_by, self.published)
        command = shlex.join([*self.command.split(), "-s", "reference/", "-c", *places.options])
        return Study(self.title, self.explanation, tables, self.published_note, command)

    def command_of(self, run: FinishedRun, places: Places) -> str:
        """Return the command that computes all steps of a run."""
        factors = dict(sorted(run.factors.items()))
        folds = factors.pop(self.folds_option, None)
        further = [f"--{self.folds_option}", folds.replace("-", ",")] if folds else []
        selector = f"{run.plan}/{'+'.join(f'{name}={value}' for name, value in factors.items())}"
        return shlex.join([*self.command.split(), "-s", selector, "-c", *further, *places.options])


EXPERIMENTS = (
    ReportedExperiment(
        "Experiment 1: transcoding",
        "Each transcoder on clips that it was not trained on: how far its Mels are from the true ones, how far the "
        "classifier's scores are from those on true Mels, and on how many clips the classifier's first label is the "
        "same (PTopA/FC). Arrows say which way is better; numbers are means ± standard deviations over clips, or over "
        "seeds where there are several.",
        "Published figures are of TAU Urban Acoustic Scenes 2020 Mobile, 1,319 evaluation clips, 200 epochs on 7,908 "
        "clips; beside an edition of YAMNet stand those of YamNet. The best of each column is marked, the true Mels "
        "aside.",
        TRAINING_COMMAND,
        transcoding_experiment.FOLDER,
        "metric",
        tuple(record for record in transcoding_experiment.METRICS if record.shown),
        ("dataset", "classifier"),
        published_training_figures,
        train_plans(),
    ),
    ReportedExperiment(
        "Experiment 2: classification",
        "Whether a classifier's scores on transcoded Mels still distinguish the sources in urban recordings: "
        "the scores are used directly (deep 0) or through trained layers (deep 1). Numbers "
        "are means ± standard deviations over folds.",
        "Published figures are of UrbanSound8K and SONYC-UST themselves, beside a synthetic city too; for YamNet on "
        "transcoded Mels, of third octaves of audio at 16 kHz taken for 32 kHz. The best of each column is marked, the "
        "true Mels aside.",
        CLASSIFICATION_COMMAND,
        classification_experiment.FOLDER,
        "metrics",
        classification_experiment.METRICS,
        ("dataset",),
        published_classification_figures,
        classification_experiment.classif_plans(),
        folds_option="test_folds",
    ),
)


def curves_of(folder: Path, left_out: list[str]) -> list[Curve]:
    """Return the `Curve` of each training below a data path; what cannot be read goes to `left_out`."""
    curves = []
    for training in find_trainings(folder / transcoding_experiment.FOLDER / "loss", left_out):
        factors = dict(sorted(training.factors.items()))
        name = name_of("hybridts" if factors.get("ts") == "1" else "cnn", factors)
        details = ", ".join(
            f"{key} {value}" for key, value in factors.items() if key not in ("transcoder", "ts")
        )
        curves.append(draw_curve(f"{name}: {details}", training.losses))
    return curves

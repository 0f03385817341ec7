"""The steps of experiment 2: train the added layers, apply them, score (docs/method.md, section 7).

train writes heads/<identifier>_heads, a head for each tested fold and seed; evaluate keeps the predictions, in
predictions/<identifier>_predictions.npz; metric writes metrics/<identifier>_<metric>.npy, one value for each fold
and seed, and all of it, class by class, as scores/<identifier>_scores.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from spectral_transcoder.datasets.labelled import CorpusRecord, LabelledCorpus, corpus_record
from spectral_transcoder.evaluation import classification_metrics as metrics
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.presence import class_scores
from spectral_transcoder.experiments.classification.options import ALL_FOLDS
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.options import dataset_folder
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.models.checkpoints import load_state, load_tensors, write_tensors
from spectral_transcoder.models.labels import label_names
from spectral_transcoder.training.heads import Head, HeadRecipe, train_head
from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.words import counted

TRAIN = "train"
THRESHOLDS = "thresholds"  # of F1, in the files of predictions


@dataclass(frozen=True)
class ScoringData:
    """What a setting works on.

    Attributes
    ----------
    corpus : LabelledCorpus
        The corpus of n clips.
    outputs : np.ndarray
        (n, n_labels) float32, the outputs of the classifier.
    tested : list of str
        The parts that are scored.
    """

    corpus: LabelledCorpus
    outputs: np.ndarray
    tested: list[str]

    @classmethod
    def of(cls, setting: Setting, experiment: Experiment) -> Self:
        """Return the scoring data of a setting.

        Raises
        ------
        MissingFileError
            The class outputs have not been made.
        UsageError
            Folds are asked for that are not here, or of a corpus that has none.
        """
        folder = LogitFolder(setting.dataset, dataset_folder(experiment.options))
        corpus, outputs = folder.read(setting.classifier, setting.transcoder)
        asked = None if setting.test_folds == ALL_FOLDS else setting.test_folds.split("-")
        return cls(corpus, outputs, corpus.tested_parts(asked))

    def rows(self, parts: Sequence[str]) -> np.ndarray:
        """Return the indices of the clips of some parts."""
        return np.flatnonzero(np.isin(self.corpus.parts, parts))

    def clips_to_learn_from(self, part: str) -> np.ndarray:
        """Return the indices of the clips that a head tested on a part may be trained on."""
        others = [fold for fold in self.corpus.folds if fold != part]
        return self.rows(others if self.corpus.record.folds else [TRAIN])

    def training_rows(self, part: str) -> np.ndarray:
        """Return what `clips_to_learn_from` does; raise DatasetError where there is none."""
        rows = self.clips_to_learn_from(part)
        if not len(rows):
            raise DatasetError(
                f"{self.corpus.record.name} has no clips but those of {part}: expected others to train a head on"
            )
        return rows


def train(setting: Setting, experiment: Experiment) -> None:
    """Train a head for each tested part and seed."""
    data = ScoringData.of(setting, experiment)
    heads = {}
    runs = [(part, seed) for part in data.tested for seed in range(setting.seeds)]
    with experiment.progress(len(runs), "training", "head") as progress:
        for part, seed in runs:
            rows = data.training_rows(part)
            recipe = recipe_of(setting, data, seed)
            head = train_head(data.outputs[rows], data.corpus.labels[rows], recipe)
            heads[f"{part} {seed}"] = {"recipe": asdict(recipe), "state_dict": head.state_dict()}
            progress.advance(f"tested on {part}, seed {seed}: {counted(len(rows), 'clip')}")
    write_tensors(experiment.file("model", setting, "heads"), heads)


def recipe_of(setting: Setting, data: ScoringData, seed: int) -> HeadRecipe:
    """Return how the heads of a setting are trained."""
    return HeadRecipe(setting.head == "corrected", data.corpus.record.single_label, seed)


def evaluate(setting: Setting, experiment: Experiment) -> None:
    """Keep the scores of the classes of each tested clip, of each seed."""
    data = ScoringData.of(setting, experiment)
    rows = data.rows(data.tested)
    scores, training_scores = deep_scores(setting, experiment, data) if setting.deep else grouped_scores(data)
    arrays: dict[str, Any] = {
        "files": data.corpus.files[rows],
        "parts": data.corpus.parts[rows],
        "labels": data.corpus.labels[rows],
        "scores": scores[:, rows],
    }
    arrays |= thresholds_of(data, training_scores)
    with atomic_path(experiment.file("output", setting, "predictions.npz")) as temporary:
        np.savez(temporary, **arrays)


def grouped_scores(data: ScoringData) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the scores of labels grouped into classes, of all clips, (1, n, K), and of those it may be trained on.

    The latter by tested part: {part: (1, n_training, K)}.
    """
    outputs = data.outputs
    scores = class_scores(outputs, label_names(outputs.shape[1]), data.corpus.record.grouping)[1][None]
    return scores, {part: scores[:, data.clips_to_learn_from(part)] for part in data.tested}


def thresholds_of(data: ScoringData, training_scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return {"thresholds <part>": (n_seeds, K)}, chosen on training clips; nothing for exclusive classes."""
    if data.corpus.record.single_label:
        return {}
    labels = {part: data.corpus.labels[data.clips_to_learn_from(part)] for part in data.tested}
    return {
        f"{THRESHOLDS} {part}": np.array(
            [metrics.best_thresholds(labels[part], of_seed) for of_seed in training_scores[part]]
        )
        for part in data.tested
    }


def deep_scores(
    setting: Setting, experiment: Experiment, data: ScoringData
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the scores of each part's own heads, of the tested clips and of those that the heads were trained on.

    The former are (n_seeds, n, K), NaN where a clip is not tested; the latter {part: (n_seeds, n_training, K)}.
    """
    path = experiment.file("model", setting.at("train"), "heads")
    heads = load_tensors(path)
    n_classes = len(data.corpus.record.classes)
    scores = np.full((setting.seeds, len(data.outputs), n_classes), np.nan, np.float32)
    training_scores = {}
    for part in data.tested:
        rows, training_rows = data.rows([part]), data.training_rows(part)
        training_scores[part] = np.empty((setting.seeds, len(training_rows), n_classes), np.float32)
        for seed in range(setting.seeds):
            head = Head(recipe_of(setting, data, seed), data.outputs.shape[1], n_classes)
            load_state(head, heads[f"{part} {seed}"]["state_dict"], path)
            scores[seed, rows] = head.scores(data.outputs[rows])
            training_scores[part][seed] = head.scores(data.outputs[training_rows])
    return scores, training_scores


def metric(setting: Setting, experiment: Experiment) -> None:
    """Turn predictions into metrics, a value for each tested part and seed."""
    record = corpus_record(setting.dataset)
    rows = []
    with np.load(experiment.file("output", setting.at("evaluate"), "predictions.npz")) as kept:
        labels, scores, parts = kept["labels"], kept["scores"], kept["parts"]
        thresholds = {part: kept_thresholds(kept, part, record) for part in dict.fromkeys(parts.tolist())}
    for seed, of_seed in enumerate(scores):
        for part, of_seeds in thresholds.items():
            of_part = parts == part
            own = None if of_seeds is None else of_seeds[seed]
            scored = score_row(labels[of_part], of_seed[of_part], record, own)
            rows.append({"part": part, "seed": seed} | scored)
    table = pd.DataFrame(rows).sort_values(["seed", "part"], key=natural_order)
    with atomic_path(experiment.file("score", setting, "scores.csv")) as temporary:
        table.to_csv(temporary, index=False)
    for metric_record in experiment.metrics:
        if metric_record.name in table:
            experiment.save_metric(setting, metric_record.name, table[metric_record.name].to_numpy())


def kept_thresholds(kept: Mapping[str, np.ndarray], part: str, record: CorpusRecord) -> np.ndarray | None:
    """Return the thresholds that evaluate kept for a part, (n_seeds, K); None where classes exclude each other.

    Predictions of earlier versions have none: they are NaN, and F1 is unknown until they are computed again.
    """
    if record.single_label:
        return None
    unknown = np.full((len(kept["scores"]), len(record.classes)), np.nan)
    return kept.get(f"{THRESHOLDS} {part}", unknown)


def natural_order(column: pd.Series) -> pd.Series:
    """Return what a column is sorted by: fold 10 comes after fold 9."""
    return column.astype(str).str.zfill(2)


def score_row(
    labels: np.ndarray, scores: np.ndarray, record: CorpusRecord, thresholds: np.ndarray | None = None
) -> dict[str, Any]:
    """Return one row of a table of scores: clips, the metrics, and F1 and AUPRC of each class."""
    voted = ~np.isnan(labels).all(1)  # clips that nobody has voted on count nowhere
    labels, scores = labels[voted], scores[voted]
    f1, auprc = metrics.f1_per_class(labels, scores, thresholds), metrics.auprc_per_class(labels, scores)
    row = {"clips": len(labels)} | metrics.all_metrics(labels, scores, thresholds)
    row |= {f"f1 {name}": value for name, value in zip(record.classes, f1, strict=True)}
    return row | {f"auprc {name}": value for name, value in zip(record.classes, auprc, strict=True)}


STEPS = {
    "train": train,
    "evaluate": evaluate,
    "metric": metric,
}  # what the engine calls, by the factor `step`

"""The steps of the plans `adapt` and `student`: models from levels to scores (docs/street.md).

train computes what a frozen classifier makes of a dataset once, then trains a head on its embeddings or a
student on the levels; evaluate and metric compare with the classifier on the true Mels, window by window.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spectral_transcoder.datasets.chunks import ChunkDataset, open_dataset
from spectral_transcoder.datasets.splits import SPLITS
from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.evaluation.teacher_scores import Teacher
from spectral_transcoder.evaluation.window_scores import WindowLength
from spectral_transcoder.evaluation.windows_of_chunks import ChunkWindows, join_seconds, scores_by_window
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.options import dataset_folder
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.transcoding.epoch_report import EpochReport
from spectral_transcoder.experiments.transcoding.plans import ADAPTED, OWN_TEACHER, TRAINED_THROUGH
from spectral_transcoder.experiments.transcoding.task import dataset_name
from spectral_transcoder.models.adaptation import AdaptedModel, AdaptedSettings
from spectral_transcoder.models.classifiers import (
    Classifier,
    ClassifierRecord,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.level_models import load_level_model
from spectral_transcoder.models.registry import model_entry
from spectral_transcoder.models.student import Student, StudentSettings
from spectral_transcoder.models.transcoders import TEXTURES, Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.training.adaptation import (
    HeadOnRows,
    StudentOnLevels,
    cached_embeddings,
    head_chunks,
    label_loss,
    label_weights,
)
from spectral_transcoder.training.loop import fit, make_fabric
from spectral_transcoder.training.losses import Chunks
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path, sha256_once, sha256_or_none

WARMUP_STEPS = 50
WEIGHT_DECAY = 0.05


@dataclass(frozen=True)
class LevelModelTask:
    """A setting of the plans `adapt` and `student` as plain values.

    Attributes
    ----------
    plan : str
        adapt or student.
    record : ClassifierRecord
        The frozen classifier: that behind which a head stands, or whose labels a student has.
    dataset : ChunkDataset
        What the model is trained on and compared on.
    models : Path
        Folder of the classifiers' weights.
    teacher : ClassifierRecord
        Whose scores are learned: the classifier itself, or another that knows its labels.
    sizes : dict
        Sizes of the network, what heads stand behind, and how much rare labels count.
    recipe : Recipe
        How it is trained.
    """

    plan: str
    record: ClassifierRecord
    dataset: ChunkDataset
    models: Path
    teacher: ClassifierRecord
    sizes: dict[str, Any]
    recipe: Recipe

    @classmethod
    def of(cls, setting: Setting, experiment: Experiment) -> "LevelModelTask":
        """Return the task of a setting."""
        values, options = setting.values, experiment.options
        names = ("nb_hidden", "nb_channels", "through", "noises", "balance")
        recipe = Recipe(
            epochs=values["epoch"],
            learning_rate=10.0 ** values["learning_rate"],
            seed=values["seed"],
            warmup_steps=WARMUP_STEPS,
            schedule="cosine",
            weight_decay=WEIGHT_DECAY,
            prop_first=values["prop_first"],
            average_steps=values["average_steps"],
        )
        return cls(
            plan=setting.plan,
            record=classifier_record(setting.classifier),
            dataset=open_dataset(dataset_folder(options), dataset_name(setting.dataset)),
            models=options.models_path,
            teacher=classifier_record(teacher_of(setting)),
            sizes={name: values[name] for name in names if name in values},
            recipe=recipe,
        )

    @property
    def weights(self) -> Path:
        """The classifier's weights."""
        return self.record.path_in(self.models)

    def load_classifier(self) -> Classifier:
        """Return the frozen classifier."""
        return load_classifier(self.record.name, self.weights)

    def windows(self, split: str) -> ChunkWindows:
        """Return the windows of a split, as long as the classifier takes them."""
        return ChunkWindows.of(self.dataset.split(split), WindowLength.of(self.record))

    def teacher_scores(self, windows: ChunkWindows) -> np.ndarray:
        """Return the classifier's scores on the true Mels of windows: (n_windows, n_labels)."""
        return Teacher(self.record, self.models).window_scores(self.dataset, windows)

    def training_scores(self, windows: ChunkWindows) -> np.ndarray:
        """Return the scores that are learned: (n_windows, n_labels), of the classifier's labels.

        Another teacher scores windows of its own length; its scores of what a window shares with them count.
        """
        if self.teacher == self.record:
            return self.teacher_scores(windows)
        theirs = ChunkWindows.of(windows.split, WindowLength.of(self.teacher))
        scores = Teacher(self.teacher, self.models).window_scores(self.dataset, theirs)
        return scores_by_window(scores, theirs, windows)[:, label_positions(self.teacher, self.record)]

    def build(self) -> AdaptedModel | Student:
        """Return the model, untrained but for the transcoder that a head may stand behind."""
        if self.plan != ADAPTED:
            return Student(
                StudentSettings(
                    self.record.name,
                    self.sizes["nb_channels"],
                    self.sizes["nb_hidden"],
                    self.dataset.third_octaves,
                )
            )
        trained = self.trained_transcoder()
        settings = trained.settings if trained else self.untrained_settings()
        model = AdaptedModel(AdaptedSettings(self.record.name, settings, self.sizes["nb_hidden"]))
        if trained:
            model.transcoder.network.load_state_dict(trained.network.state_dict())
        return model

    def untrained_settings(self) -> TranscoderSettings:
        """Return the settings of PINV, or PINV with texture, for the dataset's third octaves."""
        network = self.sizes["through"]
        options = {"noise_seed": 0} if network in TEXTURES else {}
        return TranscoderSettings(
            network, self.record.front_end.name, third_octaves=self.dataset.third_octaves, options=options
        )

    def trained_transcoder(self) -> Transcoder | None:
        """Return the trained transcoder of reference_models/ that the setting names, or None."""
        through = self.sizes["through"]
        if through not in TRAINED_THROUGH:
            return None
        every_second = self.dataset.third_octaves.frames_per_second == 1
        return load_transcoder(model_entry(through).require(self.record.name, every_second=every_second))


def teacher_of(setting: Setting) -> str:
    """Return the name of the classifier whose scores a setting's model learns."""
    return setting.classifier if setting.teacher == OWN_TEACHER else setting.teacher


def label_positions(teacher: ClassifierRecord, record: ClassifierRecord) -> list[int]:
    """Return where a teacher has each of a classifier's labels; raise UsageError where it lacks some."""
    position = {label: index for index, label in enumerate(teacher.labels)}
    if missing := [label for label in record.labels if label not in position]:
        raise UsageError(
            f"{teacher.name} cannot teach {record.name}: it lacks {len(missing)} of its labels, "
            f"{', '.join(missing[:3])} among them; expected a teacher that knows them all"
        )
    return [position[label] for label in record.labels]


def train(setting: Setting, experiment: Experiment) -> None:
    """Train the model of a setting; it goes on from the last epoch where it was stopped."""
    task = LevelModelTask.of(setting, experiment)
    torch.manual_seed(task.recipe.seed)
    model = task.build()
    network, splits = network_and_chunks(model, task)
    state_path = experiment.file("model", setting, "training_state")
    provenance = {"dataset": task.dataset.provenance, "weights": sha256_or_none(task.weights), **task.sizes}
    provenance["teacher"] = sha256_or_none(task.teacher.path_in(task.models))
    loss = partial(label_loss, prop_first=task.recipe.prop_first)
    with experiment.progress(task.recipe.epochs, "training", "epoch") as progress:
        report = EpochReport(experiment.file("loss", setting, "losses"), progress)
        fabric = make_fabric("cpu")
        try:
            history = fit(network, loss, splits, task.recipe, state_path, provenance, fabric, report)
        finally:
            report.close()
    model.training_record = {
        "recipe": asdict(task.recipe),
        "dataset": {"name": task.dataset.name, "fingerprint": task.dataset.provenance},
        "teacher": task.teacher.name,
        "weights_sha256": provenance["weights"],
        "best_valid_loss": min(history["valid"]),
    }
    model.save(experiment.file("model", setting, "model"))
    state_path.unlink(missing_ok=True)


def network_and_chunks(
    model: AdaptedModel | Student, task: LevelModelTask
) -> tuple[nn.Module, dict[str, Chunks]]:
    """Return what is trained of a model, and what it is trained on by split: a head, or a whole student."""
    if isinstance(model, AdaptedModel):
        classifier = task.load_classifier()
        splits = {split: adaptation_chunks(task, split, model, classifier) for split in SPLITS}
        model.adaptation.standardise(splits["train"].levels[:, : task.record.embedding_size])
        network: nn.Module = HeadOnRows(model.adaptation)
    else:
        splits = {split: student_chunks(task, split) for split in SPLITS}
        model.network.begin_with(splits["train"].levels, splits["train"].teacher_scores)
        network = StudentOnLevels(model.network)
    weights = label_weights(splits["train"].teacher_scores, task.sizes["balance"] / 100)
    return network, splits | {"train": replace(splits["train"], weights=weights)}


def student_chunks(task: LevelModelTask, split: str) -> Chunks:
    """Return what a student is trained on: levels of windows, and the classifier's scores."""
    windows = task.windows(split)
    return Chunks(windows.frames(), scores=torch.from_numpy(task.training_scores(windows)))


def adaptation_chunks(
    task: LevelModelTask, split: str, model: AdaptedModel, classifier: Classifier
) -> Chunks:
    """Return what a head is trained on: embeddings and logits of windows, and the classifier's scores."""
    windows = task.windows(split)
    embeddings = cached_embeddings(
        task.dataset, windows, model.transcoder, classifier, task.sizes["noises"], sha256_once(task.weights)
    )
    return head_chunks(embeddings, task.training_scores(windows), classifier)


@torch.no_grad()
def evaluate(setting: Setting, experiment: Experiment) -> None:
    """Run the model of a setting on the windows of the evaluation clips: write its scores."""
    task = LevelModelTask.of(setting, experiment)
    model = load_level_model(experiment.file("model", setting.at("train"), "model"))
    windows, classifier = task.windows("eval"), model.transcoder.classifier_behind(task.load_classifier())
    task.teacher_scores(windows)  # the metrics need it
    scores = []
    blocks = list(windows.blocks())
    with experiment.progress(len(blocks), "evaluating", "block") as progress:
        for block in blocks:
            positions = torch.from_numpy(windows.positions[block])
            levels = windows.levels(block).flatten(0, 1)
            mels = model.transcoder.transcode_seconds(levels, positions=positions.flatten())
            joined = join_seconds(mels.unflatten(0, positions.shape), model.transcoder.front_end)
            scores.append(classifier.scores(joined, batch_size=16).numpy())
            progress.advance(f"{block.stop} windows")
    with atomic_path(experiment.file("output", setting, "scores.npy")) as temporary:
        np.save(temporary, np.concatenate(scores))


def scored_clips(setting: Setting, experiment: Experiment) -> transcoding_metrics.ScoredClips:
    """Return the scores of windows that `evaluate` wrote, with the classifier's own."""
    task = LevelModelTask.of(setting, experiment)
    windows = task.windows("eval")
    scores = np.load(experiment.file("output", setting.at("evaluate"), "scores.npy"))
    clips = transcoding_metrics.Clips.from_fnames(windows.fnames)
    return transcoding_metrics.ScoredClips(task.teacher_scores(windows), scores, clips, task.record.labels)


def metric(setting: Setting, experiment: Experiment) -> None:
    """Turn the scores of windows into the metrics of docs/method.md, section 6."""
    for name, values in transcoding_metrics.all_metrics(scored_clips(setting, experiment)).items():
        experiment.save_metric(setting, name, values)

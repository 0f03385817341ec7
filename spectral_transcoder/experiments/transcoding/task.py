"""What a setting of experiment 1 works on: its dataset, classifier, model and recipe, and what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from spectral_transcoder.datasets.chunks import (
    ChunkDataset,
    DatasetSplit,
    mel_freq,
    open_dataset,
    read_manifest,
)
from spectral_transcoder.datasets.tau import TAU_DATASET_TYPES, tau_dataset_name
from spectral_transcoder.evaluation.teacher_scores import Teacher
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.options import dataset_folder
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.transcoding.plans import LEVEL_MODELS, OWN_TEACHER, TRAINED_THROUGH
from spectral_transcoder.models import end_to_end
from spectral_transcoder.models.classifiers import (
    Classifier,
    ClassifierRecord,
    classifier_record,
    load_classifier,
)
from spectral_transcoder.models.engines import choose_engine
from spectral_transcoder.models.registry import FETCH_COMMAND, is_every_second, model_entry
from spectral_transcoder.models.transcoders import NETWORKS, TEXTURES, Transcoder, TranscoderSettings
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError
from spectral_transcoder.utils.files import sha256_or_none

INPUTS = {"urban_mel_time": "mel_time", "urban_mel_freq": "mel_freq"}  # what transcoders of these start from
STEADY: dict[str, Any] = {"warmup_steps": 50, "schedule": "cosine", "clip_norm": 1.0}
STEADY_LEVEL_WEIGHT = 0.2


def dataset_name(modality: str) -> str:
    """Return the dataset's name that a modality of the factor `dataset` stands for."""
    modality = (
        modality.removesuffix("_mel_time").removesuffix("_mel_freq") if modality in INPUTS else modality
    )
    for dataset_type, name in TAU_DATASET_TYPES.items():
        if modality == name:
            return tau_dataset_name(dataset_type)
    return modality


def provenance(setting: Setting, experiment: Experiment) -> dict[str, str | None]:
    """Return what a result depends on beyond the factors, None where it is missing.

    The dataset's hash; the classifier's weights, where it is the teacher or scores Mels; published weights.
    """
    name = dataset_name(setting.dataset)
    manifest = read_manifest(dataset_folder(experiment.options) / name, name)
    depends: dict[str, str | None] = {"dataset": manifest["fingerprint"] if manifest else None}
    if setting.step != "train" or setting.ts:
        weights = classifier_record(setting.classifier).path_in(experiment.options.models_path)
        depends["weights"] = sha256_or_none(weights)
    if setting.plan == "published":
        depends["model"] = sha256_or_none(find_published_model(setting))
    if setting.plan in LEVEL_MODELS and setting.teacher != OWN_TEACHER:
        depends["teacher"] = sha256_or_none(
            classifier_record(setting.teacher).path_in(experiment.options.models_path)
        )
    if setting.values.get("through") in TRAINED_THROUGH:
        every_second = is_every_second(setting.values)
        found = model_entry(setting.through).find(setting.classifier, every_second=every_second)
        depends["model"] = sha256_or_none(found)
    return depends


def missing(setting: Setting, experiment: Experiment) -> str | None:
    """Return why a setting cannot be computed, its dataset, weights or published model not being here, or None."""
    record = classifier_record(setting.classifier)
    try:
        dataset = open_dataset(dataset_folder(experiment.options), dataset_name(setting.dataset))
        split = dataset.split("eval")
        split.mels(record.front_end)
        if setting.dataset == "urban_mel_time":
            split.mel_time(record.front_end)
        if setting.plan == "published":
            published_model(setting)
    except MissingFileError as error:
        return str(error)
    except DatasetError:  # damaged: computing says how
        return None
    weights = record.path_in(experiment.options.models_path)
    if weights.is_file() or (setting.step == "train" and not setting.ts):
        return None
    return f"no weights of {record.name} at {weights}; fetch them with: {record.fetch_command}"


def find_published_model(setting: Setting) -> Path | None:
    """Return the path of the published transcoder that a setting of the plan `published` scores, or None."""
    entry, every_second = model_entry(setting.transcoder), is_every_second(setting.values)
    return entry.find(setting.classifier, published_only=True, every_second=every_second)


def published_model(setting: Setting) -> Path:
    """Return what `find_published_model` does; raise MissingFileError where there is none."""
    path = find_published_model(setting)
    if path is None:
        raise MissingFileError(
            f"no published {setting.transcoder} for {setting.classifier} in reference_models/; fetch it with: "
            f"{FETCH_COMMAND}"
        )
    return path


@dataclass(frozen=True)
class Task:
    """A setting as plain values, which a process of its own can be given.

    Attributes
    ----------
    plan, transcoder, classifier, dataset : str
        The setting's plan, and its modalities of these factors.
    folder, models : Path
        Folders of the datasets and of the classifiers' weights.
    options : dict
        The sizes of the network.
    pinv_way : str or None
        The way that PINV takes Mels; None is the front end's own.
    recipe : Recipe or None
        How it is trained; None in the reference plan.
    engine : str
        What runs the classifier where it only infers: auto, torch or onnxruntime.
    """

    plan: str
    transcoder: str
    classifier: str
    dataset: str
    folder: Path
    models: Path
    options: dict[str, int]
    pinv_way: str | None
    recipe: Recipe | None
    engine: str = "auto"

    @classmethod
    def of(cls, setting: Setting, experiment: Experiment) -> Self:
        """Return the task of a setting."""
        sizes, values = NETWORKS.get(setting.transcoder, ()), setting.values
        return cls(
            plan=setting.plan,
            transcoder=setting.transcoder,
            classifier=setting.classifier,
            dataset=setting.dataset,
            folder=dataset_folder(experiment.options),
            models=experiment.options.models_path,
            options={name: values[name] for name in sizes if name in values} | noise_of(values),
            pinv_way=pinv_way(setting),
            recipe=recipe_of(values) if "epoch" in values else None,
            engine=experiment.options.engine,
        )

    @property
    def record(self) -> ClassifierRecord:
        """The classifier's record."""
        return classifier_record(self.classifier)

    @property
    def learns_scores(self) -> bool:
        """Whether the classifier's scores are in the loss."""
        return self.transcoder in end_to_end.BASELINES or (
            self.recipe is not None and self.recipe.prop_logit is not None
        )

    def require_recipe(self) -> Recipe:
        """Return how the model is trained; raise UsageError in a plan that trains nothing."""
        if self.recipe is None:
            raise UsageError(f"plan {self.plan} has no factor `epoch`: expected a plan that trains a model")
        return self.recipe

    def open(self) -> ChunkDataset:
        """Return the dataset."""
        return open_dataset(self.folder, dataset_name(self.dataset))

    def teacher(self, device: str | torch.device = "cpu") -> Teacher:
        """Return what gives the classifier's outputs on true Mels."""
        return Teacher(self.record, self.models, device, self.engine)

    def load_classifier(self, device: str | torch.device, n_inputs: int = 0) -> Classifier:
        """Return the classifier with its weights, for so many seconds of Mels that are only to be scored."""
        engine = choose_engine(self.engine, n_inputs, device) if n_inputs else "torch"
        return load_classifier(self.classifier, self.record.path_in(self.models), device, engine)

    def build(self, third_octaves: ThirdOctaves) -> Transcoder | end_to_end.Baseline:
        """Return the model, untrained: levels to Mels, or for baselines to scores."""
        if self.transcoder in end_to_end.BASELINES:
            settings = end_to_end.BaselineSettings(
                self.transcoder, self.classifier, self.pinv_way, third_octaves
            )
            return end_to_end.Baseline(settings)
        return Transcoder(
            TranscoderSettings(
                network=self.transcoder,
                front_end=self.record.front_end.name,
                pinv_way=self.pinv_way,
                third_octaves=third_octaves,
                options=self.options,
                source=INPUTS.get(self.dataset, "levels"),
            )
        )

    def inputs(self, split: DatasetSplit) -> np.ndarray:
        """Return what a model starts from, of a `DatasetSplit`: (n, frames, bands); the oracle from true Mels."""
        front_end = self.record.front_end
        if self.transcoder == "oracle":
            return split.mels(front_end)
        if self.dataset == "urban_mel_time":
            return split.mel_time(front_end)
        if self.dataset == "urban_mel_freq":
            return mel_freq(split.mels(front_end), split.third_octaves.shape[1])
        return split.third_octaves


def noise_of(values: Mapping[str, Any]) -> dict[str, int]:
    """Return the option that seeds the noise of a texture; none for other networks."""
    return {"noise_seed": values["seed"]} if values["transcoder"] in TEXTURES else {}


def pinv_way(setting: Setting) -> str | None:
    """Return the way that PINV takes Mels, by default the front end's own (docs/method.md, section 9, defect 6)."""
    way = setting.values.get("pinv_way", "default")
    return None if way == "default" else way


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """Return how a setting is trained: as published, or steadily (docs/training.md)."""
    teacher_student = values["ts"] == 1 and "prop_logit" in values
    further = (
        {}
        if values["recipe"] == "published"
        else STEADY | {"level_weight": STEADY_LEVEL_WEIGHT if teacher_student else 0.0}
    )
    return Recipe(
        epochs=values["epoch"],
        learning_rate=10.0 ** values["learning_rate"],
        prop_logit=values.get("prop_logit"),
        prop_embedding=values.get("prop_embedding", 0),
        seed=values["seed"],
        **further,
    )

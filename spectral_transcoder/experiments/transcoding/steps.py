"""The steps of experiment 1: train a model, evaluate it on the evaluation clips, score it (SPEC sections 5, 6).

train writes model/<identifier>_model and loss/<identifier>_losses_{train,valid,eval}.npy; evaluate writes the
model's scores of every chunk and its Mel error of every clip to output/; metric turns them into metrics.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from spectral_transcoder.datasets.chunks import mel_freq, open_dataset, read_manifest
from spectral_transcoder.datasets.corpora import SPLITS, TAU_DATASET_TYPES, tau_dataset_name
from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.evaluation.teacher_scores import oracle_scores
from spectral_transcoder.experiments.transcoding.epoch_report import EpochReport
from spectral_transcoder.experiments.transcoding.experiment import dataset_folder
from spectral_transcoder.models import end_to_end
from spectral_transcoder.models.classifiers import classifier_record, load_classifier
from spectral_transcoder.models.registry import FETCH_COMMAND, find_reference_model
from spectral_transcoder.models.transcoders import TEXTURES, Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.training.loop import (
    Chunks,
    DivergedError,
    Recipe,
    TaughtLoss,
    fit,
    launch,
    make_fabric,
    mel_loss,
    score_loss,
)
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.files import atomic_path, sha256
from spectral_transcoder.utils.progress import Progress

SOURCES = {"urban_mel_time": "mel_time", "urban_mel_freq": "mel_freq"}
STEADY = {"warmup_steps": 50, "schedule": "cosine", "clip_norm": 1.0}
STEADY_LEVEL_WEIGHT = 0.2
CHUNKS_PER_BLOCK = 256


def dataset_name(modality):
    """Return the dataset's name that a modality of the factor `dataset` stands for."""
    modality = (
        modality.removesuffix("_mel_time").removesuffix("_mel_freq") if modality in SOURCES else modality
    )
    for dataset_type, name in TAU_DATASET_TYPES.items():
        if modality == name:
            return tau_dataset_name(dataset_type)
    return modality


def configuration(setting, experiment):
    """Return what a result depends on beyond the factors, None where it is missing.

    The dataset's fingerprint; the classifier's weights, where it teaches or judges; published weights.
    """
    name = dataset_name(setting.dataset)
    manifest = read_manifest(dataset_folder(experiment.options) / name, name)
    depends = {"dataset": manifest and manifest["fingerprint"]}
    if setting.step != "train" or setting.ts:
        weights = classifier_record(setting.classifier).path_in(experiment.options.models_path)
        depends["weights"] = hash_of(weights)
    if setting.plan == "published":
        depends["model"] = hash_of(published_model(setting))
    return depends


def hash_of(path):
    """Return the sha256 of a file, computed once while it stays as it is; None of no file."""
    if path is None or not path.is_file():
        return None
    stat = path.stat()
    return _hash_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache
def _hash_of(path, n_bytes, changed_ns):
    return sha256(path)


def published_model(setting):
    """Return the path of the published transcoder that a setting of the plan `published` scores, or None."""
    return find_reference_model(setting.classifier, setting.transcoder == "cnn_logits", published_only=True)


@dataclass(frozen=True)
class Job:
    """A setting as plain values, which a process of its own can be given.

    Attributes
    ----------
    plan, transcoder, classifier, dataset : str
        Factors of the setting.
    folder, models : Path
        Of the datasets, and of the classifiers' weights.
    options : dict
        Sizes of the network.
    pinv_way : str or None
        None is the front end's own.
    recipe : Recipe or None
        How it is trained; None in the reference plan.
    """

    plan: str
    transcoder: str
    classifier: str
    dataset: str
    folder: Path
    models: Path
    options: dict
    pinv_way: str | None
    recipe: Recipe | None

    @classmethod
    def of(cls, setting, experiment):
        """Return the job of a setting."""
        sizes = ("hidden1", "hidden2", "kernel_size", "nb_layers", "nb_channels", "dilation")
        values = setting.values
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
        )

    @property
    def record(self):
        """The classifier's record."""
        return classifier_record(self.classifier)

    @property
    def taught(self):
        """Whether the classifier's scores are in the loss."""
        return self.transcoder in end_to_end.BASELINES or self.recipe.prop_logit is not None

    def open(self):
        """Return the dataset."""
        return open_dataset(self.folder, dataset_name(self.dataset))

    def oracle(self, dataset, split, device="cpu"):
        """Return the classifier's scores on the true Mels of a split: (n_chunks, n_labels)."""
        return oracle_scores(dataset, split, self.classifier, device, self.models)

    def load_classifier(self, device):
        """Return the classifier with its weights."""
        return load_classifier(self.classifier, self.record.path_in(self.models), device)

    def build(self, third_octaves):
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
                source=SOURCES.get(self.dataset, "levels"),
            )
        )

    def inputs(self, split):
        """Return what a model starts from, of a `DatasetSplit`: (n, frames, bands); the oracle from true Mels."""
        front_end = self.record.front_end
        if self.transcoder == "oracle":
            return split.mels(front_end)
        if self.dataset == "urban_mel_time":
            return split.mel_time(front_end)
        if self.dataset == "urban_mel_freq":
            return mel_freq(split.mels(front_end), split.third_octaves.shape[1])
        return split.third_octaves


def noise_of(values):
    """Return the option that seeds the noise of a texture; none for other networks."""
    return {"noise_seed": values["seed"]} if values["transcoder"] in TEXTURES else {}


def pinv_way(setting):
    """Return the way that PINV takes Mels (SPEC defect 6); the factor's default is the front end's own."""
    way = setting.values.get("pinv_way", "default")
    return None if way == "default" else way


def recipe_of(values):
    """Return how a setting is trained: as published, or steadily (see the README's comparison)."""
    taught = values["ts"] == 1 and "prop_logit" in values
    further = (
        {}
        if values["recipe"] == "published"
        else STEADY | {"level_weight": STEADY_LEVEL_WEIGHT if taught else 0.0}
    )
    return Recipe(
        epochs=values["epoch"],
        learning_rate=10.0 ** values["learning_rate"],
        prop_logit=values.get("prop_logit"),
        seed=values["seed"],
        **further,
    )


def train(setting, experiment):
    """Train the model of a setting; it goes on from the last epoch where it was stopped."""
    job, options = Job.of(setting, experiment), experiment.options
    model_path = experiment.file("model", setting, "model")
    state_path = experiment.file("model", setting, "training_state")
    loss_path = experiment.file("loss", setting, "losses")
    fabric = make_fabric(devices=options.devices, precision=options.precision)
    with experiment.progress(job.recipe.epochs, "training", "epoch") as progress:
        # processes cannot share a bar: of several, the first one tells the epochs in lines
        report = EpochReport(loss_path, progress if options.devices == 1 else None)
        run = partial(train_process, job=job, model_path=model_path, state_path=state_path, report=report)
        if options.devices == 1:
            run(fabric)
        else:
            launch(fabric, run)
    state_path.unlink(missing_ok=True)


def train_process(fabric, job, model_path, state_path, report):
    """Train in one of the processes of `fabric`; the first one writes the model."""
    torch.manual_seed(job.recipe.seed)
    dataset = job.open()
    model = job.build(dataset.third_octaves)
    if job.transcoder in end_to_end.BASELINES:
        model.load_pretrained(job.models)
    splits = {split: load_chunks(job, dataset, split, fabric) for split in SPLITS}
    origin = {
        "dataset": dataset.fingerprint,
        "classifier": job.classifier,
        "weights": hash_of(job.record.path_in(job.models)) if job.taught else None,
        "precision": fabric.strategy.precision.precision,
    }
    if report.progress is None:
        report.progress = Progress(job.recipe.epochs, "training", "epoch", plain=True)
    report = report if fabric.is_global_zero else None
    try:
        history = fit(
            model.network, loss_function(job, fabric), splits, job.recipe, state_path, origin, fabric, report
        )
    except DivergedError:
        if fabric.is_global_zero:
            model.to("cpu").save(model_path.with_name(f"{model_path.name}_before_divergence"))
        raise
    finally:
        if report:
            report.close()
    if fabric.is_global_zero:
        model.training_record = {
            "recipe": asdict(job.recipe),
            "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
            "teacher": job.classifier if job.taught else None,
            "best_valid_loss": min(history["valid"]),
            "precision": origin["precision"],
            "devices": f"{fabric.world_size} {fabric.device.type}",
        }
        model.to("cpu").save(model_path)


def load_chunks(job, dataset, split, fabric):
    """Return the `Chunks` of a split that the loss needs, on the device where they fit into half of it."""
    part = dataset.split(split)
    on_mels = job.transcoder not in end_to_end.BASELINES
    arrays = [
        job.inputs(part),
        part.mels(job.record.front_end) if on_mels else None,
        job.oracle(dataset, split, fabric.device) if job.taught else None,
    ]
    chunks = Chunks(*(array if array is None else as_tensor(array) for array in arrays))
    n_bytes = sum(
        tensor.nbytes for tensor in (chunks.levels, chunks.mels, chunks.scores) if tensor is not None
    )
    if fabric.device.type == "cuda" and n_bytes < torch.cuda.mem_get_info(fabric.device)[0] / 2:
        return chunks.take(slice(None), fabric.device)
    return chunks


def as_tensor(array):
    """Return a tensor over an array or memory map; what is not in use stays on the disk."""
    # a private mapping, since torch wants to be able to write
    return torch.from_numpy(np.load(array.filename, mmap_mode="c") if isinstance(array, np.memmap) else array)


def loss_function(job, fabric):
    """Return the loss of a job (SPEC section 5)."""
    if job.transcoder in end_to_end.BASELINES:
        return score_loss
    if job.recipe.prop_logit is None:
        return mel_loss
    teacher = job.load_classifier(fabric.device)
    return TaughtLoss(teacher, job.recipe.prop_logit, job.recipe.level_weight, fabric.autocast)


def evaluate(setting, experiment):
    """Run the model of a setting on the evaluation chunks: write its scores, and its Mel error per clip."""
    job = Job.of(setting, experiment)
    dataset = job.open()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    split = dataset.split("eval")
    job.oracle(dataset, "eval", device)  # the metrics need it, and here is the device
    model = evaluated_model(job, setting, experiment, dataset).to(device)
    classifier = job.load_classifier(device)
    inputs, true_mels = job.inputs(split), split.mels(job.record.front_end)
    scores, errors = [], []
    starts = range(0, len(split), CHUNKS_PER_BLOCK)
    with experiment.progress(len(starts), "evaluating", "block") as progress, torch.no_grad():
        for start in starts:
            block = slice(start, start + CHUNKS_PER_BLOCK)
            output = model(torch.tensor(inputs[block], device=device)).cpu().numpy()
            if job.transcoder not in end_to_end.BASELINES:
                errors.append(np.mean((output - true_mels[block]) ** 2, axis=(1, 2), dtype=np.float64))
                output = classifier.scores(output)
            scores.append(output)
            progress.advance(f"{min(start + CHUNKS_PER_BLOCK, len(split))} chunks")
    for name, values in (("scores", scores), ("mel_errors", errors)):
        if values:
            with atomic_path(experiment.file("output", setting, f"{name}.npy")) as temporary:
                np.save(temporary, np.concatenate(values))


def evaluated_model(job, setting, experiment, dataset):
    """Return the model that a setting evaluates: PINV, the true Mels themselves, or one trained here or elsewhere."""
    if job.plan == "reference":
        return torch.nn.Identity() if job.transcoder == "oracle" else job.build(dataset.third_octaves)
    if job.plan == "published":
        path = published_model(setting)
        if path is None:
            raise MissingFileError(
                f"no published {job.transcoder} for {job.classifier} in reference_models/; "
                f"fetch it with: {FETCH_COMMAND}"
            )
        return load_transcoder(path)
    load = end_to_end.load_baseline if job.transcoder in end_to_end.BASELINES else load_transcoder
    return load(experiment.file("model", setting.at("train"), "model"))


def metric(setting, experiment):
    """Turn what `evaluate` wrote into the metrics of SPEC section 6."""
    job = Job.of(setting, experiment)
    dataset = job.open()
    clips = transcoding_metrics.Clips.from_fnames(dataset.split("eval").fnames)
    evaluated = setting.at("evaluate")
    scores = np.load(experiment.file("output", evaluated, "scores.npy"))
    oracle = job.oracle(dataset, "eval")
    for name, values in transcoding_metrics.all_metrics(oracle, scores, clips, job.record.labels).items():
        experiment.save_metric(setting, name, values)
    errors = experiment.file("output", evaluated, "mel_errors.npy")
    if errors.is_file():
        experiment.save_metric(setting, "mel_mse", clips.mean(np.load(errors)))

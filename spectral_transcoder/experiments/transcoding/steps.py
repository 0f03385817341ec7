"""The steps of experiment 1: train a model, evaluate it on the evaluation clips, score it.

train writes model/<identifier>_model and loss/<identifier>_losses_{train,valid,eval}.npy; evaluate writes the
model's scores of every chunk and its Mel error of every clip to output/; metric turns them into metrics
(docs/method.md, sections 5 and 6).
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from spectral_transcoder.datasets.chunks import ChunkDataset
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.experiments.engine.experiment import Experiment
from spectral_transcoder.experiments.engine.plans import Setting
from spectral_transcoder.experiments.transcoding import level_models
from spectral_transcoder.experiments.transcoding.epoch_report import EpochReport
from spectral_transcoder.experiments.transcoding.plans import LEVEL_MODELS
from spectral_transcoder.experiments.transcoding.task import Task, published_model
from spectral_transcoder.models import end_to_end
from spectral_transcoder.models.transcoders import Transcoder, load_transcoder
from spectral_transcoder.training.loop import DivergedError, LossFunction, fit, launch, make_fabric
from spectral_transcoder.training.losses import (
    Chunks,
    TeacherLoss,
    embedding_scale,
    mel_loss,
    score_loss,
)
from spectral_transcoder.utils.files import atomic_path, sha256_or_none
from spectral_transcoder.utils.progress import Progress

CHUNKS_PER_BLOCK = 256


def train(setting: Setting, experiment: Experiment) -> None:
    """Train the model of a setting; it goes on from the last epoch where it was stopped."""
    if setting.plan in LEVEL_MODELS:
        level_models.train(setting, experiment)
        return
    task, options = Task.of(setting, experiment), experiment.options
    model_path = experiment.file("model", setting, "model")
    state_path = experiment.file("model", setting, "training_state")
    loss_path = experiment.file("loss", setting, "losses")
    fabric = make_fabric(devices=options.devices, precision=options.precision)
    with experiment.progress(task.require_recipe().epochs, "training", "epoch") as progress:
        # processes cannot share a bar: of several, the first one reports the epochs in lines
        report = EpochReport(loss_path, progress if options.devices == 1 else None)
        run = partial(train_process, task=task, model_path=model_path, state_path=state_path, report=report)
        if options.devices == 1:
            run(fabric)
        else:
            launch(fabric, run)
    state_path.unlink(missing_ok=True)


def train_process(
    fabric: Fabric, task: Task, model_path: Path, state_path: Path, report: EpochReport
) -> None:
    """Train in one of the processes of `fabric`; the first one writes the model."""
    recipe = task.require_recipe()
    torch.manual_seed(recipe.seed)
    dataset = task.open()
    model = task.build(dataset.third_octaves)
    if isinstance(model, end_to_end.Baseline):
        model.load_pretrained(task.models)
    splits = {split: load_chunks(task, dataset, split, fabric) for split in SPLITS}
    provenance = {
        "dataset": dataset.provenance,
        "classifier": task.classifier,
        "weights": sha256_or_none(task.record.path_in(task.models)) if task.learns_scores else None,
        "precision": fabric.strategy.precision.precision,
    }
    if report.progress is None:
        report.progress = Progress(recipe.epochs, "training", "epoch", plain=True)
    try:
        history = fit(
            model.network,
            loss_function(task, fabric, splits["train"]),
            splits,
            recipe,
            state_path,
            provenance,
            fabric,
            report if fabric.is_global_zero else None,
        )
    except DivergedError:
        if fabric.is_global_zero:
            model.to("cpu").save(model_path.with_name(f"{model_path.name}_before_divergence"))
        raise
    finally:
        report.close()
    if fabric.is_global_zero:
        model.training_record = {
            "recipe": asdict(recipe),
            "dataset": {"name": dataset.name, "fingerprint": dataset.provenance},
            "teacher": task.classifier if task.learns_scores else None,
            "best_valid_loss": min(history["valid"]),
            "precision": provenance["precision"],
            "devices": f"{fabric.world_size} {fabric.device.type}",
        }
        model.to("cpu").save(model_path)


def load_chunks(task: Task, dataset: ChunkDataset, split: str, fabric: Fabric) -> Chunks:
    """Return the `Chunks` of a split that the loss needs, on the device where they fit into half of it."""
    part, teacher = dataset.split(split), task.teacher(fabric.device)
    on_mels = task.transcoder not in end_to_end.BASELINES
    on_embeddings = task.require_recipe().prop_embedding
    chunks = Chunks(
        as_tensor(task.inputs(part)),
        as_tensor(part.mels(task.record.front_end)) if on_mels else None,
        as_tensor(teacher.scores(dataset, split)) if task.learns_scores else None,
        as_tensor(teacher.embeddings(dataset, split)) if on_embeddings else None,
    )
    parts = (chunks.levels, chunks.mels, chunks.scores, chunks.embeddings)
    n_bytes = sum(tensor.nbytes for tensor in parts if tensor is not None)
    if fabric.device.type == "cuda" and n_bytes < torch.cuda.mem_get_info(fabric.device)[0] / 2:
        return chunks.take(slice(None), fabric.device)
    return chunks


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Return a tensor over an array or memory map; what is not in use stays on the disk."""
    # a private mapping, since torch wants to be able to write
    if isinstance(array, np.memmap) and array.filename is not None:
        array = np.load(array.filename, mmap_mode="c")
    return torch.from_numpy(array)


def loss_function(task: Task, fabric: Fabric, train: Chunks) -> LossFunction:
    """Return the loss of a task (docs/method.md, section 5); `train` is what it learns from."""
    if task.transcoder in end_to_end.BASELINES:
        return score_loss
    recipe = task.require_recipe()
    if recipe.prop_logit is None:
        return mel_loss
    return TeacherLoss(
        task.load_classifier(fabric.device),
        recipe.prop_logit,
        recipe.level_weight,
        fabric.autocast,
        recipe.prop_embedding,
        embedding_scale(train.teacher_embeddings).to(fabric.device) if recipe.prop_embedding else None,
    )


def evaluate(setting: Setting, experiment: Experiment) -> None:
    """Run the model of a setting on the evaluation chunks: write its scores, and its Mel error per clip."""
    if setting.plan in LEVEL_MODELS:
        level_models.evaluate(setting, experiment)
        return
    task = Task.of(setting, experiment)
    dataset = task.open()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    split = dataset.split("eval")
    task.teacher(device).scores(dataset, "eval")  # the metrics need it, and here is the device
    model = evaluated_model(task, setting, experiment, dataset).to(device)
    classifier = task.load_classifier(device, len(split))
    inputs, true_mels = task.inputs(split), split.mels(task.record.front_end)
    positions = torch.from_numpy(transcoding_metrics.chunk_numbers(split.fnames))
    scores, errors = [], []
    starts = range(0, len(split), CHUNKS_PER_BLOCK)
    with experiment.progress(len(starts), "evaluating", "block") as progress, torch.no_grad():
        for start in starts:
            block = slice(start, start + CHUNKS_PER_BLOCK)
            arguments = [torch.tensor(inputs[block], device=device)]
            if isinstance(model, Transcoder):
                arguments.append(positions[block].to(device))
            output = model(*arguments).cpu().numpy()
            if task.transcoder not in end_to_end.BASELINES:
                errors.append(np.mean((output - true_mels[block]) ** 2, axis=(1, 2), dtype=np.float64))
                output = classifier.scores(output)
            scores.append(output)
            progress.advance(f"{min(start + CHUNKS_PER_BLOCK, len(split))} chunks")
    for name, values in (("scores", scores), ("mel_errors", errors)):
        if values:
            with atomic_path(experiment.file("output", setting, f"{name}.npy")) as temporary:
                np.save(temporary, np.concatenate(values))


def evaluated_model(
    task: Task, setting: Setting, experiment: Experiment, dataset: ChunkDataset
) -> torch.nn.Module:
    """Return the model that a setting evaluates: PINV, the true Mels themselves, or one trained here or elsewhere."""
    if task.plan == "reference":
        return torch.nn.Identity() if task.transcoder == "oracle" else task.build(dataset.third_octaves)
    if task.plan == "published":
        return load_transcoder(published_model(setting))
    path = experiment.file("model", setting.at("train"), "model")
    if task.transcoder in end_to_end.BASELINES:
        return end_to_end.load_baseline(path)
    return load_transcoder(path)


def scored_clips(setting: Setting, experiment: Experiment) -> transcoding_metrics.ScoredClips:
    """Return the scores that `evaluate` wrote for a setting, with the classifier's on true Mels."""
    if setting.plan in LEVEL_MODELS:
        return level_models.scored_clips(setting, experiment)
    task = Task.of(setting, experiment)
    dataset = task.open()
    clips = transcoding_metrics.Clips.from_fnames(dataset.split("eval").fnames)
    scores = np.load(experiment.file("output", setting.at("evaluate"), "scores.npy"))
    return transcoding_metrics.ScoredClips(
        task.teacher().scores(dataset, "eval"), scores, clips, task.record.labels
    )


def metric(setting: Setting, experiment: Experiment) -> None:
    """Turn what `evaluate` wrote into the metrics of docs/method.md, section 6."""
    scored = scored_clips(setting, experiment)
    for name, values in transcoding_metrics.all_metrics(scored).items():
        experiment.save_metric(setting, name, values)
    errors = experiment.file("output", setting.at("evaluate"), "mel_errors.npy")
    if errors.is_file():
        experiment.save_metric(setting, "mel_mse", scored.clips.mean(np.load(errors)))


STEPS = {
    "train": train,
    "evaluate": evaluate,
    "metric": metric,
}  # what the engine calls, by the factor `step`

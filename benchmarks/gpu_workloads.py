"""Trainings of both experiments on a synthetic corpus in a device's memory, by the training loop itself."""

import resource
import time
from dataclasses import dataclass
from functools import cached_property

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import numpy as np
import torch
from gpu_yardsticks import Traffic, synchronize
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from spectral_transcoder.datasets.splits import SPLITS
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding.paper import SELECTIONS
from spectral_transcoder.experiments.transcoding.plans import train_plans
from spectral_transcoder.models import end_to_end
from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier, classifier_record
from spectral_transcoder.models.names import PUBLISHED_CLASSIFIERS
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd
from spectral_transcoder.training.loop import LossFunction, TrainingRun, make_fabric
from spectral_transcoder.training.losses import Chunks, TeacherLoss, mel_loss, score_loss
from spectral_transcoder.training.recipe import Recipe

SIZES = ("hidden1", "hidden2", "kernel_size", "nb_layers", "nb_channels", "dilation")
PAPER_CNN = (("kernel_size", 5), ("nb_layers", 5), ("nb_channels", 64), ("dilation", 1))
SOURCES = {"urban_mel_time": "mel_time", "urban_mel_freq": "mel_freq"}
WARMUP_STEPS = 3
VALIDATED_SHARE = 1 / 3  # chunks of the two other splits to those trained on: 2,637 clips to 7,908


@dataclass(frozen=True)
class Workload:
    """A model, and how it is trained.

    Attributes
    ----------
    network : str
        The factor `transcoder`: a network of transcoders, or a baseline.
    classifier : str
        Whose Mels it makes, and who teaches where `prop_logit` is given.
    options : tuple of (str, int)
        Sizes of the network.
    prop_logit : int or None
        Percentage of the loss that compares scores.
    source : str
        What it starts from.
    """

    network: str
    classifier: str
    options: tuple[tuple[str, int], ...] = ()
    prop_logit: int | None = None
    source: str = "levels"

    @property
    def name(self) -> str:
        """Its name in the table."""
        kind = "CNN-mels" if self.prop_logit is None else "CNN-logits"
        return f"{kind if self.network == 'cnn_pinv' else self.network}, {self.classifier}"

    @property
    def is_baseline(self) -> bool:
        """Whether it goes to scores without Mels."""
        return self.network in end_to_end.BASELINES

    def build(self) -> nn.Module:
        """Return the network with random weights."""
        if self.is_baseline:
            return end_to_end.Baseline(end_to_end.BaselineSettings(self.network, self.classifier)).network
        front_end = classifier_record(self.classifier).front_end.name
        return Transcoder(
            TranscoderSettings(self.network, front_end, options=dict(self.options), source=self.source)
        ).network


MAIN_WORKLOADS = (
    Workload("cnn_pinv", "PANN", PAPER_CNN),
    Workload("cnn_pinv", "YamNet", PAPER_CNN),
    Workload("cnn_pinv", "PANN", PAPER_CNN, 100),
    Workload("cnn_pinv", "YamNet", PAPER_CNN, 100),
    Workload("cnn_pinv", "EfficientAT-mn04", PAPER_CNN, 100),
)


def available_workloads() -> list[Workload]:
    """Return the main trainings whose classifier this version has."""
    return [workload for workload in MAIN_WORKLOADS if workload.classifier in CLASSIFIERS]


@dataclass
class Corpus:
    """Made chunks on a device; a street's levels, Mels and scores are drawn, which costs as much as real ones.

    Attributes
    ----------
    n_chunks : int
        Seconds of the training split.
    batch_size : int
        Chunks of a step.
    device : torch.device
        Where they lie.
    """

    n_chunks: int
    batch_size: int
    device: torch.device

    @cached_property
    def levels(self) -> torch.Tensor:
        """Third-octave levels in dB: (n_chunks, 8, 29)."""
        torch.manual_seed(0)
        slope = torch.linspace(0, -40, 29, device=self.device)
        return slope + 3 * torch.randn(self.n_chunks, 8, 29, device=self.device)

    def mels(self, front_end: MelFrontEnd) -> torch.Tensor:
        """Return log Mels: (n_chunks, T, 64)."""
        shape = (self.n_chunks, front_end.chunk_frames, front_end.n_mels)
        return torch.randn(shape, device=self.device) * 10 - 40 if front_end.power == 2 else torch.randn(
            shape, device=self.device
        )  # fmt: skip

    def chunks(self, workload: Workload) -> Chunks:
        """Return what a training needs of all chunks."""
        record = classifier_record(workload.classifier)
        wants_scores = workload.is_baseline or workload.prop_logit is not None
        scores = torch.rand(self.n_chunks, record.n_labels, device=self.device) if wants_scores else None
        mels = None if workload.is_baseline else self.mels(record.front_end)
        if workload.source == "mel_time":
            levels = self.levels[:, :1].repeat(1, record.front_end.chunk_frames, 1)
        elif workload.source == "mel_freq":
            levels = self.mels(record.front_end)[:, :8]
        else:
            levels = self.levels
        return Chunks(levels, mels, scores)


def measure(
    workload: Workload, corpus: Corpus, precision: str, compiled: bool, n_steps: int
) -> dict[str, float]:
    """Train for some steps and return step_s, issue_s, epoch_s, step_flop, step_bytes and memory_bytes.

    `issue_s` is a step's time until its operations are issued, which a card computes meanwhile. An epoch is
    training, and the loss of the other two splits.
    """
    reset_memory(corpus.device)
    run = prepare(workload, corpus, precision)
    order = torch.randperm(corpus.n_chunks).repeat(1 + (n_steps + 1) * corpus.batch_size // corpus.n_chunks)
    batches = order.split(corpus.batch_size)
    flop, n_bytes = step_cost(run, batches[0])  # of the eager step: compiled ones are not counted
    if compiled:
        compile_networks(run)
    for batch in batches[: min(WARMUP_STEPS, n_steps)]:
        run.train_batch(batch)
    step_s, issue_s = time_steps(run, batches[:n_steps], corpus.device)
    evaluated = SPLITS[1]
    run.mean_loss(run.splits[evaluated])  # compiles it, where that is asked for
    synchronize(corpus.device)
    start = time.perf_counter()
    run.mean_loss(run.splits[evaluated])
    chunk_s = (time.perf_counter() - start) / len(run.splits[evaluated])
    n_batches = -(-corpus.n_chunks // corpus.batch_size)
    return {
        "step_s": step_s,
        "issue_s": issue_s,
        "epoch_s": n_batches * step_s + VALIDATED_SHARE * corpus.n_chunks * chunk_s,
        "step_flop": flop,
        "step_bytes": n_bytes,
        "memory_bytes": peak_memory(corpus.device),
    }


def prepare(workload: Workload, corpus: Corpus, precision: str) -> TrainingRun:
    """Return a run of the training loop, ready for its first step."""
    torch.manual_seed(0)
    fabric = make_fabric(corpus.device.type, precision=precision)
    network = workload.build()
    network, optimizer = fabric.setup(network, torch.optim.Adam(network.parameters(), lr=1e-3))
    network.train()
    loss_function: LossFunction = mel_loss
    if workload.is_baseline:
        loss_function = score_loss
    elif workload.prop_logit is not None:
        record = classifier_record(workload.classifier)
        teacher = Classifier(record, record.build()).to(corpus.device)
        loss_function = TeacherLoss(teacher, workload.prop_logit, autocast=fabric.autocast)
    chunks = corpus.chunks(workload)
    few = chunks.take(slice(4 * corpus.batch_size), corpus.device)
    recipe = Recipe(epochs=1, learning_rate=1e-3, batch_size=corpus.batch_size)
    return TrainingRun(
        fabric, network, optimizer, loss_function, recipe, dict(zip(SPLITS, (chunks, few, few), strict=True))
    )


def compile_networks(run: TrainingRun) -> None:
    """Compile the network and the teacher that follows it, in place."""
    network = run.network.module
    assert isinstance(network, torch.nn.Module)
    network.compile()
    teacher = getattr(run.loss_function, "classifier", None)
    if teacher is not None:
        teacher.network.logits = torch.compile(teacher.network.logits)


def step_cost(run: TrainingRun, batch: torch.Tensor) -> tuple[int, int]:
    """Return the floating-point operations of a step, and the bytes that its operations read and write."""
    with FlopCounterMode(display=False) as counter:
        run.train_batch(batch)
    with Traffic() as traffic:
        run.train_batch(batch)
    return counter.get_total_flops(), traffic.n_bytes


def time_steps(
    run: TrainingRun, batches: tuple[torch.Tensor, ...], device: torch.device
) -> tuple[float, float]:
    """Return the seconds of a step, and those until its operations are issued: the mean over the batches.

    On a CPU nothing is issued ahead, so the second is nought.
    """
    synchronize(device)
    start = time.perf_counter()
    for batch in batches:
        run.train_batch(batch)
    issued_s = time.perf_counter() - start
    synchronize(device)
    total_s = time.perf_counter() - start
    return total_s / len(batches), issued_s / len(batches) if device.type == "cuda" else 0.0


def reset_memory(device: torch.device) -> None:
    """Begin a new count of the device's peak memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Return the peak memory in bytes: of the device, or of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def workloads_of(experiment: str, epochs: int) -> list[Workload]:
    """Return the trainings of an experiment on the whole of TAU, one for each setting."""
    selection = SELECTIONS[experiment]("full", list(PUBLISHED_CLASSIFIERS), epochs)
    settings = {}
    for setting in select(train_plans(), repr(selection)):
        if "epoch" in setting.values:
            trained = setting.at("train")
            settings[trained.id()] = trained
    return [workload_of(setting.values) for setting in settings.values()]


def workload_of(values: dict) -> Workload:
    """Return the training that the factors of a setting describe."""
    options = tuple((name, values[name]) for name in SIZES if name in values)
    return Workload(
        values["transcoder"],
        values["classifier"],
        options,
        values.get("prop_logit"),
        SOURCES.get(values["dataset"], "levels"),
    )


def hours_of(workloads: list[Workload], epoch_s: dict[Workload, float], epochs: int) -> float:
    """Return the hours that trainings of so many epochs take one after the other."""
    return float(np.sum([epoch_s[workload] for workload in workloads])) * epochs / 3600

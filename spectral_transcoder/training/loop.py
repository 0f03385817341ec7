"""Training: from chunks of third octaves to the weights with the best validation loss (SPEC section 5).

A run writes its whole state after every epoch, atomically. The order of the batches and every random number
of an epoch follow from the seed and the epoch's number alone, so a run that was killed goes on from its last
epoch and, on a CPU, ends with the very weights of an undisturbed one.
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn
from tqdm import tqdm

from spectral_transcoder.models.checkpoints import load_tensors, write_tensors
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError

SPLITS = ("train", "valid", "eval")
LOGIT_WEIGHT = {"PANN": 1500.0, "YamNet": 10.0}  # k of SPEC section 5, by front end
STATE_FORMAT = "spectral_transcoder training state 1"
EPOCH_SEEDS, MOST_PROCESSES = 100_000, 4096  # every (seed, epoch, process) has random numbers of its own


class DivergedError(SpectralTranscoderError):
    """A loss that is not a number; the last good weights are kept."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    epochs : int
        Passes over the training chunks.
    learning_rate : float
        Of Adam.
    batch_size : int
        Chunks per step, over all devices.
    prop_logit : float or None
        Percentage of the loss that compares scores: 100 is CNN-logits, None CNN-mels or a baseline.
    seed : int
        Of the initial weights, the order of the chunks and dropout.
    warmup_steps : int
        Steps over which the learning rate rises linearly to its value; 0 as published.
    schedule : str
        "constant" as published, or "cosine": down to nought over all steps.
    clip_norm : float
        Largest norm of the gradient; 0, as published, is no limit.
    level_weight : float
        Of the error of each Mel band's level, its mean over the second, beside the cross-entropy of the
        scores: it keeps the Mels where a classifier hears something, whatever their texture; 0 as published.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64
    prop_logit: float | None = None
    seed: int = 0
    warmup_steps: int = 0
    schedule: str = "constant"
    clip_norm: float = 0.0
    level_weight: float = 0.0

    def __post_init__(self):
        if min(self.epochs, self.batch_size) < 1 or not 0 < self.learning_rate < math.inf:
            raise UsageError(f"{self}: epochs, batch size and learning rate have to be positive and finite")
        if self.schedule not in ("constant", "cosine"):
            raise UsageError(f"schedule {self.schedule!r}: expected constant or cosine")

    def rate(self, step, n_steps):
        """Return the learning rate of a step, counted from 0, of `n_steps` in all."""
        rate = self.learning_rate
        if step < self.warmup_steps:
            rate *= (step + 1) / self.warmup_steps
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * step / n_steps))
        return rate


@dataclass(frozen=True)
class Chunks:
    """The chunks of one split.

    Attributes
    ----------
    levels : torch.Tensor
        (n, frames, bands) third-octave levels in dB.
    mels : torch.Tensor or None
        (n, T, 64) true log Mels, where the loss needs them.
    scores : torch.Tensor or None
        (n, n_labels) the classifier's scores on the true Mels, where the loss needs them.
    """

    levels: torch.Tensor
    mels: torch.Tensor | None = None
    scores: torch.Tensor | None = None

    def __len__(self):
        return len(self.levels)

    def take(self, index, device):
        """Return the chunks at `index` on a device."""
        parts = (
            part if part is None else part[index].to(device) for part in (self.levels, self.mels, self.scores)
        )
        return Chunks(*parts)


def mel_loss(mels, chunks):
    """Return the mean squared error of Mels: CNN-mels."""
    return nn.functional.mse_loss(mels, chunks.mels)


def score_loss(scores, chunks):
    """Return the binary cross-entropy between scores in 0 … 1 and the classifier's: the baselines."""
    return nn.functional.binary_cross_entropy(scores, chunks.scores)


@dataclass(frozen=True)
class TaughtLoss:
    """The loss of a transcoder taught by a frozen classifier: CNN-logits, and the hybrid (SPEC section 5).

    (1 - p)·MSE + k·p·BCE with p = prop_logit / 100; BCE alone where p is 1. To the BCE, level_weight / k times
    the error of the levels may be added. The BCE is taken from logits, which is the same value as from scores
    but keeps its gradient where a score is saturated.
    """

    classifier: nn.Module
    prop_logit: float
    level_weight: float = 0.0
    autocast: Callable = contextlib.nullcontext  # the context of the precision that the classifier runs in

    def __call__(self, mels, chunks):
        """Return the loss of transcoded Mels [B, T, 64]."""
        with self.autocast():
            logits = self.classifier.network.logits(mels)
        taught = nn.functional.binary_cross_entropy_with_logits(logits.float(), chunks.scores)
        share = self.prop_logit / 100
        weight = LOGIT_WEIGHT[self.classifier.record.front_end.name]
        if self.level_weight:
            levels = nn.functional.mse_loss(mels.mean(1), chunks.mels.mean(1))
            taught = taught + self.level_weight / weight * levels
        if share == 1:
            return taught
        return (1 - share) * mel_loss(mels, chunks) + weight * share * taught


def make_fabric(accelerator="auto", devices=1, precision=None):
    """Return the Fabric of a training on one machine, which starts its processes itself, under SLURM too.

    Parameters
    ----------
    accelerator : str
        "cpu", "cuda", or "auto": CUDA where it is.
    devices : int
        GPUs, or processes on the CPU.
    precision : str, optional
        Fabric's; bf16 on GPUs and float32 on CPUs by default.

    Raises
    ------
    UsageError
        bf16 on a CPU without instructions for it.
    """
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cpu" and (precision or "").startswith("bf16") and not cpu_has_bf16():
        raise UsageError(
            f"precision {precision}: this processor has no instructions for bf16 (avx512_bf16 or amx_bf16) and "
            "would need 15 times as long as in float32: choose 32-true, or leave the precision out"
        )
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        precision=precision or ("bf16-mixed" if accelerator == "cuda" else "32-true"),
        # else Fabric expects a task of SLURM for each device in a job, and advises srun outside of one
        plugins=[LightningEnvironment()],
    )


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor computes in bf16; one whose flags no file tells is trusted to."""
    if not cpuinfo.is_file():
        return True
    flags = set(cpuinfo.read_text(encoding="utf-8").split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})  # the last is ARM's


def launch(fabric, run):
    """Call run(fabric) in each of the processes of a Fabric of several, and wait for their end."""
    fabric.launch(_run_and_leave, run)


def _run_and_leave(fabric, run):
    run(fabric)
    # a process that ends while its group's threads still live is now and then aborted
    fabric.barrier()
    torch.distributed.destroy_process_group()


def fit(network, loss_function, splits, recipe, state_path, origin=None, fabric=None, report=None):
    """Train a network, or go on with a run that was stopped.

    Parameters
    ----------
    network : nn.Module
        Takes levels [B, n, bands] and returns what `loss_function` takes. Changed in place; at the end it has
        the weights of the best validation loss.
    loss_function : callable
        (network's output, Chunks of the batch) -> scalar, a mean over the batch.
    splits : dict of str to Chunks
        "train", "valid", "eval".
    recipe : Recipe
        How to train.
    state_path : Path
        The run's state, written after each epoch; the caller removes it once the results are safe. A state of
        another recipe or origin is not gone on with.
    origin : dict, optional
        What else the run depends on, its dataset's fingerprint say: plain values.
    fabric : Fabric, optional
        Devices and precision, launched; one process on the CPU by default.
    report : callable, optional
        Called with the history after each epoch that this call trains, before its state is written.

    Returns
    -------
    dict of str to list of float
        The history: mean loss of each epoch by split.

    Raises
    ------
    DivergedError
        A loss is not a number. The network has the best weights until then, or those it came with.
    """
    fabric = fabric or make_fabric("cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    run_of = {"format": STATE_FORMAT, "recipe": asdict(recipe), "origin": origin or {}}
    state = run_of | {"history": {split: [] for split in SPLITS}, "best": copy_weights(network)}
    stopped = load_tensors(state_path) if Path(state_path).is_file() else {}
    if all(stopped.get(key) == value for key, value in run_of.items()):
        state = stopped
        network.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
    history, best = state["history"], state["best"]
    wrapped, optimizer = fabric.setup(network, optimizer)
    run = Run(fabric, wrapped, optimizer, loss_function, recipe, splits)
    for epoch in range(len(history["train"]), recipe.epochs):
        losses = run.epoch(epoch)
        if not all(map(math.isfinite, losses.values())):
            network.load_state_dict(best)
            told = ", ".join(f"{split} {loss:g}" for split, loss in losses.items())
            raise DivergedError(f"training diverged in epoch {epoch + 1} ({told}): lower the learning rate")
        for split, loss in losses.items():
            history[split].append(loss)
        if losses["valid"] == min(history["valid"]):
            best = copy_weights(network)
        if report:  # before the state: killed in between, the epoch is trained and told again
            report(history)
        if fabric.is_global_zero:
            weights = {"weights": copy_weights(network), "best": best, "optimizer": optimizer.state_dict()}
            write_tensors(state_path, state | weights)
    network.load_state_dict(best)
    return history


def copy_weights(network):
    """Return a copy of a network's weights on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


@dataclass
class Run:
    """What the epochs of a run share."""

    fabric: Fabric
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss_function: Callable
    recipe: Recipe
    splits: dict

    def epoch(self, epoch):
        """Train on every chunk once, then measure the other splits: mean losses by split."""
        losses = {"train": self.train(epoch)}
        return losses | {split: self.mean_loss(self.splits[split]) for split in SPLITS[1:]}

    def train(self, epoch):
        """Train on every chunk once, in an order that the seed and the epoch give; return the mean loss."""
        # the order is the same in every process; dropout has to differ between them
        seed = self.recipe.seed * EPOCH_SEEDS + epoch
        order = torch.randperm(len(self.splits["train"]), generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(seed * MOST_PROCESSES + self.fabric.global_rank)
        self.network.train()
        batches = order.split(self.recipe.batch_size)
        total = 0.0
        for index, batch in enumerate(self.bar(batches, f"epoch {epoch + 1}/{self.recipe.epochs}")):
            step = epoch * len(batches) + index
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate(step, self.recipe.epochs * len(batches))
            total = total + self.train_batch(batch)
        return float(self.fabric.all_reduce(total, reduce_op="sum")) / len(order)

    def train_batch(self, batch):
        """Take one step; return the sum of this process's losses over its chunks, on the device."""
        own = batch[self.fabric.global_rank :: self.fabric.world_size]
        self.optimizer.zero_grad()
        loss = self.batch_loss(self.splits["train"], own)
        # gradients are averaged over processes: weighted so, that is the mean over the whole batch
        self.fabric.backward(loss * (len(own) * self.fabric.world_size / len(batch)))
        if self.recipe.clip_norm:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.recipe.clip_norm)
        self.optimizer.step()
        return loss.detach().double() * len(own)

    @torch.no_grad()
    def mean_loss(self, chunks):
        """Return the mean loss over the chunks of a split, in evaluation mode (SPEC defect 2)."""
        self.network.eval()
        total = torch.zeros((), dtype=torch.float64, device=self.fabric.device)
        own = torch.arange(self.fabric.global_rank, len(chunks), self.fabric.world_size)
        for batch in own.split(self.recipe.batch_size):
            total += self.batch_loss(chunks, batch).double() * len(batch)
        return float(self.fabric.all_reduce(total, reduce_op="sum")) / len(chunks)

    def batch_loss(self, chunks, index):
        """Return the mean loss over the chunks at `index`; zero, with its gradients, where there are none."""
        taken = chunks.take(index, self.fabric.device)
        output = self.network(taken.levels)
        return self.loss_function(output, taken) if len(index) else output.sum()

    def bar(self, batches, description):
        """Return the batches behind a progress bar: on a terminal, in the first process."""
        shown = None if self.fabric.is_global_zero else True
        return tqdm(batches, desc=description, unit="batch", leave=False, disable=shown)

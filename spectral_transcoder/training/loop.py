"""Training: from chunks of third octaves to the weights with the best validation loss (docs/method.md, section 5).

A run writes its whole state after every epoch, atomically. The order of the batches and every random number
of an epoch follow from the seed and the epoch's number alone, so a run that was killed goes on from its last
epoch and, on a CPU, ends with the very weights of an undisturbed one.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn
from tqdm import tqdm

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.models.checkpoints import load_tensors, write_tensors
from spectral_transcoder.training.losses import Chunks
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError

STATE_FORMAT = "spectral_transcoder training state 1"
# what recipes of earlier versions did not know, all of which had none of it
UNKNOWN_ONCE = {"weight_decay": 0.0, "prop_embedding": 0.0, "prop_first": 0.0, "average_steps": 0}
EPOCH_SEEDS, MOST_PROCESSES = 100_000, 4096  # every (seed, epoch, process) has random numbers of its own

LossFunction: TypeAlias = Callable[[torch.Tensor, Chunks], torch.Tensor]
History: TypeAlias = dict[str, list[float]]  # mean loss of each epoch by split


class DivergedError(SpectralTranscoderError):
    """A loss that is not a number; the last good weights are kept."""


def make_fabric(accelerator: str = "auto", devices: int = 1, precision: str | None = None) -> Fabric:
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
        # Fabric itself refuses a name that it does not know
        precision=precision or ("bf16-mixed" if accelerator == "cuda" else "32-true"),  # type: ignore[arg-type]
        # else Fabric expects a task of SLURM for each device in a job, and advises srun outside of one
        plugins=[LightningEnvironment()],
    )


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor computes in bf16; one whose flags no file lists is trusted to."""
    if not cpuinfo.is_file():
        return True
    flags = set(cpuinfo.read_text(encoding="utf-8").split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})  # the last is ARM's


def launch(fabric: Fabric, run: Callable[[Fabric], None]) -> None:
    """Call run(fabric) in each of the processes of a Fabric of several, and wait for their end."""
    fabric.launch(partial(_run_and_leave, run=run))


def _run_and_leave(fabric: Fabric, run: Callable[[Fabric], None]) -> None:
    run(fabric)
    # a process that ends while its group's threads still live is now and then aborted
    fabric.barrier()
    torch.distributed.destroy_process_group()


def fit(
    network: nn.Module,
    loss_function: LossFunction,
    splits: dict[str, Chunks],
    recipe: Recipe,
    state_path: Path,
    provenance: dict[str, Any] | None = None,
    fabric: Fabric | None = None,
    report: Callable[[History], None] | None = None,
) -> History:
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
        another recipe or provenance is not gone on with.
    provenance : dict, optional
        What else the run depends on, the hash of its dataset for instance: plain values.
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
    optimizer = make_optimizer(network, recipe)
    state = begin_or_resume(network, optimizer, recipe, provenance or {}, state_path)
    history, best = state["history"], state["best"]
    wrapped, optimizer = fabric.setup(network, optimizer)
    average = MovingAverage.of(network, recipe.average_steps, state.get("average"))
    run = TrainingRun(fabric, wrapped, optimizer, loss_function, recipe, splits, average)
    for epoch in range(len(history["train"]), recipe.epochs):
        losses = run.epoch(epoch)
        if not all(map(math.isfinite, losses.values())):
            network.load_state_dict(best)
            raise diverged(epoch, losses)
        for split, loss in losses.items():
            history[split].append(loss)
        if losses["valid"] == min(history["valid"]):
            best = average.copy() if average else copy_weights(network)
        if report:  # before the state: killed in between, the epoch is trained and reported again
            report(history)
        if fabric.is_global_zero:
            weights = {"weights": copy_weights(network), "best": best, "optimizer": optimizer.state_dict()}
            if average:
                weights["average"] = average.copy()
            write_tensors(state_path, state | weights)
    network.load_state_dict(best)
    return history


def begin_or_resume(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    provenance: dict[str, Any],
    state_path: Path,
) -> dict[str, Any]:
    """Return the state that a run begins with, or that it was stopped in: then network and optimizer have it."""
    run_of = {"format": STATE_FORMAT, "recipe": asdict(recipe), "provenance": provenance}
    stopped = load_training_state(state_path) if state_path.is_file() else {}
    if any(stopped.get(key) != value for key, value in run_of.items()):
        return run_of | {"history": {split: [] for split in SPLITS}, "best": copy_weights(network)}
    network.load_state_dict(stopped["weights"])
    optimizer.load_state_dict(stopped["optimizer"])
    return stopped


def diverged(epoch: int, losses: dict[str, float]) -> DivergedError:
    """Return the error that names the losses of an epoch."""
    values = ", ".join(f"{split} {loss:g}" for split, loss in losses.items())
    return DivergedError(f"training diverged in epoch {epoch + 1} ({values}): lower the learning rate")


def load_training_state(path: Path) -> dict[str, Any]:
    """Return the state of a stopped run; earlier versions called its `provenance` `origin`."""
    state = load_tensors(path)
    if "origin" in state:
        state["provenance"] = state.pop("origin")
    if isinstance(state.get("recipe"), dict):
        state["recipe"] = UNKNOWN_ONCE | state["recipe"]
    return state


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return Adam, as published; AdamW where the recipe has a weight decay."""
    if not recipe.weight_decay:
        return torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    return torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)


def copy_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of a network's weights on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


@dataclass
class MovingAverage:
    """A moving average of a network's weights over the steps of its training.

    Attributes
    ----------
    network : nn.Module
        Whose weights it averages.
    n_steps : int
        Steps that it reaches back: 1 - 1/n_steps of it is kept in each step; less in the first ones, so that it
        forgets what it began with.
    weights : dict of str to torch.Tensor
        The average, by the network's names, on its device. Counts, which have no mean, are the latest.
    """

    network: nn.Module
    n_steps: int
    weights: dict[str, torch.Tensor]

    @classmethod
    def of(
        cls, network: nn.Module, n_steps: int, weights: dict[str, torch.Tensor] | None
    ) -> "MovingAverage | None":
        """Return the average that begins with the network's weights, or goes on from others; None of no steps."""
        if not n_steps:
            return None
        own = {key: value.detach().clone() for key, value in network.state_dict().items()}
        given = weights or own
        return cls(network, n_steps, {key: given[key].to(value.device) for key, value in own.items()})

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        kept = min(1 - 1 / self.n_steps, (step + 1) / (step + 10))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - kept)
            else:
                self.weights[key].copy_(value)

    def copy(self) -> dict[str, torch.Tensor]:
        """Return a copy of the average on the CPU."""
        return {key: value.cpu().clone() for key, value in self.weights.items()}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the average instead of its own weights."""
        own = copy_weights(self.network)
        self.network.load_state_dict(self.weights)
        try:
            yield
        finally:
            self.network.load_state_dict(own)


@dataclass
class TrainingRun:
    """What the epochs of a run share."""

    fabric: Fabric
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss_function: LossFunction
    recipe: Recipe
    splits: dict[str, Chunks]
    average: MovingAverage | None = None

    def epoch(self, epoch: int) -> dict[str, float]:
        """Train on every chunk once, then measure the other splits: mean losses by split."""
        losses = {"train": self.train(epoch)}
        with self.average.in_place() if self.average else contextlib.nullcontext():
            return losses | {split: self.mean_loss(self.splits[split]) for split in SPLITS[1:]}

    def train(self, epoch: int) -> float:
        """Train on every chunk once, in an order that the seed and the epoch give; return the mean loss."""
        # the order is the same in every process; dropout has to differ between them
        seed = self.recipe.seed * EPOCH_SEEDS + epoch
        order = torch.randperm(len(self.splits["train"]), generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(seed * MOST_PROCESSES + self.fabric.global_rank)
        self.network.train()
        batches = order.split(self.recipe.batch_size)
        total = torch.zeros((), dtype=torch.float64, device=self.fabric.device)
        for index, batch in enumerate(self.bar(batches, f"epoch {epoch + 1}/{self.recipe.epochs}")):
            step = epoch * len(batches) + index
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate(step, self.recipe.epochs * len(batches))
            total += self.train_batch(batch)
            if self.average:
                self.average.update(step)
        return self.sum_over_processes(total) / len(order)

    def train_batch(self, batch: torch.Tensor) -> torch.Tensor:
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
    def mean_loss(self, chunks: Chunks) -> float:
        """Return the mean loss over the chunks of a split, in evaluation mode (docs/method.md, section 9, defect 2)."""
        self.network.eval()
        total = torch.zeros((), dtype=torch.float64, device=self.fabric.device)
        own = torch.arange(self.fabric.global_rank, len(chunks), self.fabric.world_size)
        for batch in own.split(self.recipe.batch_size):
            total += self.batch_loss(chunks, batch).double() * len(batch)
        return self.sum_over_processes(total) / len(chunks)

    def sum_over_processes(self, value: torch.Tensor) -> float:
        """Return the sum of a number over the processes of the run."""
        total = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(total, torch.Tensor)
        return float(total)

    def batch_loss(self, chunks: Chunks, index: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over the chunks at `index`; zero, with its gradients, where there are none."""
        taken = chunks.take(index, self.fabric.device)
        output = self.network(taken.levels)
        return self.loss_function(output, taken) if len(index) else output.sum()

    def bar(self, batches: Sequence[torch.Tensor], description: str) -> Iterable[torch.Tensor]:
        """Return the batches behind a progress bar: on a terminal, in the first process."""
        shown = None if self.fabric.is_global_zero else True
        return tqdm(batches, desc=description, unit="batch", leave=False, disable=shown)

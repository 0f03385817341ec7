"""Training on small networks: resumption to the bit, best weights, divergence, several processes."""

import contextlib
import io
import re
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.models.checkpoints import write_tensors
from spectral_transcoder.training import loop
from spectral_transcoder.training.loop import DivergedError, fit, launch, make_fabric
from spectral_transcoder.training.losses import Chunks, mel_loss
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import UsageError

torch.set_num_threads(1)


class Student(nn.Module):
    """Levels (B, 8, 29) to Mels (B, 4, 64), with dropout, so that random numbers matter."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(8 * 29, 4 * 64))

    def forward(self, levels):
        return self.layers(levels).unflatten(1, (4, 64))


def make_splits(n_train=50):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(8 * 29, 4 * 64, generator=generator) / 15
    splits = {}
    for split, n_chunks in zip(SPLITS, (n_train, 20, 21), strict=True):
        levels = torch.randn(n_chunks, 8, 29, generator=generator)
        splits[split] = Chunks(levels, (levels.flatten(1) @ weights).unflatten(1, (4, 64)))
    return splits


def train(path, recipe, report=None, network=None, splits=None, loss=mel_loss):
    torch.manual_seed(recipe.seed)
    network = network or Student()
    history = fit(network, loss, splits or make_splits(), recipe, path, report=report)
    return network, history


RECIPE = Recipe(epochs=5, learning_rate=1e-2, batch_size=16)


class Killed(Exception):
    """Stands for a kill -9."""


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize("place", ["before the report", "after the report", "after the state"])
@pytest.mark.parametrize("average_steps", [0, 10])
def test_a_stopped_run_ends_with_the_weights_of_an_undisturbed_one(
    tmp_path, monkeypatch, after, place, average_steps
):
    recipe = replace(RECIPE, average_steps=average_steps)
    whole, expected = train(tmp_path / "whole", recipe)
    message, left = [], after

    def report(history):
        if place == "before the report" and len(history["train"]) == after:
            raise Killed
        message.append(len(history["train"]))

    def write(path, content):
        nonlocal left
        left -= 1
        if place == "after the report" and not left:
            raise Killed
        write_tensors(path, content)
        if place == "after the state" and not left:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop, "write_tensors", write)
        train(tmp_path / "stopped", recipe, report=report)
    resumed, history = train(
        tmp_path / "stopped", recipe, report=lambda history: message.append(len(history["train"]))
    )
    assert history == expected
    assert sorted(set(message)) == [1, 2, 3, 4, 5]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("average_steps", [0, 10])
def test_losses_fall_and_the_best_validation_weights_are_kept(tmp_path, average_steps):
    splits = make_splits()
    recipe = Recipe(epochs=30, learning_rate=1e-2, batch_size=16, average_steps=average_steps)
    network, history = train(tmp_path / "state", recipe, splits=splits)
    assert history["train"][-1] < 0.5 * history["train"][0]
    network.eval()
    valid = mel_loss(network(splits["valid"].levels), splits["valid"]).item()
    assert valid == pytest.approx(min(history["valid"]), rel=1e-5)


def test_the_moving_average_is_that_of_the_weights_after_each_step():
    """Against its sum written out: the shares of past weights are products of what each step kept."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100.0)
    average = loop.MovingAverage.of(network, 2, None)
    values, kept = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0], []
    for step, value in enumerate(values):
        nn.init.constant_(network.weight, value)
        average.update(step)
        kept.append(min(0.5, (step + 1) / (step + 10)))
    shares = [(1 - kept[step]) * np.prod(kept[step + 1 :]) for step in range(len(values))]
    expected = np.prod(kept) * 100 + np.dot(shares, values)
    assert average.weights["weight"].item() == pytest.approx(expected)
    with average.in_place():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == values[-1]
    assert loop.MovingAverage.of(network, 0, None) is None


class Terminal(io.StringIO):
    """Keeps what a terminal shows."""

    def isatty(self):
        return True


def epochs_beside_bars(monkeypatch, path, recipe, report=None):
    """Train; return which epochs stood beside the progress bars on a terminal."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with contextlib.suppress(Killed):
        train(path, recipe, report=report)
    return list(dict.fromkeys(re.findall(r"epoch \d+/\d+", terminal.getvalue())))


def test_the_epoch_stands_beside_its_bar(tmp_path, monkeypatch):
    """Counted from 1, and on from where a run was stopped."""
    recipe = replace(RECIPE, epochs=3)

    def stop_after_two(history):
        if len(history["train"]) == 2:
            raise Killed

    assert epochs_beside_bars(monkeypatch, tmp_path / "state", recipe, stop_after_two) == [
        "epoch 1/3",
        "epoch 2/3",
    ]
    assert epochs_beside_bars(monkeypatch, tmp_path / "state", recipe) == ["epoch 2/3", "epoch 3/3"]


def test_two_seeds_differ_and_one_seed_does_not(tmp_path):
    first, again, other = (
        train(tmp_path / name, Recipe(epochs=1, learning_rate=1e-2, seed=seed))[1]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again
    assert first["train"] != other["train"]


def test_divergence_stops_with_the_last_good_weights(tmp_path):
    splits, epochs_seen = make_splits(), []

    def broken_after_two_epochs(mels, chunks):
        loss = mel_loss(mels, chunks)
        return loss * float("nan") if len(epochs_seen) >= 2 else loss

    network = Student()
    with pytest.raises(DivergedError, match="epoch 3"):
        train(tmp_path / "state", RECIPE, epochs_seen.append, network, splits, broken_after_two_epochs)
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    network.eval()
    assert mel_loss(network(splits["valid"].levels), splits["valid"]).isfinite()


def test_the_state_of_another_run_is_not_gone_on_with(tmp_path):
    _, expected = train(tmp_path / "fresh", RECIPE)
    train(tmp_path / "state", Recipe(epochs=2, learning_rate=1e-3, batch_size=16))
    assert train(tmp_path / "state", RECIPE)[1] == expected
    network = Student()
    torch.manual_seed(0)
    history = fit(
        network, mel_loss, make_splits(), RECIPE, tmp_path / "state", provenance={"dataset": "another"}
    )
    assert len(history["train"]) == RECIPE.epochs
    again = fit(
        Student(), mel_loss, make_splits(), RECIPE, tmp_path / "state", provenance={"dataset": "another"}
    )
    assert again == history


@pytest.mark.parametrize(
    "unknown",
    [("average_steps", "prop_first"), ("average_steps", "prop_first", "prop_embedding", "weight_decay")],
)
def test_what_an_earlier_version_stopped_goes_on(tmp_path, unknown):
    """Its recipe lacks what is new since, which was nought."""
    recipe = {name: value for name, value in asdict(RECIPE).items() if name not in unknown}
    write_tensors(tmp_path / "state", {"recipe": recipe, "provenance": {}})
    assert loop.load_training_state(tmp_path / "state")["recipe"] == asdict(RECIPE)


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_gradients_are_no_longer_than_the_recipe_allows(tmp_path, monkeypatch, clip_norm):
    norms, step = [], torch.optim.Adam.step

    def watched(optimizer, closure=None):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        norms.append(torch.cat([p.grad.flatten() for p in parameters]).norm().item())
        return step(optimizer, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    recipe = Recipe(epochs=1, learning_rate=1e-3, batch_size=16, clip_norm=clip_norm)
    train(tmp_path / "state", recipe, loss=lambda mels, chunks: 1000 * mel_loss(mels, chunks))
    assert len(norms) == 4
    assert norms == pytest.approx([1.0] * 4, rel=1e-3) if clip_norm else min(norms) > 10


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx2 avx512f avx512_bf16", True),
        ("amx_tile amx_bf16", True),
        ("fp asimd bf16", True),
        ("avx2 avx512f", False),
    ],
)
def test_bf16_is_refused_where_the_processor_lacks_it(tmp_path, monkeypatch, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    assert loop.cpu_has_bf16(cpuinfo) == expected
    assert loop.cpu_has_bf16(tmp_path / "none")
    monkeypatch.setattr(loop, "cpu_has_bf16", lambda: expected)
    assert make_fabric("cpu", precision="32-true")
    if expected:
        make_fabric("cpu", precision="bf16-mixed")
    else:
        with pytest.raises(UsageError, match=r"bf16-mixed: this processor has no instructions .* 32-true"):
            make_fabric("cpu", precision="bf16-mixed")


def test_every_chunk_is_seen_once_an_epoch(tmp_path):
    seen = []

    def loss(mels, chunks):
        seen.append(len(mels))
        return mel_loss(mels, chunks)

    train(tmp_path / "state", Recipe(3, 1e-3), loss=loss)
    assert sum(seen) == 3 * (50 + 20 + 21)


def run_in_process(fabric, path, recipe, out):
    """Train in one of the processes of a Fabric, without dropout; the first one saves its history."""
    torch.manual_seed(recipe.seed)
    network = Student()
    network.layers[1].p = 0.0
    history = fit(network, mel_loss, make_splits(n_train=53), recipe, path, fabric=fabric)
    if fabric.is_global_zero:
        torch.save(history, out)


@pytest.mark.parametrize("in_a_job", [False, True])
def test_two_processes_give_the_losses_of_one(tmp_path, monkeypatch, in_a_job):
    if in_a_job:  # of one task, as SLURM tells it
        for variable, value in {
            "NTASKS": 1,
            "NTASKS_PER_NODE": 1,
            "PROCID": 0,
            "LOCALID": 0,
            "NODEID": 0,
        }.items():
            monkeypatch.setenv(f"SLURM_{variable}", str(value))
    recipe = Recipe(epochs=3, learning_rate=1e-2, batch_size=16)
    histories = []
    for devices in (1, 2):
        fabric = make_fabric("cpu", devices)
        out = tmp_path / f"{devices}.pt"
        if devices == 1:
            run_in_process(fabric, tmp_path / "state1", recipe, out)
        else:
            launch(fabric, partial(run_in_process, path=tmp_path / "state2", recipe=recipe, out=out))
        histories.append(torch.load(out, weights_only=True))
    one, two = histories
    for split in SPLITS:
        assert two[split] == pytest.approx(one[split], rel=1e-5)

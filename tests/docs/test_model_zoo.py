"""The model zoo's numbers of weights and of multiplications are those of the networks."""

import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.models.transcoders import NETWORKS, Transcoder, TranscoderSettings
from tests.helpers.pages import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "model_zoo.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
SIZES = {"kernel_size": 5, "nb_layers": 5, "dilation": 1}


def number(text):
    return float(text.replace(",", ""))


def megamacs(network, example):
    """Return the millions of multiplications that a network does for an example."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(example)
    return counter.get_total_flops() / 2e6


def n_weights(network):
    return sum(weights.numel() for weights in network.parameters())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name):
    (row,) = (row for row in ROWS if row[0].split("`")[1] == name)
    record = CLASSIFIERS[name]
    network = record.build()
    assert n_weights(network) == number(row[1])
    mels = torch.zeros(1, record.front_end.chunk_frames, record.front_end.n_mels)
    assert megamacs(network, mels) == pytest.approx(number(row[2]), abs=0.06)
    assert record.n_labels == number(row[3])


@pytest.mark.parametrize(
    ("row", "channels"),
    [
        (row, int(match[1]) if (match := re.search(r"(\d+) channels", row[0])) else None)
        for row in ROWS
        if row[0].startswith(("`pinv", "`cnn_")) and len(row) == 4
    ],
)
def test_transcoders(row, channels):
    sizes = {**SIZES, "nb_channels": channels} if channels else {}
    name = row[0].split("`")[1]
    sizes = {size: value for size, value in sizes.items() if size in NETWORKS[name]}
    weights = (row[2].split("/") * 2)[:2]  # the same for both, or each its own
    for front_end, number_of, megas in zip(("YamNet", "PANN"), weights, row[3].split("/"), strict=True):
        network = Transcoder(TranscoderSettings(name, front_end, options=sizes))
        assert n_weights(network) == number(number_of)
        assert megamacs(network, torch.zeros(1, 8, 29)) == pytest.approx(number(megas), abs=0.06)

"""Levels of a made street, and files of them as each network's owner documents its format."""

import csv

import h5py
import numpy as np
import torch
from torch import nn

from spectral_transcoder.sensors.levels import NOMINAL_HZ

START_S = 1577836800.0  # 2020-01-01T00:00:00Z


def street_levels(n_frames, seed=0):
    """(n_frames, 29) float32 levels in dB SPL, to a hundredth."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(60, 35, 29) + 6 * np.sin(np.arange(n_frames) / 40)[:, None]
    return np.round(slope + rng.normal(0, 2, (n_frames, 29)), 2).astype(np.float32)


def write_csv(path, levels, epochs, names=NOMINAL_HZ, extra=(), shuffle=False, delimiter=","):
    """Write a csv with a column epoch, one for each name, and `extra` (name, value) columns."""
    columns = [("epoch", [repr(float(epoch)) for epoch in epochs])]
    columns += [(name, [value] * len(levels)) for name, value in extra]
    columns += [(name, [repr(float(value)) for value in levels[:, i]]) for i, name in enumerate(names)]
    if shuffle:
        np.random.default_rng(1).shuffle(columns)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow([name for name, _ in columns])
        writer.writerows(zip(*(values for _, values in columns), strict=True))
    return path


def csv_lines(folder, levels, epochs):
    """Return the lines of a csv, the head first, as bytes with their ends."""
    return write_csv(folder / "rows.csv", levels, epochs).read_bytes().splitlines(keepends=True)


def write_cense_hdf5(path, days):
    """Write {(year_month, day): (epochs in s, levels)} as CENSE does: epoch in ms, 29 bands, leq, laeq."""
    with h5py.File(path, "w") as file:
        for (month, day), (epochs, levels) in days.items():
            rows = np.column_stack([np.asarray(epochs) * 1000, levels, np.full((len(levels), 2), 60.0)])
            file.create_dataset(f"{month}/{day}/fast_125ms", data=rows)
    return path


def epochs_s(n_frames, start_s=START_S):
    return start_s + 0.125 * np.arange(n_frames)


class BandPatterns(nn.Module):
    """A small made classifier: fixed random patterns of Mels, so that scores differ and run fast."""

    def __init__(self, n_labels):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.patterns = nn.Parameter(torch.randn(64, n_labels, generator=generator) / 30)

    def forward(self, mels):
        return (mels.mean(1) @ self.patterns).sigmoid()

"""Distillation: a small classifier learns to answer as a large one does (Hinton, Vinyals, Dean, 2015).

The large one, the teacher, scores seconds of sounds, alone and two at a time at random levels, and the small
one is trained on its scores, all labels at once. Nobody has to label anything, so any sounds serve.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from spectral_transcoder.evaluation import transcoding_metrics
from spectral_transcoder.models.classifiers import Classifier
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.signal.sound_files import SoundFiles, find_sounds
from spectral_transcoder.training.losses import Chunks
from spectral_transcoder.utils.cli import print_notes
from spectral_transcoder.utils.errors import AudioError, MissingFileError

MIXED = 0.5  # share of the seconds to which another sound is added
QUIETEST_DB = -20.0  # of the sound that is added, and of a second's peak: streets are not always loud
SECONDS_PER_BLOCK = 256


def read_sounds(
    folders: Iterable[str | Path], sr: int, reading: Reading = AS_USUAL
) -> tuple[dict[Path, np.ndarray], list[str]]:
    """Read all sounds below some folders at `sr` Hz, their peaks at 1.

    Returns
    -------
    sounds : dict of Path to np.ndarray
        (n_samples,) float32 by path, in order.
    unreadable : list of str
        What was wrong with the others.

    Raises
    ------
    MissingFileError
        No such folder, or no sound in it.
    """
    sounds: dict[Path, np.ndarray] = {}
    unreadable: list[str] = []
    for folder in map(Path, folders):
        found = find_sounds(folder) if folder.is_dir() else SoundFiles(())
        if not found.files:
            raise MissingFileError(f"no sound in {folder}: expected a folder of recordings")
        unreadable += found.left_out.values()
        for name in tqdm(found.files, desc=f"reading {folder.name}", unit="sound", leave=False, disable=None):
            try:
                recording = read_audio(folder / name, reading)
            except AudioError as error:
                unreadable.append(str(error))
                continue
            print_notes(recording.remarks)
            sounds[folder / name] = recording.at(sr)
    return sounds, unreadable


def sounds_digest(sounds: Iterable[np.ndarray]) -> str:
    """Return the sha256 of the samples of sounds, (n_samples,) float32 each, in their order."""
    digest = hashlib.sha256()
    for sound in sounds:
        digest.update(len(sound).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(sound).tobytes())
    return digest.hexdigest()


def scored_seconds(
    sounds: Sequence[np.ndarray], teacher: Classifier, n_seconds: int, rng: np.random.Generator
) -> Chunks:
    """Return seconds drawn from sounds and mixed, with the teacher's scores.

    Parameters
    ----------
    sounds : list of np.ndarray
        At the rate of the teacher's front end.
    teacher : Classifier
        The classifier that scores the seconds.
    n_seconds : int
        How many.
    rng : np.random.Generator
        Which seconds, and how they are mixed.

    Returns
    -------
    Chunks
        Mels (n, T, 64) in the place of the levels, since they are what a classifier takes, and scores.
    """
    front_end = teacher.record.front_end
    mels, scores = [], []
    for start in tqdm(range(0, n_seconds, SECONDS_PER_BLOCK), desc="teacher", unit="block", disable=None):
        n_block = min(SECONDS_PER_BLOCK, n_seconds - start)
        block = np.stack([mixed_second(sounds, front_end.sr, rng) for _ in range(n_block)])
        mels.append(torch.tensor(front_end.chunks(block)[:, 0]))
        scores.append(teacher.scores(mels[-1]))
    return Chunks(torch.cat(mels), scores=torch.cat(scores))


def scored_splits(
    sounds: Sequence[np.ndarray], teacher: Classifier, n_seconds: int, held_out: int, seed: int
) -> dict[str, Chunks]:
    """Return {split: seconds with the teacher's scores}; the sounds of validation are none of those of training.

    Parameters
    ----------
    sounds : list of np.ndarray
        Two or more, at the rate of the teacher's front end.
    teacher : Classifier
        The classifier whose scores are learned.
    n_seconds : int
        Seconds of the training split.
    held_out : int
        Every so many-th sound is for validation, with a second for as many training seconds.
    seed : int
        Seed of the split and of the seconds.
    """
    rng = np.random.default_rng(seed)
    # seconds of one sound are alike
    order = rng.permutation(len(sounds))
    parts = {"valid": order[::held_out], "train": np.delete(order, slice(None, None, held_out))}
    sizes = {"valid": n_seconds // held_out, "train": n_seconds}
    splits = {
        split: scored_seconds([sounds[index] for index in part], teacher, sizes[split], rng)
        for split, part in parts.items()
    }
    return splits | {"eval": splits["valid"]}


def mixed_second(sounds: Sequence[np.ndarray], sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a second drawn from sounds: (sr,) float32, its peak at a random level; silence stays silent."""
    second = random_second(sounds, sr, rng)
    if rng.random() < MIXED:
        second = second + random_gain(rng) * random_second(sounds, sr, rng)
    peak = np.abs(second).max()
    return (second * (random_gain(rng) / peak) if peak else second).astype(np.float32)


def random_second(sounds: Sequence[np.ndarray], sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a second at a random place of a random sound, continued with silence where it is shorter."""
    sound = sounds[int(rng.integers(len(sounds)))]
    start = rng.integers(max(1, len(sound) - sr + 1))
    second = sound[start : start + sr]
    return np.pad(second, (0, sr - len(second)))


def random_gain(rng: np.random.Generator) -> float:
    """Return a factor between -20 dB and 0 dB, uniform in dB."""
    return 10 ** (rng.uniform(QUIETEST_DB, 0.0) / 20)


def agreement(teacher: Classifier, student: Classifier, sounds: Sequence[np.ndarray]) -> dict[str, float]:
    """Measure how well two classifiers of one front end agree on whole sounds, each cut into its seconds.

    Returns
    -------
    dict of str to float
        `top1`: share of the sounds of which both score the same label first (of the means over seconds);
        `top1_weighted`: the mean of that share over the teacher's first labels, so that rare ones count as much;
        `commonest`: `top1` if the student always answered with the teacher's commonest label; `bce`: mean binary
        cross-entropy of the student's scores of all seconds and labels; `floor`: that of the teacher's own, which is
        the least there is; `constant`: that of the teacher's mean scores on these very sounds.
    """
    front_end = teacher.record.front_end
    cut = front_end.classifier_input if front_end.patches else front_end.chunks
    chunks = [cut(sound) for sound in sounds]
    of_sound = np.repeat(np.arange(len(chunks)), [len(patches) for patches in chunks])
    mels = np.concatenate(chunks)
    expected, found = teacher.scores(mels), student.scores(mels)
    clips = transcoding_metrics.Clips(np.arange(len(chunks)), of_sound)
    first, hits = transcoding_metrics.top_hits(expected, found, clips)
    constant = np.broadcast_to(expected.mean(0), expected.shape)
    return {
        "sounds": len(chunks),
        "top1": float(hits.mean()),
        "top1_weighted": transcoding_metrics.weighted_share(first, hits),
        "commonest": float(np.bincount(first).max() / len(first)),
        "bce": cross_entropy(expected, found),
        "floor": cross_entropy(expected, expected),
        "constant": cross_entropy(expected, constant),
    }


def cross_entropy(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the mean binary cross-entropy of scores in 0 … 1."""
    given, wanted = (torch.tensor(np.array(scores), dtype=torch.float64) for scores in (found, expected))
    return float(torch.nn.functional.binary_cross_entropy(given, wanted))

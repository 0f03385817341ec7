"""A distillation from sounds to files: the student's weights, and beside them the card that says how it was made."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectral_transcoder.models.checkpoints import write_tensors
from spectral_transcoder.models.classifiers import Classifier, classifier_record, load_classifier
from spectral_transcoder.training.distillation import agreement, scored_splits, sounds_digest
from spectral_transcoder.training.loop import History, fit
from spectral_transcoder.training.losses import score_loss
from spectral_transcoder.training.recipe import HELD_OUT, Recipe
from spectral_transcoder.utils.errors import DatasetError, UsageError
from spectral_transcoder.utils.files import atomic_path, sha256


@dataclass(frozen=True)
class Distillation:
    """What a student is made with.

    Attributes
    ----------
    teacher, student : str
        Names of classifiers that share Mels and labels.
    weights : Path
        The teacher's file.
    n_seconds : int
        Seconds of sound to learn from.
    recipe : Recipe
        How to train.
    output : Path
        Where the student's weights go; the card and, until the end, the state of training lie beside them.
    """

    teacher: str
    student: str
    weights: Path
    n_seconds: int
    recipe: Recipe
    output: Path

    def __post_init__(self) -> None:
        student, teacher = classifier_record(self.student), classifier_record(self.teacher)
        if (student.front_end, student.n_labels) != (teacher.front_end, teacher.n_labels):
            raise UsageError(
                f"--teacher {self.teacher}: expected one with {student.front_end.name}'s Mels and labels"
            )

    @property
    def sr(self) -> int:
        """Sample rate of the sounds in Hz."""
        return classifier_record(self.teacher).front_end.sr

    @property
    def card_path(self) -> Path:
        """The file that says how the student was made."""
        return self.output.with_suffix(".json")


def make_student(
    distillation: Distillation,
    folders: Sequence[Path],
    sounds: Sequence[np.ndarray],
    held_out_folders: Sequence[Path],
    held_out: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Train a student, or go on with one, write its weights and its card, and return the card.

    Parameters
    ----------
    distillation : Distillation
        What it is made with.
    folders, held_out_folders : list of Path
        Where the sounds lie; their names go into the card.
    sounds, held_out : list of np.ndarray
        (n_samples,) float32 at `distillation.sr`: to learn from, and to measure on, which may be none.

    Raises
    ------
    DatasetError
        Fewer than two sounds to learn from.
    """
    if len(sounds) < 2:
        raise DatasetError(
            f"sounds that can be read in {', '.join(map(str, folders))}: {len(sounds)}; expected 2 or more, "
            "since those that validate are none of those that train"
        )
    teacher = load_classifier(distillation.teacher, distillation.weights)
    state_path = distillation.output.with_suffix(".training_state")
    student, card = train_student(distillation, teacher, sounds, state_path)
    card["folders"] = names_of(folders)
    if held_out:
        card["agreement"] = {**agreement(teacher, student, held_out), "folders": names_of(held_out_folders)}
    write_tensors(distillation.output, student.network.state_dict())
    with atomic_path(distillation.card_path) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    state_path.unlink()
    return card


def train_student(
    distillation: Distillation, teacher: Classifier, sounds: Sequence[np.ndarray], state_path: Path
) -> tuple[Classifier, dict[str, Any]]:
    """Return the trained student, and what it was made from and with."""
    recipe = distillation.recipe
    splits = scored_splits(sounds, teacher, distillation.n_seconds, HELD_OUT, recipe.seed)
    torch.manual_seed(recipe.seed)
    record = classifier_record(distillation.student)
    student = record.build()
    provenance = {
        "teacher": distillation.teacher,
        "teacher_sha256": sha256(distillation.weights),
        "seconds": distillation.n_seconds,
        "sounds": len(sounds),
        "sounds_sha256": sounds_digest(sounds),
    }
    history = fit(student, score_loss, splits, recipe, state_path, provenance, report=print_losses)
    card = {**provenance, "recipe": asdict(recipe), "best_valid_loss": min(history["valid"])}
    return Classifier(record, student), card


def names_of(folders: Iterable[Path]) -> list[str]:
    """Return the names of folders, without where they lie."""
    return [folder.name for folder in folders]


def print_losses(history: History) -> None:
    """Print the losses of the last epoch."""
    print(
        f"epoch {len(history['train'])}: train {history['train'][-1]:.5f}, valid {history['valid'][-1]:.5f}"
    )

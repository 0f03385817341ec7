"""Files of weights: read without executing anything, loaded only where they fit, and describing themselves."""

import dataclasses
import pickle
import platform
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import nn

import spectral_transcoder
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import CheckpointError, UsageError
from spectral_transcoder.utils.files import atomic_path

CHECKPOINT_FORMAT = "spectral_transcoder checkpoint 1"


class ModelSettings:
    """What records of settings share: they go into a checkpoint as plain values, and come back from there."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that a checkpoint or a JSON file can hold."""
        return dataclasses.asdict(cast(Any, self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the record from what `to_dict` gave; what is no such record raises CheckpointError."""
        try:
            return cls(**{**values, "third_octaves": ThirdOctaves(**values["third_octaves"])})
        except (TypeError, KeyError, UsageError) as error:
            raise CheckpointError(f"settings {values}: {error}") from error


def save_checkpoint(path: Path, model: Any) -> None:
    """Write a model that describes itself, atomically: settings, weights, training record, versions.

    `model` has `settings` with `to_dict()`, a `network`, and a `training_record` of plain values.
    """
    checkpoint = {
        "format": CHECKPOINT_FORMAT,
        "settings": model.settings.to_dict(),
        "training": model.training_record,
        "versions": {
            "spectral_transcoder": spectral_transcoder.__version__,
            "torch": str(torch.__version__),  # a class of torch's own, which a safe reader refuses
            "python": platform.python_version(),
        },
        "state_dict": model.network.state_dict(),
    }
    write_tensors(path, checkpoint)


def checkpoint_parts(content: dict[str, Any], path: Path, kind: str) -> tuple[Any, ...]:
    """Return settings, state dict and training record of what `save_checkpoint` wrote.

    Parameters
    ----------
    content : dict
        What the file holds.
    path : Path
        The file, for messages.
    kind : str
        The kind of model, for messages.

    Raises
    ------
    CheckpointError
        No such checkpoint, or a part of it is missing.
    """
    if content.get("format") != CHECKPOINT_FORMAT:
        article = "an" if kind[0] in "aeiou" else "a"
        raise CheckpointError(f"{path} is no checkpoint of {article} {kind}")
    parts = ("settings", "state_dict", "training")
    missing = [part for part in parts if part not in content]
    if missing:
        raise CheckpointError(f"{path} lacks what a checkpoint has: {', '.join(missing)}")
    return tuple(content[part] for part in parts)


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write a dict of tensors and plain values, atomically; equal content gives equal bytes."""
    # torch keeps the name of a path inside the file, and refuses some; it has none for an open file
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch closes its archive, and hides what the disk said
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def load_tensors(path: Path) -> dict[str, Any]:
    """Return the dict that a torch file holds, read without executing anything it may carry."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is damaged, or unsafe: it asks for other objects than tensors and plain values"
        ) from error
    except Exception as error:  # damaged bytes lead the unpickler into errors of any kind
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is damaged, or no file of weights: {reason}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}: expected a dict of weights")
    return content


def load_state(network: nn.Module, state_dict: Any, path: Path) -> None:
    """Load weights that have exactly the network's keys and shapes, else raise CheckpointError naming what differs."""
    if not isinstance(state_dict, dict) or not all(map(torch.is_tensor, state_dict.values())):
        raise CheckpointError(f"{path} holds no state dict: expected tensors by name")
    expected = network.state_dict()
    wrong = [f"{key} is missing" for key in expected.keys() - state_dict.keys()]
    wrong += [f"{key} is unexpected" for key in state_dict.keys() - expected.keys()]
    wrong += [
        f"{key} has shape {tuple(state_dict[key].shape)}, expected {tuple(expected[key].shape)}"
        for key in expected.keys() & state_dict.keys()
        if state_dict[key].shape != expected[key].shape
    ]
    if wrong:
        shown = "; ".join(sorted(wrong)[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise CheckpointError(f"{path} holds the weights of another network: {shown}")
    converted = {key: value.to(expected[key].dtype) for key, value in state_dict.items()}
    # a network on "meta" has no memory of its own: it takes the file's tensors, and nothing is copied
    network.load_state_dict(converted, assign=any(value.is_meta for value in expected.values()))

"""What third octaves and Mels share: signals as tensors, cut into seconds."""

from typing import Any, TypeVar, cast

import numpy as np
import torch

from spectral_transcoder.utils.errors import UsageError

Array = TypeVar("Array", np.ndarray, torch.Tensor)  # what is given as one comes back as the same


def as_given(tensor: torch.Tensor, given: Array) -> Array:
    """Return a tensor in the form of what was given: a numpy array or a tensor."""
    return cast(Any, tensor.numpy() if isinstance(given, np.ndarray) else tensor)


def as_real_tensor(signal: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return a floating-point tensor of a numpy array or tensor of (..., n ≥ 1) samples, on its own device."""
    if isinstance(signal, np.ndarray):
        signal = np.ascontiguousarray(signal) if signal.ndim else signal  # torch takes no reversed views
    tensor = torch.as_tensor(signal)
    if tensor.dim() == 0 or tensor.shape[-1] == 0:
        raise UsageError(
            f"a signal of shape {tuple(tensor.shape)}: expected at least one sample on the last axis"
        )
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def n_seconds(n_samples: int, sr: int) -> int:
    """Return how many seconds `n_samples` begin: a last one may be incomplete."""
    return -(-n_samples // sr)


def split_seconds(signal: torch.Tensor, sr: int) -> torch.Tensor:
    """Cut a tensor (..., n) into its seconds, the last one zero-padded: (..., n_seconds, sr)."""
    seconds = n_seconds(signal.shape[-1], sr)
    padded = torch.nn.functional.pad(signal, (0, seconds * sr - signal.shape[-1]))
    return padded.unflatten(-1, (seconds, sr))

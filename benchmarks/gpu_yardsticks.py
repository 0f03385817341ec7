"""What a device can do at most, as measured in the same run: products of matrices, and copies."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROUNDS = 10
COPIED_SHARE = 8  # the copied tensor is that many times a matrix of the product


@dataclass(frozen=True)
class Yardsticks:
    """The device's peaks.

    Attributes
    ----------
    float32_flop_per_s, bf16_flop_per_s : float
        Speed of one large product of matrices; float32 with TF32 where the device has it, as convolutions use it.
    bytes_per_s : float
        Read and written by one large copy.
    """

    float32_flop_per_s: float
    bf16_flop_per_s: float
    bytes_per_s: float

    def flop_per_s(self, precision: str) -> float:
        """Return the peak of a precision, float32 or bf16."""
        return {"float32": self.float32_flop_per_s, "bf16": self.bf16_flop_per_s}[precision]

    def describe(self) -> str:
        """Return the peaks in one line."""
        return (
            f"{self.float32_flop_per_s / 1e12:.2f} Tflop/s in float32, {self.bf16_flop_per_s / 1e12:.2f} in bf16, "
            f"{self.bytes_per_s / 1e9:.0f} GB/s"
        )


def measure_yardsticks(device: torch.device, size: int) -> Yardsticks:
    """Measure the peaks of a device with square matrices of `size` rows."""
    matrix = torch.randn(size, size, device=device)
    short = matrix.bfloat16()
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        float32_s, bf16_s = (fastest_s(partial(torch.matmul, m, m), device) for m in (matrix, short))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
    source = matrix.repeat(COPIED_SHARE, 1)
    target = torch.empty_like(source)
    copy_s = fastest_s(lambda: target.copy_(source), device)
    return Yardsticks(2 * size**3 / float32_s, 2 * size**3 / bf16_s, 2 * source.nbytes / copy_s)


def fastest_s(function: Callable[[], Any], device: torch.device) -> float:
    """Return the shortest duration in seconds of some calls, after one that is not measured."""
    durations = []
    for _ in range(ROUNDS + 1):
        synchronize(device)
        start = time.perf_counter()
        function()
        synchronize(device)
        durations.append(time.perf_counter() - start)
    return min(durations[1:])


def synchronize(device: torch.device) -> None:
    """Wait for what was issued to a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write while it is active; views cost nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count the tensors that go in and come out."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
            self.n_bytes += sum(tensor.nbytes for tensor in tensors)
        return result

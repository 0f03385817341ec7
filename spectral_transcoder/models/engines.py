"""What runs a classifier that only infers: torch, or on a CPU onnxruntime, which is several times as fast.

    Mels [n, T, n_mels] ──onnxruntime, one after the other──▶ embeddings [n, C] ──head, torch, all together──▶ logits

The convolutions of one input stay in a core's cache; the head's large matrices serve many inputs at once. A session of
onnxruntime is built once from the torch module, without its weights leaving the memory. It takes about a second, so
that it pays from some hundred inputs on.
"""

import importlib.util
import io
import warnings
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from spectral_transcoder.utils.cli import ENGINES
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.memory import give_back_freed_memory

PAYS_FROM = 500  # inputs of a second: torch would take longer for so many by what a session takes to build
OPSET = 17
INPUTS_PER_RUN = 1  # of the engine: activations of one second stay in a core's cache
HEAD_INPUTS = 1024  # of torch behind the engine, which reads the head's matrices once for so many


def choose_engine(engine: str, n_inputs: float, device: str | torch.device = "cpu") -> str:
    """Return the engine that is meant: torch or onnxruntime.

    Parameters
    ----------
    engine : str
        One of `ENGINES`; "auto" is onnxruntime where it is installed and pays.
    n_inputs : float
        How many seconds of Mels are to be classified, at least about.
    device : str or torch.device
        The device on which torch would compute.

    Raises
    ------
    UsageError
        An unknown engine; onnxruntime on another device than the CPU, or where it is not installed.
    """
    on_cpu = torch.device(device).type == "cpu"
    installed = all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime"))
    if engine not in ENGINES:
        raise UsageError(f"engine {engine!r}: expected one of {', '.join(ENGINES)}")
    if engine == "onnxruntime" and not (on_cpu and installed):
        raise UsageError(
            f"engine onnxruntime on {device}: expected the device cpu, and the packages onnx and onnxruntime"
        )
    if engine == "auto":
        return "onnxruntime" if on_cpu and installed and n_inputs >= PAYS_FROM else "torch"
    return engine


def widened(network: Any) -> nn.Module:
    """Return a network of the same embedding that onnxruntime computes faster, where the network knows one."""
    return network.widened() if hasattr(network, "widened") else network


class EmbeddingNetwork(nn.Module):
    """What a classifier's network is up to its embedding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = widened(network)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Return embeddings [B, C] of log Mels [B, T, n_mels]."""
        return self.network.embedding(mels)


class OnnxEmbedding:
    """What a classifier's network is up to its embedding, in onnxruntime, on as many threads as torch has here.

    Parameters
    ----------
    network : nn.Module
        With weights, in evaluation mode, on the CPU.
    shape : tuple of int
        (T, n_mels) of an input.
    any_length : bool
        Whether T may be another.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int], any_length: bool) -> None:
        import onnxruntime  # takes 0.2 s

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads sleep
        self.session = onnxruntime.InferenceSession(
            exported(EmbeddingNetwork(network), shape, any_length),
            options,
            providers=["CPUExecutionProvider"],
        )
        give_back_freed_memory()  # what exporting the network took, 35 to 50 MB

    def __call__(self, mels: np.ndarray) -> np.ndarray:
        """Return embeddings (n, C) of log Mels (n, T, n_mels) float32."""
        parts = [mels[start : start + INPUTS_PER_RUN] for start in range(0, len(mels), INPUTS_PER_RUN)]
        return np.concatenate([self.session.run(["embedding"], {"mels": part})[0] for part in parts])


def exported(network: nn.Module, shape: tuple[int, int], any_length: bool) -> bytes:
    """Return a network as the bytes of an ONNX model: `mels` in, `embedding` out."""
    file = io.BytesIO()
    axes = {"mels": {0: "batch"}, "embedding": {0: "batch"}}
    if any_length:
        axes["mels"][1] = "frames"
    # torch warns that this exporter is an old one, and that shapes become constants, which is what is wanted
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, *shape),),
            cast(Any, file),  # torch's types name paths only
            dynamo=False,
            opset_version=OPSET,
            input_names=["mels"],
            output_names=["embedding"],
            dynamic_axes=axes,
        )
    return file.getvalue()

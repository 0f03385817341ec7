"""What runs a classifier that only infers: torch, or on a CPU onnxruntime, which is several times as fast.

A session of onnxruntime is built once from the torch module, without its weights leaving the memory. It takes about
a second, so that it pays from some hundred inputs on.
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


class LogitsAndEmbedding(nn.Module):
    """A classifier's network with both of its outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, mels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [B, n_labels] and embeddings [B, C] of log Mels [B, T, n_mels]."""
        embedding = self.network.embedding(mels)
        return self.network.head(embedding), embedding


class OnnxNetwork:
    """A classifier's network in onnxruntime, on as many threads as torch has in this process.

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
            exported(LogitsAndEmbedding(network), shape, any_length),
            options,
            providers=["CPUExecutionProvider"],
        )
        give_back_freed_memory()  # what exporting the network took, 35 to 50 MB

    def __call__(self, mels: np.ndarray, output: str = "scores") -> np.ndarray:
        """Return "scores" (n, n_labels), or "embedding" (n, C), of log Mels (n, T, n_mels) float32.

        Scores are torch's sigmoid of the engine's logits: its own sigmoid gives 0 where scores are below some 1e-8,
        and a cross-entropy takes their logarithm.
        """
        asked = "logits" if output == "scores" else output
        parts = [mels[start : start + INPUTS_PER_RUN] for start in range(0, len(mels), INPUTS_PER_RUN)]
        values = np.concatenate([self.session.run([asked], {"mels": part})[0] for part in parts])
        return torch.from_numpy(values).sigmoid().numpy() if output == "scores" else values


def exported(network: nn.Module, shape: tuple[int, int], any_length: bool) -> bytes:
    """Return a network as the bytes of an ONNX model: `mels` in, `logits` and `embedding` out."""
    file = io.BytesIO()
    axes = {"mels": {0: "batch"}, "logits": {0: "batch"}, "embedding": {0: "batch"}}
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
            output_names=["logits", "embedding"],
            dynamic_axes=axes,
        )
    return file.getvalue()

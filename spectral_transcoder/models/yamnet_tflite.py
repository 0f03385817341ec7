"""Google's TFLite file of the mobile YAMNet, dequantised into the layout of `yamnet.pth` (docs/method.md, section 10).

The file's integer weights w stand for scale·(w - zero point), with a scale for each output channel. Batch
norm was folded into them, so in the torch layout it has nothing left to do but to add the bias.
"""

from pathlib import Path

import numpy as np
import tflite
import torch

from spectral_transcoder.models.checkpoints import write_tensors
from spectral_transcoder.models.yamnet import BN_EPS, SEPARABLE_LAYERS
from spectral_transcoder.utils.errors import CheckpointError

WEIGHTED_OPERATORS = (
    tflite.BuiltinOperator.CONV_2D,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
    tflite.BuiltinOperator.FULLY_CONNECTED,
)
STORED_TYPES = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}


def convert_yamnet_tflite(tflite_path: Path, checkpoint_path: Path) -> None:
    """Write the mobile YAMNet of a TFLite file as a torch checkpoint, atomically.

    Raises
    ------
    CheckpointError
        The file is not Google's `yamnet/classification/tflite/1`.
    """
    write_tensors(checkpoint_path, read_yamnet_tflite(tflite_path))


def read_yamnet_tflite(path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict of the mobile YAMNet held by a TFLite file."""
    try:
        model = tflite.Model.GetRootAsModel(Path(path).read_bytes(), 0)
        layers = [
            (dequantise(model, operator.Inputs(1)), dequantise(model, operator.Inputs(2)))
            for operator in quantised_operators(model)
        ]
    except Exception as error:  # damaged offsets lead the reader into errors of any kind
        raise CheckpointError(f"{path} cannot be read as the TFLite file of YAMNet: {error!r}") from error
    names = ["layer1.fused"]
    for index in range(2, len(SEPARABLE_LAYERS) + 2):
        names += [f"layer{index}.depthwise_conv", f"layer{index}.pointwise_conv"]
    if len(layers) != len(names) + 1:
        raise CheckpointError(f"{path}: {len(layers)} quantised layers, YAMNet has {len(names) + 1}")
    state_dict: dict[str, torch.Tensor] = {}
    for name, (weight, bias) in zip(names, layers, strict=False):
        # TFLite keeps (out, height, width, in), but (1, height, width, channels) where depthwise
        axes = (3, 0, 1, 2) if "depthwise" in name else (0, 3, 1, 2)
        state_dict |= folded_layer(name, weight.transpose(axes), bias)
    weight, bias = layers[-1]
    state_dict |= {"classifier.weight": torch.tensor(weight), "classifier.bias": torch.tensor(bias)}
    return state_dict


def quantised_operators(model: tflite.Model) -> list[tflite.Operator]:
    """Return the operators with integer weights, in the order in which they run."""
    graph = model.Subgraphs(0)
    operators = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind in WEIGHTED_OPERATORS and graph.Tensors(operator.Inputs(1)).Type() == tflite.TensorType.INT8:
            operators.append(operator)
    return operators


def dequantise(model: tflite.Model, tensor_index: int) -> np.ndarray:
    """Return a stored tensor as float32, in its own shape."""
    tensor = model.Subgraphs(0).Tensors(tensor_index)
    stored = model.Buffers(tensor.Buffer()).DataAsNumpy().view(STORED_TYPES[tensor.Type()])
    values = stored.reshape(tensor.ShapeAsNumpy()).astype(np.float64)
    quantisation = tensor.Quantization()
    shape = [1] * values.ndim
    shape[quantisation.QuantizedDimension()] = quantisation.ScaleLength()
    scale = quantisation.ScaleAsNumpy().astype(np.float64).reshape(shape)
    zero_point = quantisation.ZeroPointAsNumpy().reshape(shape)
    return ((values - zero_point) * scale).astype(np.float32)


def folded_layer(name: str, weight: np.ndarray, bias: np.ndarray) -> dict[str, torch.Tensor]:
    """Return a layer's entries of the state dict: its weight, and a batch norm that only adds the bias."""
    n_channels = len(bias)
    return {
        f"{name}.conv.weight": torch.tensor(weight),
        f"{name}.bn.weight": torch.full((n_channels,), (1 + BN_EPS) ** 0.5),
        f"{name}.bn.bias": torch.tensor(bias),
        f"{name}.bn.running_mean": torch.zeros(n_channels),
        f"{name}.bn.running_var": torch.ones(n_channels),
        f"{name}.bn.num_batches_tracked": torch.tensor(0),
    }

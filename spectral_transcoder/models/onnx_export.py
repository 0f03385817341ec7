"""Transcoders and classifiers as ONNX: one second of third-octave levels in, Mels or scores out.

What small boards next to a microphone run, without torch. The batch is free; everything else is fixed.
"""

import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

import spectral_transcoder
from spectral_transcoder.models.classifiers import Classifier
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import SpectralTranscoderError
from spectral_transcoder.utils.files import atomic_path

OPSET = 17
TOLERANCE = 1e-4
INPUT = "levels_db"
MADE_BY = "spectral_transcoder"
CHECKED_BATCHES = (1, 3, 17)  # beyond 8 seconds the torch network splits its batch on a processor


@dataclass(frozen=True)
class OnnxModel:
    """An exported file and how it compares with torch.

    Attributes
    ----------
    path : Path
        The file.
    size_mb : float
        Its size in 10⁶ bytes.
    difference : float
        The largest absolute difference from torch's outputs, in their unit.
    relative : float
        The same over the largest absolute output, or over 1 where that is larger.
    latency_ms : float
        Median duration of one second of levels alone, with onnxruntime on this processor.
    """

    path: Path
    size_mb: float
    difference: float
    relative: float
    latency_ms: float


class Chain(nn.Module):
    """Levels through a transcoder, then through a classifier if there is one."""

    def __init__(self, transcoder: nn.Module, classifier: Classifier | None = None) -> None:
        super().__init__()
        self.transcoder, self.classifier = transcoder, classifier

    def forward(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return log Mels [B, T, 64], or scores [B, n_labels], of levels in dB [B, 8, 29]."""
        mels = self.transcoder(levels_db)
        return mels if self.classifier is None else self.classifier(mels)


def export_onnx(
    path: Path, transcoder: Any, classifier: Classifier | None = None, description: str = ""
) -> OnnxModel:
    """Export a transcoder, alone or with a classifier behind it, and check the file against torch.

    The file takes `levels_db` [B, 8, 29], levels of one second as the transcoder was trained: dB re full
    scale plus `transcoder.third_octaves.offset_db`. It gives `mels` [B, T, 64] or `scores` [B, n_labels]. Its
    metadata say so, with the labels in their order.

    Parameters
    ----------
    path : Path
        The .onnx to write.
    transcoder : Transcoder
        On the processor.
    classifier : Classifier, optional
        For the transcoder's Mels.
    description : str
        Which models they are, for the metadata.

    Returns
    -------
    OnnxModel
        Size, largest difference and latency.

    Raises
    ------
    SpectralTranscoderError
        onnxruntime's outputs are further than 1e-4 from torch's, for Mels 1e-4 of their range: trained
        convolutions amplify the rounding of float32, so that torch's own Mels are up to 7e-4 (YamNet, ln) and
        4e-3 (PANN, dB) from what it computes in float64. Nothing is written then.
    """
    chain = Chain(transcoder, classifier).eval()
    model = trace(chain, "mels" if classifier is None else "scores", transcoder.third_octaves)
    onnx.helper.set_model_props(model, metadata_of(transcoder.third_octaves, classifier, description))
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    difference, relative = largest_difference(session, chain)
    if relative > TOLERANCE:
        raise SpectralTranscoderError(
            f"{path} would differ from torch by {relative:.1e}: expected {TOLERANCE}"
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return OnnxModel(Path(path), len(content) / 1e6, difference, relative, median_latency_ms(session))


def is_own_export(path: Path) -> bool:
    """Whether `export_onnx` wrote a file: its metadata say so."""
    content = path.read_bytes()
    return b"made_by" in content and f"{MADE_BY} ".encode() in content


def metadata_of(
    third_octaves: ThirdOctaves, classifier: Classifier | None, description: str
) -> dict[str, str]:
    """Return what an exported file says of itself: models, versions, input, bands, and labels in their order."""
    metadata = {
        "description": description,
        "made_by": f"{MADE_BY} {spectral_transcoder.__version__}, torch {torch.__version__}",
        "input": f"third-octave levels of one second, dB re full scale + {third_octaves.offset_db:g}",
        "bands_hz": " ".join(f"{hz:.1f}" for hz in third_octaves.centres_hz),
    }
    if classifier is not None:
        metadata["labels"] = "\n".join(classifier.record.labels)
    return metadata


def trace(chain: nn.Module, output: str, third_octaves: ThirdOctaves) -> onnx.ModelProto:
    """Return the ONNX model of a chain."""
    file = io.BytesIO()
    example = levels_like_streets(2, third_octaves)
    # torch warns that this exporter is an old one, and that shapes become constants, which is what is wanted;
    # with gradients the CNN takes its batch whole, without them it would be split for a processor's cache
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            chain,
            (example,),
            cast(Any, file),  # torch's types name paths only
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[output],
            dynamic_axes={INPUT: {0: "batch"}, output: {0: "batch"}},
        )
    return onnx.load_from_string(file.getvalue())


def levels_like_streets(n_seconds: int, third_octaves: ThirdOctaves) -> torch.Tensor:
    """Return levels in dB [n, 8, 29] as loud as streets are, every fifth second silent; always the same."""
    generator = torch.Generator().manual_seed(0)
    shape = n_seconds, third_octaves.frames_per_second, third_octaves.n_bands
    loudness = -20 - 40 * torch.rand(n_seconds, 1, 1, generator=generator)
    slope = torch.linspace(0, -30, third_octaves.n_bands)  # streets are loudest at low frequencies
    levels = loudness + slope + 4 * torch.randn(shape, generator=generator) + third_octaves.offset_db
    levels[::5] = float(third_octaves.power_to_level(0.0))
    return levels


def largest_difference(session: onnxruntime.InferenceSession, chain: Any) -> tuple[float, float]:
    """Return how far onnxruntime is from torch over batches of several sizes: absolute, and of the range."""
    differences, largest = [], 1.0
    for n_seconds in CHECKED_BATCHES:
        levels = levels_like_streets(n_seconds, chain.transcoder.third_octaves)
        with torch.inference_mode():
            expected = chain(levels).numpy()
        found = session.run(None, {INPUT: levels.numpy()})[0]
        differences.append(np.abs(found - expected).max())
        largest = max(largest, np.abs(expected).max())
    return float(max(differences)), float(max(differences) / largest)


def median_latency_ms(session: onnxruntime.InferenceSession, n_runs: int = 20) -> float:
    """Return the median duration in ms of one second of levels."""
    _, *shape = session.get_inputs()[0].shape
    levels = np.full((1, *shape), 40, np.float32)
    durations = []
    for _ in range(n_runs):
        start = time.perf_counter()
        session.run(None, {INPUT: levels})
        durations.append(time.perf_counter() - start)
    return 1000 * float(np.median(durations))

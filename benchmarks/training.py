"""Speed of a training step: the 64-channel CNN trained on YAMNet's outputs, 64 chunks, and other networks.

    python3 benchmarks/training.py

The published structure: images in NCHW, a teacher that keeps gradients of its own and classifies the true Mels in
every step, Mel filters and pseudo-inverse rebuilt at every call. Both give the same loss, which is checked. The
floor of a step is what its convolutions and products of matrices take alone, forwards and backwards, on ready
inputs: nothing around them is counted. Teachers have random weights; all run on the CPU. Takes some minutes;
what was measured is kept in results/benchmarks.json.
"""

from collections.abc import Callable

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import torch
from record import Figure, keep
from timing import medians_s
from torch import nn

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS, mel_filters
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.training.loop import cpu_has_bf16
from spectral_transcoder.training.losses import Chunks, TeacherLoss

BATCH, ROUNDS = 64, 3
WEIGHTED = (nn.Conv2d, nn.Linear)
NETWORKS = (
    ("cnn_pinv", {"nb_channels": 16}),
    ("cnn_texture", {"nb_channels": 16}),
    ("mlp", {"hidden1": 100, "hidden2": 1000}),
    ("mlp_pinv", {"hidden1": 100, "hidden2": 1000}),
)


def main() -> None:
    """Print the duration of each step and its ratios."""
    torch.manual_seed(0)
    record = CLASSIFIERS["YamNet"]
    teacher = Classifier(record, record.build())
    chunks = make_chunks(teacher)
    ours = Transcoder(TranscoderSettings("cnn_pinv", "YamNet", "power"))
    theirs = Published(ours, teacher)
    compute_loss = TeacherLoss(teacher, prop_logit=100)

    def loss_in_bf16() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return compute_loss(ours(chunks.levels), chunks)

    losses = {"ours": lambda: compute_loss(ours(chunks.levels), chunks)}
    if cpu_has_bf16():
        losses["ours in bf16"] = loss_in_bf16
    check_losses(losses, theirs.loss(chunks.levels, chunks.true_mels).item())
    steps = {"published structure": step_of(theirs, lambda: theirs.loss(chunks.levels, chunks.true_mels))}
    steps |= {name: step_of(ours, loss) for name, loss in losses.items()}
    steps["floor"] = floor_of((ours.network, teacher.network), losses["ours"])
    medians = medians_s(steps, rounds=ROUNDS)
    figures = [
        Figure(f"64-channel CNN, {name}", medians[name], "s a step", twin, medians[name] / medians[twin])
        for name in losses
        for twin in ("published structure", "floor")
    ]
    figures += [
        figure
        for network, sizes in NETWORKS
        for figure in measure_network(network, sizes, compute_loss, chunks)
    ]
    keep("training", "python3 benchmarks/training.py", figures)


def make_chunks(teacher: Classifier) -> Chunks:
    """Return a batch of chunks of a street, with the teacher's scores of the true Mels."""
    levels = torch.tensor(ThirdOctaves().levels(street_scene(8.0), "per_second"), dtype=torch.float32)
    levels = levels.repeat(BATCH // len(levels), 1, 1)
    true_mels = torch.tensor(YAMNET_MELS.chunks(street_scene(8.0, YAMNET_MELS.sr)), dtype=torch.float32)
    true_mels = true_mels.repeat(BATCH // len(true_mels), 1, 1)
    return Chunks(levels, true_mels, teacher.scores(true_mels))


def check_losses(losses: dict[str, Callable], expected: float) -> None:
    """Stop where a way gives another loss than the published structure."""
    for name, loss in losses.items():
        found, tolerance = loss().item(), 1e-3 if "bf16" in name else 1e-6
        if abs(found - expected) > tolerance:
            raise SystemExit(f"{name}: a loss of {found}, that of the published structure is {expected}")


def measure_network(
    network: str, sizes: dict[str, int], compute_loss: TeacherLoss, chunks: Chunks
) -> list[Figure]:
    """Return how long a step of a network under the teacher takes, beside its own floor."""
    model = Transcoder(TranscoderSettings(network, "YamNet", options=sizes))

    def loss() -> torch.Tensor:
        return compute_loss(model(chunks.levels), chunks)

    floor = floor_of((model.network, compute_loss.classifier.network), loss)
    medians = medians_s({"step": step_of(model, loss), "floor": floor}, rounds=ROUNDS)
    what = ", ".join([network, *(f"{name}={value}" for name, value in sizes.items())])
    return [Figure(what, medians["step"], "s a step", "its floor", medians["step"] / medians["floor"])]


def floor_of(networks: tuple[nn.Module, ...], loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """Return a function that computes the convolutions and linear layers of a step alone, both ways.

    What each layer is given, and whether its input and its weights need gradients, is noted during one step.
    """
    calls = []

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        values = torch.randn_like(inputs[0]).requires_grad_(inputs[0].requires_grad)
        wanted = [tensor for tensor in (values, *layer.parameters()) if tensor.requires_grad]
        calls.append((layer, values, wanted, torch.randn_like(output)))

    layers = [layer for network in networks for layer in network.modules() if isinstance(layer, WEIGHTED)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    loss()
    for hook in hooks:
        hook.remove()

    def compute() -> None:
        for layer, values, wanted, gradient in calls:
            torch.autograd.grad(layer(values), wanted, gradient)

    return compute


def step_of(module: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """Return a function that takes one step of Adam."""
    optimizer = torch.optim.Adam(module.parameters())

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


class Published(nn.Module):
    """The same networks, with the same weights, as the published code lays them out.

    Parameters
    ----------
    transcoder : Transcoder
        The transcoder whose weights are copied.
    teacher : Classifier
        The classifier whose weights are copied, with gradients.
    """

    def __init__(self, transcoder: Transcoder, teacher: Classifier) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *map(self._copied, transcoder.network.get_submodule("mod_conv").children())
        )
        self.teacher = CLASSIFIERS["YamNet"].build().eval()
        self.teacher.load_state_dict(teacher.network.state_dict())
        self.teacher.requires_grad_(True)
        self.teacher.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs lack it

    @staticmethod
    def _copied(layer: nn.Module) -> nn.Module:
        if isinstance(layer, nn.ReLU):
            return nn.ReLU()
        if not isinstance(layer, nn.Conv2d):
            return layer
        height, width = layer.kernel_size
        copy = nn.Conv2d(layer.in_channels, layer.out_channels, (height, width))
        copy.load_state_dict(layer.state_dict())
        copy.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs lack it
        return copy

    def loss(self, levels: torch.Tensor, true_mels: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy between the teacher's scores on transcoded and on true Mels."""
        mel_filters.cache_clear()
        mels = Pinv(ThirdOctaves(), YAMNET_MELS, "power")(levels)
        mels = mels - self.convolutions(mels.unsqueeze(1)).squeeze(1)
        return nn.functional.binary_cross_entropy(self.scores(mels), self.scores(true_mels).detach())

    def scores(self, mels: torch.Tensor) -> torch.Tensor:
        """Return the teacher's scores, computed in NCHW."""
        image = mels.unsqueeze(1)
        layers = [layer for name, layer in self.teacher.named_children() if name.startswith("layer")]
        for layer in layers:
            image = layer(image)
        return self.teacher.get_submodule("classifier")(image.mean((2, 3))).sigmoid()


if __name__ == "__main__":
    main()

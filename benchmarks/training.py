"""Speed of a training step: the 64-channel CNN taught by YAMNet, 64 chunks, beside the published structure.

    python3 benchmarks/training.py

The published structure: images in NCHW, a teacher that keeps gradients of its own and hears the true Mels in
every step, Mel filters and pseudo-inverse rebuilt at every call. Both give the same loss, which is checked. The
teacher has random weights; both run on the CPU. Takes two minutes; nothing is written.
"""

import torch
from timing import medians_s
from torch import nn

from spectral_transcoder.models.classifiers import CLASSIFIERS, Classifier
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.mel_spectrograms import YAMNET_MELS, mel_filters
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.training.losses import Chunks, TeacherLoss

BATCH = 64


def main():
    """Print the duration of both steps and their ratio."""
    torch.manual_seed(0)
    record = CLASSIFIERS["YamNet"]
    teacher = Classifier(record, record.build())
    levels = torch.tensor(ThirdOctaves().levels(street_scene(8.0), "per_second"), dtype=torch.float32)
    levels = levels.repeat(BATCH // len(levels), 1, 1)
    true_mels = torch.tensor(YAMNET_MELS.chunks(street_scene(8.0, YAMNET_MELS.sr)), dtype=torch.float32)
    true_mels = true_mels.repeat(BATCH // len(true_mels), 1, 1)
    chunks = Chunks(levels, true_mels, teacher.scores(true_mels))

    ours = Transcoder(TranscoderSettings("cnn_pinv", "YamNet", "power"))
    theirs = Published(ours, teacher)
    loss_function = TeacherLoss(teacher, prop_logit=100)

    def loss_in_bf16():
        with torch.autocast("cpu", torch.bfloat16):
            return loss_function(ours(levels), chunks)

    expected = theirs.loss(levels, true_mels).item()
    for name, loss, tolerance in (
        ("float32", loss_function(ours(levels), chunks), 1e-6),
        ("bf16", loss_in_bf16(), 1e-3),
    ):
        if abs(loss.item() - expected) > tolerance:
            raise SystemExit(
                f"{name}: a loss of {loss.item()}, that of the published structure is {expected}"
            )
    medians = medians_s(
        {
            "published structure": step_of(theirs, lambda: theirs.loss(levels, true_mels)),
            "ours": step_of(ours, lambda: loss_function(ours(levels), chunks)),
            "ours in bf16": step_of(ours, loss_in_bf16),
        },
        rounds=5,
    )
    for name, median in medians.items():
        print(f"a step of {BATCH} chunks, {name}: {median:.2f} s")
    for name in ("ours", "ours in bf16"):
        share = medians[name] / medians["published structure"]
        print(f"{name}: {100 * share:.0f} % of the published structure's time")


def step_of(module, loss):
    """Return a function that takes one step of Adam."""
    optimizer = torch.optim.Adam(module.parameters())

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


class Published(nn.Module):
    """The same networks, with the same weights, as the published code lays them out.

    Parameters
    ----------
    transcoder : Transcoder
        Whose weights are copied.
    teacher : Classifier
        Whose weights are copied, with gradients.
    """

    def __init__(self, transcoder, teacher):
        super().__init__()
        self.convolutions = nn.Sequential(*(self._copied(layer) for layer in transcoder.network.mod_conv))
        self.teacher = CLASSIFIERS["YamNet"].build().eval()
        self.teacher.load_state_dict(teacher.network.state_dict())
        self.teacher.to(memory_format=torch.contiguous_format).requires_grad_(True)

    @staticmethod
    def _copied(layer):
        if isinstance(layer, nn.ReLU):
            return nn.ReLU()
        if not isinstance(layer, nn.Conv2d):
            return layer
        copy = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size)
        copy.load_state_dict(layer.state_dict())
        return copy.to(memory_format=torch.contiguous_format)

    def loss(self, levels, true_mels):
        """Return the cross-entropy between the teacher's scores on transcoded and on true Mels."""
        mel_filters.cache_clear()
        mels = Pinv(ThirdOctaves(), YAMNET_MELS, "power")(levels)
        mels = mels - self.convolutions(mels.unsqueeze(1)).squeeze(1)
        return nn.functional.binary_cross_entropy(self.scores(mels), self.scores(true_mels).detach())

    def scores(self, mels):
        """Return the teacher's scores, computed in NCHW."""
        image = mels.unsqueeze(1)
        layers = [layer for name, layer in self.teacher.named_children() if name.startswith("layer")]
        for layer in layers:
            image = layer(image)
        return self.teacher.classifier(image.mean((2, 3))).sigmoid()


if __name__ == "__main__":
    main()

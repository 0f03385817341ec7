"""Speed of the signal path, as ratios to yardsticks measured in the same run.

    make bench        # or: python3 benchmarks/signal_path.py

Third octaves and PINV are compared with a bare numpy.fft.rfft of the 80 × 4096 frames of 10 s; the CNN with
one bare 64 → 64 convolution; the inversion of 10 s with librosa's. Takes a minute; what was measured is kept in
results/benchmarks.json.
"""

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import librosa
import numpy as np
import torch
from record import Figure, keep
from timing import medians_s

from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene

SECONDS = 64  # of a batch


def main() -> None:
    """Print each ratio."""
    third_octaves = ThirdOctaves()
    signal = street_scene(10.0, third_octaves.sr)
    frames = np.random.default_rng(0).standard_normal((80, third_octaves.frame_length))
    levels = torch.tensor(third_octaves.levels(signal, "per_second"), dtype=torch.float32)
    levels = levels.repeat(SECONDS // len(levels) + 1, 1, 1)[:SECONDS]
    pinv, cnn = Transcoder(TranscoderSettings("pinv")), Transcoder(TranscoderSettings("cnn_pinv"))

    with torch.inference_mode():
        medians = medians_s(
            {
                "rfft": lambda: np.fft.rfft(frames),
                "third octaves of 10 s": lambda: third_octaves.levels(signal),
                "the same, frame by frame": lambda: levels_frame_by_frame(third_octaves, signal),
                f"PINV of {SECONDS} s": lambda: pinv(levels),
            },
            rounds=30,
        )
    yardstick = medians.pop("rfft")
    twin = "one rfft of the frames of 10 s"
    figures = [Figure(name, 1e3 * median, "ms", twin, median / yardstick) for name, median in medians.items()]

    convolution = torch.nn.Conv2d(64, 64, (3, 5), padding=(1, 2))
    convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    image = torch.randn(SECONDS, 64, PANN_MELS.chunk_frames, PANN_MELS.n_mels)
    image = image.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        medians = medians_s({"convolution": lambda: convolution(image), "CNN": lambda: cnn(levels)}, rounds=7)
    ratio = medians["CNN"] / medians["convolution"]
    figures.append(
        Figure(f"CNN of {SECONDS} s", 1e3 * medians["CNN"], "ms", "one convolution 64 → 64", ratio)
    )
    figures.append(compare_inversions(PANN_MELS.mels(signal.astype(np.float32))))
    keep("signal path", "python3 benchmarks/signal_path.py", figures)


def levels_frame_by_frame(third_octaves: ThirdOctaves, signal: np.ndarray) -> np.ndarray:
    """Return the levels as a plain loop over frames and bands computes them."""
    window, levels = third_octaves.window, []
    for index in range(third_octaves.n_frames(len(signal))):
        frame = signal[index * third_octaves.hop_length :][: third_octaves.frame_length]
        power = np.abs(np.fft.rfft(frame * window[: len(frame)], third_octaves.frame_length)) ** 2
        bands = [power[first : last + 1].sum() for first, last in third_octaves.band_bins]
        levels.append(third_octaves.power_to_level(np.array(bands) / np.mean(window**2)))
    return np.stack(levels)


def compare_inversions(mels: np.ndarray) -> Figure:
    """Return how long our inversion of PANN Mels takes beside librosa's; print how near their sounds' Mels are."""

    def with_librosa() -> np.ndarray:
        return librosa.feature.inverse.mel_to_audio(
            10 ** (mels.T / 10),
            sr=PANN_MELS.sr,
            n_fft=PANN_MELS.n_fft,
            hop_length=PANN_MELS.hop_length,
            power=PANN_MELS.power,
            n_iter=32,
            fmin=PANN_MELS.fmin,
            fmax=PANN_MELS.fmax,
        )

    def with_ours() -> np.ndarray:
        return mel_to_audio(mels, PANN_MELS)

    medians = medians_s({"librosa": with_librosa, "ours": with_ours}, rounds=5)
    for name, invert in (("librosa", with_librosa), ("ours", with_ours)):
        rebuilt = PANN_MELS.mels(invert().astype(np.float32))
        error = np.mean((rebuilt - mels) ** 2)
        print(f"inversion of 10 s by {name}: re-analysed Mel MSE {error:.3f} dB²")
    return Figure(
        "inversion of 10 s", medians["ours"], "s", "librosa's", medians["ours"] / medians["librosa"]
    )


if __name__ == "__main__":
    main()

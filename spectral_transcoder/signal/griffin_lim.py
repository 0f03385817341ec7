"""Sound from Mels: what a transcoder kept of a recording, made audible (docs/method.md, section 9, defect 5).

The Mel spectrum fixes some sums of |X|^p in each frame, 64 or 128; phases, and how a sum is shared among its bins, are
free. As Griffin and Lim do, we go back and forth between a transform and the signal nearest to it; but
instead of guessing magnitudes once and insisting on them, each round only scales the bins so that their
sums are the Mels again. Bins outside the Mel filters stay silent. With momentum (Perraudin, Balazs and
Søndergaard 2013) some twenty rounds suffice.
"""

from typing import Any

import numpy as np
import torch

from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd

MOMENTUM = 0.9
SHARES_PER_ROUND = 2
TINY = 1e-12


@torch.inference_mode()
def mel_to_audio(
    mels: np.ndarray | torch.Tensor,
    front_end: MelFrontEnd,
    n_iter: int = 24,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> np.ndarray:
    """Return a signal whose Mel spectrogram is close to `mels`.

    Parameters
    ----------
    mels : np.ndarray or torch.Tensor
        (n_frames, n_mels) log Mels of a whole recording, as `front_end.mels` gives them.
    front_end : MelFrontEnd
        The front end of these Mels.
    n_iter : int
        Number of rounds.
    seed : int
        Seed of the phases that the first round starts from.
    device : str or torch.device, optional
        Device of the computation; by default a GPU where there is one.

    Returns
    -------
    np.ndarray
        ((n_frames - 1)·hop_length,) float32 at `front_end.sr` Hz, at least one sample.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    target = front_end.from_log(torch.as_tensor(mels, dtype=torch.float32, device=device)).T
    n_samples = max(1, (target.shape[1] - 1) * front_end.hop_length)
    # a centred transform mirrors half a window at both ends: shorter sounds are continued with silence
    shortest = 2 + front_end.n_fft // front_end.hop_length
    target = torch.nn.functional.pad(target, (0, max(0, shortest - target.shape[1])))
    length = (target.shape[1] - 1) * front_end.hop_length

    transform: dict[str, Any] = {
        "n_fft": front_end.n_fft,
        "hop_length": front_end.hop_length,
        "win_length": front_end.window_length,
        "window": front_end.window.to(device, torch.float32),
    }
    filters = torch.tensor(front_end.filters_before_emphasis(), dtype=torch.float32, device=device)
    drawn = np.random.default_rng(seed).uniform(0, 2 * np.pi, (len(filters), target.shape[1]))
    phases = torch.as_tensor(drawn, dtype=torch.float32, device=device)
    estimate = torch.polar(torch.ones_like(phases), phases)
    previous = torch.zeros_like(estimate)
    for _ in range(n_iter):
        signal = torch.istft(impose(estimate, target, filters, front_end.power), length=length, **transform)
        rebuilt = torch.stft(signal, return_complex=True, **transform)
        estimate, previous = rebuilt + MOMENTUM * (rebuilt - previous), rebuilt
    signal = torch.istft(impose(estimate, target, filters, front_end.power), length=length, **transform)
    return signal[:n_samples].cpu().numpy()


def impose(estimate: torch.Tensor, target: torch.Tensor, filters: torch.Tensor, power: int) -> torch.Tensor:
    """Scale the bins of a transform so that its Mel spectrum nears `target`, phases unchanged.

    estimate [n_bins, T] complex, target [n_mels, T], filters [n_bins, n_mels]. Each share multiplies a bin
    by the mean, over the filters that weigh it, of what their sums lack: the update of non-negative matrix
    factorisation under the Kullback-Leibler divergence, which never turns a sign.
    """
    weights = filters.sum(1, keepdim=True)
    before = estimate.abs().pow(power) + TINY
    energy = before
    for _ in range(SHARES_PER_ROUND):
        lack = target / (filters.T @ energy).clamp(min=TINY)
        energy = energy * (filters @ lack) / weights.clamp(min=TINY)
    return estimate * (energy / before).pow(1 / power)

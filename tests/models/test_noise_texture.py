"""PINV with texture: its noise, written out at 2049 bins, and what it does to the Mels of real noise."""

import librosa
import numpy as np
import pytest
import torch

from spectral_transcoder.models.networks import CNN
from spectral_transcoder.models.noise_texture import N_DRAWS, PinvTexture, noise_spectra
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

SHIPPED_GAIN = 0.6  # the weights in reference_models/ were trained with it
FRONT_ENDS = pytest.mark.parametrize("front_end", [PANN_MELS, YAMNET_MELS], ids=["PANN", "YamNet"])


def street_levels(n_seconds, seed=0):
    """Return levels in dB (n_seconds, 8, 29) that fall with frequency, as a street's do."""
    rng = np.random.default_rng(seed)
    levels = np.linspace(0, -40, 29) + rng.uniform(-6, 6, (n_seconds, 8, 29))
    return torch.tensor(levels, dtype=torch.float32)


@FRONT_ENDS
def test_noise_is_that_of_a_short_time_fourier_transform(front_end):
    """librosa's transform of the same samples, window 25 or 32 ms, hop 10 ms, on PINV's grid."""
    window_length = 800 if front_end is YAMNET_MELS else 1024
    n_frames = front_end.chunk_frames
    samples = np.random.default_rng(3).standard_normal((N_DRAWS, 320 * (n_frames - 1) + window_length))[5]
    margin = (4096 - window_length) // 2  # librosa centres a short window in its frame
    expected = np.abs(
        librosa.stft(
            np.pad(samples, margin), n_fft=4096, hop_length=320, win_length=window_length, center=False
        )
    ).T
    expected = expected ** (2 if front_end is PANN_MELS else 1)
    spectra = np.stack(list(noise_spectra(ThirdOctaves(), front_end, seed=3)))
    assert spectra.shape == (N_DRAWS, n_frames, 2049)
    np.testing.assert_allclose(
        spectra[5] / spectra[5].mean(), expected / expected.mean(), rtol=1e-6, atol=1e-9
    )
    assert spectra.mean() == pytest.approx(1, abs=0.01)


@FRONT_ENDS
def test_a_second_equals_the_definition_at_all_bins(front_end):
    """PINV's spectrum times the noise, then the Mel filters, bin by bin."""
    third_octaves, levels = ThirdOctaves(), street_levels(1)
    texture = PinvTexture(third_octaves, front_end, noise_seed=1).eval()
    matrix = np.zeros((29, 2049))
    for band, (low, high) in enumerate(third_octaves.band_bins):
        matrix[band, low : high + 1] = 1
    inverse = np.linalg.pinv(matrix, rcond=1e-15).clip(min=0)
    power = (10 ** ((levels[0].double().numpy() - 26) / 20) * 4096 * np.sqrt(2) / 2) ** 2
    power *= (SHIPPED_GAIN * 0.5 * (1 + front_end.n_fft / 2) / 2049) ** 2
    spectrum = torch.tensor(power @ inverse.T).T[None]
    spectrum = torch.nn.functional.interpolate(spectrum, size=front_end.chunk_frames, mode="linear")[0].T
    noise = list(noise_spectra(third_octaves, front_end, seed=1))[int(texture.draws(levels))]
    mel = (spectrum.numpy() ** (front_end.power / 2) * noise) @ front_end.filters(4096, 32000)
    expected = front_end.to_log(torch.tensor(mel))
    np.testing.assert_allclose(texture(levels)[0].numpy(), expected.numpy(), rtol=0, atol=2e-4)


@FRONT_ENDS
def test_noise_gets_the_fluctuation_of_noise(front_end):
    """Real white noise, its true Mels: the texture fluctuates from frame to frame as they do, PINV hardly does."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(32000 * 6)
    levels = torch.tensor(ThirdOctaves().levels(noise, framing="per_second"), dtype=torch.float32)
    true = front_end.chunks(torch.tensor(noise[:: 32000 // front_end.sr])).numpy()
    texture = PinvTexture(ThirdOctaves(), front_end).eval()(levels).numpy()
    pinv = Pinv(ThirdOctaves(), front_end)(levels).numpy()
    bands = slice(10, 50)  # bands of several bins, away from what was lost by taking every second sample
    true, texture, pinv = (np.diff(mels[..., bands], axis=1).std() for mels in (true, texture, pinv))
    assert texture == pytest.approx(true, rel=0.15)
    assert pinv < 0.35 * true


def test_noise_of_a_second_follows_from_its_position():
    levels = street_levels(40)
    texture = PinvTexture(ThirdOctaves(), YAMNET_MELS).eval()
    positions = torch.arange(40)
    together = texture(levels, positions)
    alone = torch.cat([texture(levels[k : k + 1], positions[k : k + 1]) for k in range(40)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    same = texture(levels[:1].expand(40, -1, -1), positions)
    assert len({tuple(mels[0].tolist()) for mels in same}) == N_DRAWS
    torch.testing.assert_close(same[0], same[N_DRAWS])
    torch.testing.assert_close(texture(levels[:1]), together[:1])


@FRONT_ENDS
def test_levels_a_hundredth_of_a_decibel_apart_give_the_same_mels(front_end):
    levels = street_levels(40)
    louder = levels.clone()
    louder[:, :, 17] += 0.01
    transcoder = Transcoder(TranscoderSettings("pinv_texture", front_end.name))
    difference = transcoder.transcode_seconds(levels) - transcoder.transcode_seconds(louder)
    assert 0 < difference.abs().max() <= 0.011  # natural logarithms, or decibels


def test_noise_is_drawn_anew_in_training_from_torchs_seed():
    levels = street_levels(8)
    texture = PinvTexture(ThirdOctaves(), YAMNET_MELS).train()
    torch.manual_seed(5)
    first, second = texture(levels), texture(levels)
    torch.manual_seed(5)
    assert torch.equal(texture(levels), first)
    assert not torch.equal(first, second)


def test_another_seed_is_another_noise():
    levels = street_levels(2)
    first, second, again = (
        Transcoder(
            TranscoderSettings("pinv_texture", "YamNet", options={"noise_seed": seed})
        ).transcode_seconds(levels)
        for seed in (0, 1, 0)
    )
    assert torch.equal(first, again)
    assert (first - second).abs().mean() > 0.1


def test_cnn_with_texture_starts_from_the_texture_and_can_leave_it():
    third_octaves, levels = ThirdOctaves(), street_levels(3)
    texture = PinvTexture(third_octaves, YAMNET_MELS)
    network = CNN(Pinv(third_octaves, YAMNET_MELS), nb_channels=4, texture=texture).eval()
    assert network.mod_conv[1].in_channels == 2
    torch.testing.assert_close(network(levels), texture(levels), rtol=0, atol=0)
    network(levels).square().mean().backward()
    assert network.mod_conv[-1].weight.grad.abs().max() > 0


@pytest.mark.parametrize("source", ["mel_freq", "mel_time"])
@pytest.mark.parametrize("network", ["pinv_texture", "cnn_texture", "cnn_grid"])
def test_texture_wants_levels(network, source):
    with pytest.raises(UsageError, match="starts from levels"):
        Transcoder(TranscoderSettings(network, "YamNet", source=source))


def test_a_checkpoint_keeps_the_noise(tmp_path):
    levels = street_levels(2)
    settings = TranscoderSettings("cnn_texture", "PANN", options={"nb_channels": 2, "noise_seed": 4})
    transcoder = Transcoder(settings)
    transcoder.save(tmp_path / "a_model")
    assert (tmp_path / "a_model").stat().st_size < 100_000  # the noise is made again, not stored
    again = load_transcoder(tmp_path / "a_model")
    assert torch.equal(again.transcode_seconds(levels), transcoder.transcode_seconds(levels))


def test_without_a_seed_the_noise_is_that_of_seed_0():
    """Which trained models were made with."""
    sizes = {"kernel_size": 3, "nb_layers": 1, "nb_channels": 2, "dilation": 1}
    unnamed, first, second = (
        Transcoder(TranscoderSettings("cnn_texture", "YamNet", options=sizes | seed)).network.texture.textures
        for seed in ({}, {"noise_seed": 0}, {"noise_seed": 1})
    )
    assert torch.equal(unnamed, first) and not torch.equal(first, second)

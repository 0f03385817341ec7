"""The network on the sensor's grid: where it begins, what it computes, and that it learns."""

import math

import numpy as np
import pytest
import torch

from spectral_transcoder.models.grid import COARSE, frames_of_levels, log_mels_per_neper, smooth_noise
from spectral_transcoder.models.noise_texture import N_DRAWS
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS, FRONT_ENDS, PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.training.loop import fit
from spectral_transcoder.training.losses import Chunks, mel_loss
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils.errors import UsageError

SENSORS = {
    "published": ThirdOctaves(),
    "twenty bands": ThirdOctaves(lowest_band=-9, n_bands=20),
    "one second": ThirdOctaves(frame_length=32768, hop_length=32000),
    "sensor": ThirdOctaves(edges="sensor", offset_db=-94.0),
}


def street_levels(n_seconds, third_octaves=None, seed=0):
    """Return levels in dB (n_seconds, n, bands) that fall with frequency, as a street's do."""
    third_octaves = third_octaves or ThirdOctaves()
    shape = n_seconds, third_octaves.frames_per_second, third_octaves.n_bands
    slope = np.linspace(0, -40, third_octaves.n_bands)
    levels = slope + np.random.default_rng(seed).uniform(-6, 6, shape) + third_octaves.offset_db - 26
    return torch.tensor(levels, dtype=torch.float32)


def grid(front_end="YamNet", third_octaves=None, trained=False, **options):
    """Return a cnn_grid of few channels; with `trained`, its last layer is random instead of zero."""
    torch.manual_seed(0)
    options = {"nb_channels": 4, **options}
    settings = TranscoderSettings(
        "cnn_grid", front_end, third_octaves=third_octaves or ThirdOctaves(), options=options
    )
    transcoder = Transcoder(settings)
    if trained:
        torch.nn.init.normal_(transcoder.network.corrections.weight, std=0.2)
        torch.nn.init.normal_(transcoder.network.corrections.bias, std=0.2)
    return transcoder


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_it_begins_as_pinv_with_texture_and_can_leave_it(front_end, sensor):
    third_octaves = SENSORS[sensor]
    levels, positions = street_levels(3, third_octaves), torch.arange(3)
    start = Transcoder(TranscoderSettings("pinv_texture", front_end, third_octaves=third_octaves))
    transcoder = grid(front_end, third_octaves)
    expected = start(levels, positions)
    assert torch.equal(transcoder(levels, positions), expected)
    assert expected.shape == (3, FRONT_ENDS[front_end].chunk_frames, FRONT_ENDS[front_end].n_mels)
    left = grid(front_end, third_octaves, trained=True)(levels, positions)
    assert left.isfinite().all()
    assert (left - expected).abs().mean() > 0.1 * transcoder.network.neper


def by_hand(transcoder, levels, draw):
    """Return the Mels (T, n_mels) of one second of levels, frame by frame, from what the last layer gives."""
    network, front_end = transcoder.network, transcoder.front_end
    n_frames, n_mels = front_end.chunk_frames, front_end.n_mels
    n = transcoder.third_octaves.frames_per_second
    with torch.no_grad():
        pinv, texture = (
            network.pinv(levels)[0].numpy(),
            network.texture(levels, torch.tensor([draw]))[0].numpy(),
        )
        given = network.corrections(network.features(levels))[0].numpy().reshape(n, -1, n_mels)
    neper = {"YamNet": 1.0, "PANN": 20 / math.log(10), "EfficientAT": 2 / 5}[front_end.name]
    slow, wide = network.slow_noise[draw].numpy(), network.wide_noise[draw].numpy()
    mels, slots = np.empty((n_frames, n_mels)), dict.fromkeys(range(n), 0)
    for frame in range(n_frames):
        place = (
            frame + 0.5
        ) * n / n_frames - 0.5  # in frames of levels, whose values are those of their middles
        level, white, of_slow, of_wide = (
            np.array([np.interp(place, range(n), given[:, kind, mel]) for mel in range(n_mels)])
            for kind in range(4)
        )
        lies_in = math.floor(frame * n / n_frames)
        residual = given[lies_in, 4 + slots[lies_in]]
        slots[lies_in] += 1
        added = level + of_slow * slow[frame] + of_wide * wide[frame] + residual
        mels[frame] = texture[frame] + white * (texture[frame] - pinv[frame]) + neper * added
    return mels


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_it_equals_a_slow_twin(front_end, sensor):
    transcoder = grid(front_end, SENSORS[sensor], trained=True)
    levels = street_levels(2, SENSORS[sensor])
    with torch.no_grad():
        mels = transcoder(levels, torch.tensor([3, N_DRAWS + 5])).numpy()
    expected = [by_hand(transcoder, levels[k : k + 1], draw) for k, draw in enumerate((3, 5))]
    np.testing.assert_allclose(mels, expected, rtol=0, atol=1e-3 * transcoder.network.neper)


def test_its_features_equal_a_slow_twin():
    """Convolutions of stride 2 over bands, mean and maximum over the second, as numpy computes them."""
    transcoder, levels = grid(), street_levels(1)
    network = transcoder.network.eval()
    image = levels.double().numpy().clip(-70) / 20
    for layer, norm in ((0, 1), (3, 4), (6, 7)):
        weight, bias = (p.detach().double().numpy() for p in network.convolutions[layer].parameters())
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        n_time, n_bands = image.shape[1], -(-image.shape[2] // 2)
        image = np.zeros((len(weight), n_time, n_bands)) + bias[:, None, None]
        for i in range(3):
            for j in range(3):
                part = padded[:, i : i + n_time, j : j + 2 * n_bands : 2]
                image += np.einsum("oc,ctf->otf", weight[:, :, i, j], part)
        image = np.maximum(image / math.sqrt(1 + network.convolutions[norm].eps), 0)
    frames = torch.tensor(image.transpose(1, 0, 2).reshape(8, -1))
    second = torch.cat([frames.mean(0), frames.amax(0)])
    of_frame, of_second, last = (
        (layer.weight.double(), layer.bias.double())
        for layer in (network.of_frame, network.of_second, network.hidden[1])
    )
    gelu = torch.nn.functional.gelu
    hidden = gelu(frames @ of_frame[0].T + of_frame[1] + second @ of_second[0].T + of_second[1])
    expected = gelu(hidden @ last[0].T + last[1])
    torch.testing.assert_close(network.features(levels)[0].double(), expected, rtol=0, atol=1e-4)


def test_the_same_sound_at_another_microphone_gives_the_same_features():
    here, there = SENSORS["published"], ThirdOctaves(offset_db=-94.0)
    first, second = (
        grid(third_octaves=record).network.features(street_levels(2, record)) for record in (here, there)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)


def test_every_weight_learns():
    network = grid(trained=True).network.train()
    network(street_levels(6)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", range(len(COARSE)), ids=COARSE)
def test_every_kind_of_correction_is_used(kind):
    transcoder, levels = grid(), street_levels(2)
    before = transcoder(levels)
    torch.nn.init.ones_(transcoder.network.corrections.bias[kind * 64 : (kind + 1) * 64])
    change = (transcoder(levels) - before).detach()
    if COARSE[kind] == "level":
        torch.testing.assert_close(change, torch.ones_like(change), rtol=0, atol=1e-4)
    else:  # noise fluctuates within the second
        assert change.std(1).mean() > 0.2


@pytest.mark.parametrize(
    ("front_end", "n_frames", "counts"),
    [
        (YAMNET_MELS, 8, {12}),
        (PANN_MELS, 8, {12, 13}),
        (EFFICIENTAT_MELS, 8, {12, 13}),
        (YAMNET_MELS, 1, {96}),
    ],
)
def test_each_mel_frame_lies_in_one_frame_of_levels(front_end, n_frames, counts):
    frame, slot = frames_of_levels(front_end.chunk_frames, n_frames)
    per_frame = np.bincount(frame, minlength=n_frames)
    assert set(per_frame.tolist()) == counts and per_frame.sum() == front_end.chunk_frames
    assert [s for n in per_frame for s in range(n)] == slot.tolist()
    assert frame.tolist() == sorted(frame.tolist())


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_neper_is_what_the_front_end_makes_of_a_louder_sound(front_end):
    front_end = FRONT_ENDS[front_end]
    noise = 1000 * np.random.default_rng(0).standard_normal(front_end.sr)
    louder = front_end.mels(math.e * noise) - front_end.mels(noise)
    assert log_mels_per_neper(front_end) == pytest.approx(louder.mean(), rel=1e-3)


@pytest.mark.parametrize("width", [1, 3, 7])
def test_smooth_noise_is_normal_and_as_long_as_its_window(width):
    noise = smooth_noise((400, 60, 4), width, np.random.default_rng(0)).numpy()
    assert noise.shape == (400, 60, 4)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.var() == pytest.approx(1, abs=0.03)
    window = np.hanning(width + 2)[1:-1]
    correlation = np.correlate(window, window, "full")[width - 1 :] / np.sum(window**2)
    for lag in range(width + 2):
        expected = correlation[lag] if lag < width else 0
        assert np.mean(noise[:, : 60 - lag] * noise[:, lag:]) == pytest.approx(expected, abs=0.04)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


def test_its_noise_follows_from_the_position_of_a_second():
    transcoder = grid(trained=True)
    same = street_levels(1).expand(N_DRAWS + 1, -1, -1)
    mels = transcoder.transcode_seconds(same)
    torch.testing.assert_close(mels[0], mels[N_DRAWS])
    assert len({tuple(second[0].tolist()) for second in mels}) == N_DRAWS
    other = grid(trained=True, noise_seed=1)
    assert not torch.equal(other.network.slow_noise, transcoder.network.slow_noise)


def test_a_checkpoint_keeps_the_weights_and_makes_the_noise_again(tmp_path):
    transcoder = grid("PANN", trained=True, noise_seed=4)
    transcoder.save(tmp_path / "a_model")
    n_weights = sum(parameter.numel() for parameter in transcoder.parameters())
    assert (tmp_path / "a_model").stat().st_size < 4 * n_weights + 20_000
    again = load_transcoder(tmp_path / "a_model")
    levels = street_levels(2)
    assert torch.equal(again.transcode_seconds(levels), transcoder.transcode_seconds(levels))


def test_a_small_training_lowers_the_error_of_unseen_seconds(tmp_path):
    """Of levels whose Mels are PINV's with 2 nepers more above the middle: what the levels' grid can express."""
    transcoder, levels = grid(nb_channels=8), street_levels(60)
    offset = torch.where(torch.arange(64) < 32, 0.0, 2.0)
    mels = transcoder.network.pinv(levels) + offset
    parts = {"train": slice(0, 40), "valid": slice(40, 50), "eval": slice(50, 60)}
    splits = {name: Chunks(levels[part], mels[part]) for name, part in parts.items()}
    begin = mel_loss(transcoder(levels[50:]), splits["eval"]).item()
    recipe = Recipe(epochs=15, learning_rate=3e-3, batch_size=8)
    fit(transcoder.network, mel_loss, splits, recipe, tmp_path / "state")
    transcoder.eval()
    assert mel_loss(transcoder(levels[50:]), splits["eval"]).item() < 0.3 * begin


@pytest.mark.parametrize("options", [{"nb_channels": 0}, {"kernel_size": 5}, {"hidden1": 3}], ids=str)
def test_other_sizes_are_refused(options):
    with pytest.raises(UsageError, match="cnn_grid with"):
        grid(**options)

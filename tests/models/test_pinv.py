"""PINV against the published arrays, and against section 3 of docs/method.md spelled out at 2049 bins."""

import math

import librosa
import numpy as np
import pytest
import torch

from spectral_transcoder.models.pinv import Pinv, inverse_by_group, published_inverse
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

WAYS = pytest.mark.parametrize(
    ("front_end", "way"),
    [(PANN_MELS, "power"), (YAMNET_MELS, "power"), (YAMNET_MELS, "magnitude")],
    ids=["PANN", "YamNet power", "YamNet magnitude"],
)
RECORDS = pytest.mark.parametrize(
    "record",
    [{}, {"edges": "sensor"}, {"lowest_band": -9, "n_bands": 20}],
    ids=["published", "sensor", "twenty bands"],
)


def street_levels(n_seconds=2, n_frames=8, n_bands=29, seed=0):
    """Return levels in dB (n_seconds, n_frames, n_bands) that fall with frequency, as a street's do."""
    rng = np.random.default_rng(seed)
    return np.linspace(0, -40, n_bands) + rng.uniform(-6, 6, (n_seconds, n_frames, n_bands))


def band_matrix(edges="dcase2023", lowest_band=-17, n_bands=29):
    """Return B (n_bands, 2049), zero or one, from the formulas of section 1."""
    matrix = np.zeros((n_bands, 2049))
    for row in range(n_bands):
        centre = 1000 * 10 ** ((lowest_band + row) / 10)
        low, high = centre * 10 ** (-1 / 20) / 7.8125, centre * 10 ** (1 / 20) / 7.8125
        first, last = math.ceil(low), math.ceil(high) if edges == "dcase2023" else math.floor(high)
        for k in range(min(first, last), max(first, last) + 1):
            matrix[row, k] = 1
    return matrix


def slow_pinv(levels_db, front_end, way, **record):
    """Return PINV of one second: levels (n_frames, n_bands) to log Mels (T, 64), every bin on its own."""
    n_mel, n_frames = {"PANN": (1024, 101), "YamNet": (512, 96)}[front_end.name]
    if front_end.name == "PANN":
        filters = librosa.filters.mel(sr=32000, n_fft=4096, n_mels=64, fmin=50, fmax=14000)
    else:
        filters = librosa.filters.mel(
            sr=32000, n_fft=4096, n_mels=64, fmin=125, fmax=7500, htk=True, norm=None
        )
    inverse = np.maximum(np.linalg.pinv(band_matrix(**record), rcond=1e-15), 0)
    power = (10 ** ((levels_db - 26) / 20) * 4096 * math.sqrt(2) / 2) ** 2
    scale = 0.5 * (1 + n_mel / 2) / (1 + 4096 / 2)
    spectrum = np.array([inverse @ frame for frame in power * (scale**2 if way == "power" else 1)])
    stretched = []
    for t in range(n_frames):  # linear interpolation, align_corners off
        position = min(max((t + 0.5) * len(spectrum) / n_frames - 0.5, 0), len(spectrum) - 1)
        before = min(int(position), len(spectrum) - 2)
        share = position - before
        stretched.append((1 - share) * spectrum[before] + share * spectrum[before + 1])
    stretched = np.array(stretched)
    if way == "magnitude":
        return np.log(0.5 * 257 / 2049 * np.sqrt(stretched) @ filters.T + 0.001)
    mel = stretched @ filters.T
    return 10 * np.log10(np.maximum(mel, 1e-10)) if front_end.name == "PANN" else np.log(mel + 0.001)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("front_end", "reference"),
    [(PANN_MELS, "pinv_pann"), (YAMNET_MELS, "pinv_yamnet")],
    ids=["PANN", "YamNet"],
)
def test_golden_pinv(golden, front_end, reference):
    pinv = Pinv(ThirdOctaves(), front_end, way="power")
    for clip in golden.values():
        mels = pinv(torch.tensor(clip["third_octave_db"], dtype=torch.float32))
        np.testing.assert_allclose(mels, clip[reference], rtol=0, atol=1e-3)


@WAYS
@RECORDS
def test_pinv_equals_a_slow_twin(front_end, way, record):
    third_octaves = ThirdOctaves(**record)
    levels = street_levels(n_bands=third_octaves.n_bands)
    mels = Pinv(third_octaves, front_end, way)(torch.tensor(levels, dtype=torch.float32))
    expected = [slow_pinv(second, front_end, way, **record) for second in levels]
    # the published inverse is of single precision, whose noise reaches the weakest Mels
    np.testing.assert_allclose(mels, expected, rtol=0, atol=1e-3 if way == "magnitude" else 5e-2)


@RECORDS
def test_inverse_is_the_pseudo_inverse_without_its_negatives(record):
    """B·B⁺·B = B, B⁺·B·B⁺ = B⁺ and both products symmetric: only Moore and Penrose's inverse is so."""
    third_octaves = ThirdOctaves(**record)
    matrix = band_matrix(**record)
    np.testing.assert_array_equal(third_octaves.band_matrix, matrix)
    inverse = np.linalg.pinv(third_octaves.band_matrix, rcond=1e-15)
    np.testing.assert_allclose(matrix @ inverse @ matrix, matrix, rtol=0, atol=1e-10)
    np.testing.assert_allclose(inverse @ matrix @ inverse, inverse, rtol=0, atol=1e-10)
    np.testing.assert_allclose(inverse @ matrix, (inverse @ matrix).T, rtol=0, atol=1e-10)
    np.testing.assert_allclose(matrix @ inverse, (matrix @ inverse).T, rtol=0, atol=1e-10)
    published = published_inverse(third_octaves)
    np.testing.assert_allclose(published, np.maximum(inverse, 0), rtol=0, atol=2e-6)
    assert published.min() == 0


def test_published_bands_make_54_groups_of_bins():
    inverse, groups = inverse_by_group(ThirdOctaves())
    assert inverse.shape == (54, 29)
    expected = np.linalg.pinv(band_matrix(), rcond=1e-15).clip(min=0)
    np.testing.assert_allclose(inverse[groups], expected, rtol=0, atol=1e-12)


def test_default_way_is_the_front_ends_own():
    assert Pinv(ThirdOctaves(), PANN_MELS).way == "power"
    assert Pinv(ThirdOctaves(), YAMNET_MELS).way == "magnitude"


@WAYS
def test_twice_the_amplitude_is_six_decibels_in_every_mel(front_end, way):
    levels = torch.tensor(street_levels(), dtype=torch.float32) + 60
    pinv = Pinv(ThirdOctaves(), front_end, way)
    raised = np.asarray(pinv(levels + 6.0206) - pinv(levels))
    expected = 6.0206 if front_end is PANN_MELS else math.log(4 if way == "power" else 2)
    np.testing.assert_allclose(raised, expected, rtol=0, atol=1e-3)


def test_a_steady_sound_stays_steady():
    levels = torch.full((1, 8, 29), -10.0)
    mels = Pinv(ThirdOctaves(), PANN_MELS)(levels)
    np.testing.assert_allclose(mels, mels[:, :1].expand_as(mels), rtol=0, atol=1e-4)


@WAYS
def test_a_sensor_of_one_frame_per_second(front_end, way):
    """One level per second is spread over the second's Mels."""
    third_octaves = ThirdOctaves(frame_length=32768, hop_length=32000)
    levels = torch.tensor(street_levels(3, 1), dtype=torch.float32)
    mels = Pinv(third_octaves, front_end, way)(levels)
    assert mels.shape == (3, front_end.chunk_frames, 64)
    assert mels.isfinite().all()
    np.testing.assert_allclose(mels, mels[:, :1].expand_as(mels), rtol=0, atol=1e-4)


def test_frames_as_many_as_the_mels_are_not_stretched():
    levels = torch.tensor(street_levels(1, 101), dtype=torch.float32)
    pinv = Pinv(ThirdOctaves(), PANN_MELS)
    alone = torch.cat([pinv(frame[None, None])[0, :1] for frame in levels[0]])
    np.testing.assert_allclose(pinv(levels)[0], alone, rtol=0, atol=1e-4)


@WAYS
def test_silence_is_finite(front_end, way):
    mels = Pinv(ThirdOctaves(), front_end, way)(torch.full((1, 8, 29), -154.0))
    floor = -100 if front_end is PANN_MELS else math.log(0.001)
    np.testing.assert_allclose(mels, floor, rtol=0, atol=1e-3)


def test_gradients_reach_the_levels():
    levels = torch.tensor(street_levels(), dtype=torch.float32, requires_grad=True)
    for front_end in (PANN_MELS, YAMNET_MELS):
        (gradient,) = torch.autograd.grad(Pinv(ThirdOctaves(), front_end)(levels).sum(), levels)
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


@pytest.mark.parametrize(("front_end", "way"), [(PANN_MELS, "magnitude"), (YAMNET_MELS, "root")])
def test_wrong_way_is_refused(front_end, way):
    with pytest.raises(UsageError, match=way):
        Pinv(ThirdOctaves(), front_end, way)

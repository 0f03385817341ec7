"""Third octaves against the published arrays, closed forms, properties, and a slow twin written from docs/method.md."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError

SR, FRAME, HOP, OFFSET_DB, SILENCE_DB = 32000, 4096, 4000, 26.0, -154.0
TWENTY_BANDS = {"lowest_band": -9, "n_bands": 20}  # 125 Hz to 10 kHz
ONE_SECOND = {"frame_length": 32768, "hop_length": 32000}


def noise(*shape, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(shape)


def slow_band_bins(edges, frame=FRAME, lowest_band=-17, n_bands=29):
    """Return the list of bins of each band, from the formulas of section 1."""
    bins = []
    for b in range(lowest_band, lowest_band + n_bands):
        centre = 1000 * 10 ** (b / 10)
        low, high = centre * 10 ** (-1 / 20) / (SR / frame), centre * 10 ** (1 / 20) / (SR / frame)
        first, last = math.ceil(low), math.ceil(high) if edges == "dcase2023" else math.floor(high)
        if last < first:
            first, last = last, first
        bins.append(list(range(first, last + 1)))
    return bins


def slow_window(frame):
    window = []
    taper = math.floor(0.1 * frame)
    for n in range(frame):
        if n < taper:
            window.append(0.5 * (1 + math.cos(2 * math.pi / 0.2 * (n / frame - 0.1))))
        elif n >= frame - taper:
            window.append(0.5 * (1 + math.cos(2 * math.pi / 0.2 * (n / frame - 1 + 0.1))))
        else:
            window.append(1.0)
    return window


def slow_levels(signal, edges="dcase2023", frame=FRAME, hop=HOP, **bands):
    """Return levels (n_frames, n_bands) with plain sums; only the Fourier transform is numpy's."""
    window = slow_window(frame)
    gain = 1 / math.sqrt(sum(w * w for w in window) / frame)
    n_frames = max(1, math.ceil((len(signal) - frame) / hop) + 1)
    levels = []
    for index in range(n_frames):
        samples = list(signal[index * hop : index * hop + frame])
        samples += [0.0] * (frame - len(samples))
        spectrum = np.fft.rfft([x * w for x, w in zip(samples, window, strict=True)])
        power = [abs(value) ** 2 for value in spectrum]
        row = []
        for bins in slow_band_bins(edges, frame, **bands):
            amplitude = gain * math.sqrt(sum(power[k] for k in bins) / 2) / (frame / 2)
            row.append(20 * math.log10(amplitude if amplitude > 0 else 1e-9) + OFFSET_DB)
        levels.append(row)
    return np.array(levels)


def slow_power(level_db):
    return (10 ** ((level_db - OFFSET_DB) / 20) * FRAME * math.sqrt(2) / 2) ** 2


@pytest.mark.shared
def test_golden_levels(golden):
    for clip in golden.values():
        levels = ThirdOctaves().levels(clip["wave32"].astype(np.float64), framing="per_second")
        assert levels.dtype == np.float64
        np.testing.assert_allclose(levels, clip["third_octave_db"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("edges", ["dcase2023", "sensor"])
@pytest.mark.parametrize("n_samples", [1, 3000, 4096, 4097, 20000])
def test_levels_equal_a_slow_twin(edges, n_samples):
    signal = noise(n_samples)
    levels = ThirdOctaves(edges=edges).levels(signal)
    np.testing.assert_allclose(levels, slow_levels(signal, edges), rtol=0, atol=1e-9)


@pytest.mark.parametrize("edges", ["dcase2023", "sensor"])
def test_per_second_levels_equal_a_slow_twin(edges):
    """Each second alone: its last frame lacks 96 samples, and the last second is zero-padded."""
    signal = noise(2 * SR + 9000)
    levels = ThirdOctaves(edges=edges).levels(signal, framing="per_second")
    padded = np.pad(signal, (0, 3 * SR - len(signal)))
    expected = [slow_levels(second, edges) for second in padded.reshape(3, SR)]
    np.testing.assert_allclose(levels, expected, rtol=0, atol=1e-9)
    continuous = ThirdOctaves(edges=edges).levels(signal)
    np.testing.assert_allclose(levels[0, :7], continuous[:7], rtol=0, atol=1e-9)
    assert np.abs(levels[0, 7] - continuous[7]).max() > 1e-3


@pytest.mark.parametrize("edges", ["dcase2023", "sensor"])
@pytest.mark.parametrize(
    ("record", "twin"),
    [(TWENTY_BANDS, TWENTY_BANDS), (ONE_SECOND, {"frame": 32768, "hop": 32000})],
    ids=["twenty bands", "one second"],
)
def test_other_sensors_are_other_records(record, twin, edges):
    signal = noise(70000)
    levels = ThirdOctaves(edges=edges, **record).levels(signal)
    np.testing.assert_allclose(levels, slow_levels(signal, edges, **twin), rtol=0, atol=1e-8)


def test_band_centres():
    centres = ThirdOctaves().centres_hz
    assert len(centres) == 29
    np.testing.assert_allclose(centres[[0, 17, 28]], [19.95262, 1000.0, 12589.254], rtol=1e-6)
    twenty = ThirdOctaves(**TWENTY_BANDS).centres_hz
    np.testing.assert_allclose(twenty[[0, -1]], [125.89254, 10000.0], rtol=1e-6)


@pytest.mark.parametrize("band", [14, 17, 24, 28])
@pytest.mark.parametrize("amplitude", [1.0, 0.03])
@pytest.mark.parametrize("edges", ["dcase2023", "sensor"])
def test_a_tone_reads_its_effective_value_in_its_band(band, amplitude, edges):
    """A tone of amplitude A has an effective value of A/√2, whatever its frequency (in bands of many bins)."""
    frequency = 1000 * 10 ** ((band - 17) / 10)
    tone = amplitude * np.sin(2 * np.pi * frequency * np.arange(SR) / SR)
    levels = ThirdOctaves(edges=edges).levels(tone)[:7]
    assert (levels.argmax(axis=1) == band).all()
    np.testing.assert_allclose(
        levels[:, band], 20 * math.log10(amplitude / math.sqrt(2)) + 26, rtol=0, atol=0.02
    )
    others = np.delete(levels, [band - 1, band, min(band + 1, 28)], axis=1)
    assert others.max() < levels[:, band].min() - 25


@pytest.mark.parametrize("edges", ["dcase2023", "sensor"])
def test_white_noise_reads_its_share_in_every_band(edges):
    """White noise of variance σ² has 2·K·σ²/4096 in a band of K bins."""
    deviation, seconds = 0.2, 60
    signal = deviation * np.random.default_rng(1).standard_normal(seconds * SR)
    levels = ThirdOctaves(edges=edges).levels(signal)[:-1]
    measured = 10 * np.log10(np.mean(10 ** (levels / 10), axis=0))
    for band, bins in enumerate(slow_band_bins(edges)):
        expected = 10 * math.log10(2 * len(bins) * deviation**2 / FRAME) + 26
        # a band's power is a mean of (frames x bins) squares: 4.34 dB over their root is one deviation
        tolerance = 6 * 4.34 / math.sqrt(len(levels) * len(bins))
        assert measured[band] == pytest.approx(expected, abs=tolerance), band


def test_twice_the_amplitude_is_six_decibels():
    signal = noise(SR)
    third_octaves = ThirdOctaves()
    raised = third_octaves.levels(2 * signal) - third_octaves.levels(signal)
    np.testing.assert_allclose(raised, 6.0206, rtol=0, atol=1e-4)


def test_sensor_bands_count_every_bin_once():
    """Only bin 3 counts twice: the 20 Hz band holds no bin of its own and takes the two around it."""
    signal = noise(FRAME)
    window = np.array(slow_window(FRAME))
    power = np.abs(np.fft.rfft(signal * window)) ** 2 / np.mean(window**2)
    covered = slow_power(ThirdOctaves(edges="sensor").levels(signal)).sum()
    assert covered == pytest.approx(power[2:1809].sum() + power[3], rel=1e-9)
    published = slow_power(ThirdOctaves(edges="dcase2023").levels(signal)).sum()
    assert published > covered


@pytest.mark.parametrize(
    ("n_samples", "n_frames"),
    [(1, 1), (4096, 1), (4097, 2), (8096, 2), (8097, 3), (32000, 8), (32096, 8), (32097, 9), (320000, 80)],
)
def test_number_of_frames(n_samples, n_frames):
    third_octaves = ThirdOctaves()
    assert third_octaves.n_frames(n_samples) == n_frames
    assert third_octaves.levels(noise(n_samples)).shape == (n_frames, 29)


@pytest.mark.parametrize("offset_db", [26.0, -94.0])
def test_levels_and_power_are_inverse(offset_db):
    third_octaves = ThirdOctaves(offset_db=offset_db)
    levels = np.linspace(-150, 140, 59)
    power = third_octaves.level_to_power(levels)
    np.testing.assert_allclose(power, slow_power(levels - offset_db + 26), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(third_octaves.power_to_level(power)), levels, rtol=0, atol=1e-9)


def test_level_to_power_and_levels_agree():
    """The power of a level is the sum of the band's |rfft(frame·window)|², corrected for the window."""
    signal = noise(FRAME)
    window = np.array(slow_window(FRAME))
    power = np.abs(np.fft.rfft(signal * window)) ** 2 / np.mean(window**2)
    third_octaves = ThirdOctaves()
    measured = third_octaves.level_to_power(third_octaves.levels(signal))[0]
    expected = [power[bins].sum() for bins in slow_band_bins("dcase2023")]
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_has_a_level(dtype):
    levels = ThirdOctaves().levels(np.zeros(SR, dtype))
    assert levels.dtype == dtype
    np.testing.assert_allclose(levels, SILENCE_DB, rtol=0, atol=1e-4)


def test_the_offset_is_added():
    signal = noise(SR)
    difference = ThirdOctaves(offset_db=-88.0).levels(signal) - ThirdOctaves().levels(signal)
    np.testing.assert_allclose(difference, -88 - 26, rtol=0, atol=1e-9)


@pytest.mark.parametrize("framing", ["continuous", "per_second"])
def test_many_signals_equal_one_by_one(framing):
    signals = noise(2, 3, 40000)
    third_octaves = ThirdOctaves()
    together = third_octaves.levels(signals, framing)
    for index in np.ndindex(2, 3):
        alone = third_octaves.levels(signals[index], framing)
        np.testing.assert_allclose(together[index], alone, rtol=0, atol=1e-9)


def test_torch_and_numpy_agree_and_come_back_as_given():
    signal = noise(40000)
    as_numpy, as_torch = (ThirdOctaves().levels(x) for x in (signal, torch.tensor(signal)))
    assert isinstance(as_numpy, np.ndarray)
    assert isinstance(as_torch, torch.Tensor)
    np.testing.assert_array_equal(as_numpy, as_torch.numpy())


def test_single_precision_is_close_to_double():
    signal = noise(SR)
    single = ThirdOctaves().levels(signal.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, ThirdOctaves().levels(signal), rtol=0, atol=1e-3)


def test_frames_of_a_long_signal_are_those_of_its_parts():
    """Long signals may be analysed piece by piece: no piece may begin or end wrongly."""
    signal = noise(100 * SR)
    third_octaves = ThirdOctaves()
    levels = third_octaves.levels(signal)
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::HOP]
    alone = third_octaves.levels(np.ascontiguousarray(frames))[:, 0]
    np.testing.assert_allclose(levels[: len(alone)], alone, rtol=0, atol=1e-9)
    assert len(levels) == 800


@pytest.mark.parametrize(
    "reason",
    [
        lambda: ThirdOctaves(edges="exact"),
        lambda: ThirdOctaves(sr=16000, n_bands=29),
        lambda: ThirdOctaves(hop_length=0),
        lambda: ThirdOctaves().levels(np.zeros(0)),
        lambda: ThirdOctaves().levels(np.zeros((2, 0))),
        lambda: ThirdOctaves().levels(np.zeros(10), framing="per second"),
    ],
    ids=["edges", "beyond half the rate", "no hop", "no sample", "no samples", "framing"],
)
def test_wrong_use_is_refused(reason):
    with pytest.raises(UsageError):
        reason()


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.integers(1, 3 * SR),
    gain=st.sampled_from([0.0, 1e-6, 0.3, 1.0, 50.0]),
    clipped=st.booleans(),
    framing=st.sampled_from(["continuous", "per_second"]),
)
def test_every_signal_has_finite_levels(n_samples, gain, clipped, framing):
    signal = gain * np.random.default_rng(n_samples).standard_normal(n_samples)
    signal = np.clip(signal, -1, 1) if clipped else signal
    levels = ThirdOctaves().levels(signal, framing)
    seconds = -(-n_samples // SR)
    n_frames = max(1, math.ceil((n_samples - FRAME) / HOP) + 1)
    assert levels.shape == ((n_frames, 29) if framing == "continuous" else (seconds, 8, 29))
    assert np.isfinite(levels).all()
    assert levels.min() >= SILENCE_DB or gain > 0


def test_a_reversed_view_is_a_signal_as_any_other():
    signal = np.random.default_rng(0).standard_normal(5000)
    third_octaves = ThirdOctaves()
    np.testing.assert_array_equal(
        third_octaves.levels(signal[::-1]), third_octaves.levels(signal[::-1].copy())
    )

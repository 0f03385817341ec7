"""Mels against the published arrays, and against librosa on lengths of every kind."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_transcoder.signal.mel_spectrograms import (
    EFFICIENTAT_MELS,
    PANN_MELS,
    YAMNET_MELS,
    front_end_named,
)
from spectral_transcoder.utils.errors import UsageError

LIBROSAS = pytest.mark.parametrize("front_end", [PANN_MELS, YAMNET_MELS], ids=["PANN", "YamNet"])
FRONT_ENDS = pytest.mark.parametrize(
    "front_end", [PANN_MELS, YAMNET_MELS, EFFICIENTAT_MELS], ids=["PANN", "YamNet", "EfficientAT"]
)


def noise(n_samples, seed=0):
    signal = np.random.default_rng(seed).standard_normal(n_samples)
    return signal / max(1e-9, np.abs(signal).max())


def librosa_mels(signal, name):
    """Return log Mels (n_frames, n_mels) as docs/method.md describes them, sections 2 and 12."""
    if name == "EfficientAT":
        return kaldi_mels(signal)
    if name == "PANN":
        mel = librosa.feature.melspectrogram(
            y=signal,
            sr=32000,
            n_fft=1024,
            hop_length=320,
            pad_mode="reflect",
            n_mels=64,
            fmin=50,
            fmax=14000,
            power=2.0,
        )
        return 10 * np.log10(np.maximum(mel, 1e-10)).T
    mel = librosa.feature.melspectrogram(
        y=signal,
        sr=16000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        pad_mode="reflect",
        n_mels=64,
        fmin=125,
        fmax=7500,
        htk=True,
        norm=None,
        power=1.0,
    )
    return np.log(mel + 0.001).T


def kaldi_mels(signal):
    """Return EfficientAT's log Mels (n_frames, 128): Kaldi's filters drawn over Mels of 1127·ln(1 + f/700)."""
    emphasised = signal[1:] - 0.97 * signal[:-1]
    spectrum = librosa.stft(emphasised, n_fft=1024, hop_length=320, pad_mode="reflect", window=hann_of_800())
    edges = np.linspace(0, 1127 * np.log(1 + 15000 / 700), 130)
    mel = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    filters = [np.interp(mel, edges[i : i + 3], [0, 1, 0]) for i in range(128)]
    return ((np.log(np.array(filters) @ np.abs(spectrum) ** 2 + 1e-5) + 4.5) / 5).T


def hann_of_800():
    """Return a symmetric Hann window of 800 samples in the middle of 1024."""
    return np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 799), 112)


@pytest.mark.shared
def test_golden_mels_of_efficientat(golden, golden_efficientat):
    for clip, arrays in golden_efficientat.items():
        signal = golden[clip]["wave32"]
        np.testing.assert_allclose(EFFICIENTAT_MELS.mels(signal), arrays["mel_3s"], rtol=0, atol=1e-4)
        first = EFFICIENTAT_MELS.chunks(signal)[0]
        np.testing.assert_allclose(first, arrays["mel_1s"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("duration_s", "n_frames"), [(1, 100), (3, 300), (10, 1000)])
def test_efficientat_has_100_frames_a_second(duration_s, n_frames):
    mels = EFFICIENTAT_MELS.mels(np.zeros(duration_s * 32000, np.float32))
    assert mels.shape == (n_frames, 128)
    np.testing.assert_allclose(mels, (np.log(1e-5) + 4.5) / 5, rtol=1e-6)
    assert EFFICIENTAT_MELS.silence == pytest.approx((np.log(1e-5) + 4.5) / 5)


def test_filters_before_emphasis_include_it():
    """Of white noise, the Mel spectrum after pre-emphasis is what those filters make of it before."""
    signal = np.random.default_rng(0).standard_normal(20 * 32000)
    frames = np.lib.stride_tricks.sliding_window_view(signal, 800)[::320]
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(800), 1024)) ** 2, axis=0)
    expected = np.exp(5 * EFFICIENTAT_MELS.mels(signal) - 4.5).mean(0)
    np.testing.assert_allclose(power @ EFFICIENTAT_MELS.filters_before_emphasis(), expected, rtol=0.05)
    for front_end in (PANN_MELS, YAMNET_MELS):
        np.testing.assert_array_equal(front_end.filters_before_emphasis(), front_end.filters())


def test_parameters_in_manifests_stay_as_they_were():
    """Fields that came later are left out while at their default: datasets made before are the same still."""
    assert list(PANN_MELS.parameters) == [
        *("name", "sr", "window_length", "hop_length", "n_fft", "n_mels", "fmin", "fmax", "htk", "norm"),
        *("power", "log", "chunk_frames", "patches"),
    ]
    assert EFFICIENTAT_MELS.parameters["pre_emphasis"] == 0.97


@pytest.mark.shared
@pytest.mark.parametrize(
    ("front_end", "wave", "reference"),
    [(PANN_MELS, "wave32", "pann_mel_db"), (YAMNET_MELS, "wave16", "yamnet_logmel")],
    ids=["PANN", "YamNet"],
)
def test_golden_mels(golden, front_end, wave, reference):
    for clip in golden.values():
        np.testing.assert_allclose(front_end.chunks(clip[wave]), clip[reference], rtol=0, atol=1e-3)


@FRONT_ENDS
@pytest.mark.parametrize("n_samples", [160, 640, 1025, 16000, 32000, 50001])
@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning")
def test_mels_equal_librosa(front_end, n_samples):
    signal = noise(n_samples)
    np.testing.assert_allclose(
        front_end.mels(signal), librosa_mels(signal, front_end.name), rtol=0, atol=1e-4
    )


@FRONT_ENDS
def test_single_precision_is_close_to_double(front_end):
    signal = noise(40000)
    single = front_end.mels(signal.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, front_end.mels(signal), rtol=0, atol=1e-2)


@FRONT_ENDS
def test_many_signals_equal_one_by_one(front_end):
    signals = np.stack([noise(9000, seed) for seed in range(3)])
    for together, signal in zip(front_end.mels(signals), signals, strict=True):
        np.testing.assert_allclose(together, front_end.mels(signal), rtol=0, atol=1e-9)


@FRONT_ENDS
def test_torch_and_numpy_agree_and_come_back_as_given(front_end):
    signal = noise(40000)
    as_torch = front_end.mels(torch.tensor(signal))
    assert isinstance(as_torch, torch.Tensor)
    np.testing.assert_array_equal(front_end.mels(signal), as_torch.numpy())


@FRONT_ENDS
def test_chunks_are_seconds_analysed_alone(front_end):
    signal = noise(round(2.4 * front_end.sr))
    chunks = front_end.chunks(signal)
    padded = np.pad(signal, (0, 3 * front_end.sr - len(signal)))
    n_frames = {"PANN": 101, "YamNet": 96, "EfficientAT": 100}[front_end.name]
    for chunk, second in zip(chunks, padded.reshape(3, -1), strict=True):
        expected = librosa_mels(second, front_end.name)[:n_frames]
        np.testing.assert_allclose(chunk, expected, rtol=0, atol=1e-4)


@FRONT_ENDS
def test_frames_of_a_long_signal(front_end):
    """A minute is longer than any block that it may be cut into."""
    signal = noise(60 * front_end.sr)
    np.testing.assert_allclose(
        front_end.mels(signal), librosa_mels(signal, front_end.name), rtol=0, atol=1e-4
    )


def test_pann_takes_the_whole_spectrogram():
    signal = noise(50001)
    np.testing.assert_array_equal(PANN_MELS.classifier_input(signal), PANN_MELS.mels(signal)[None])


def test_yamnet_patches_are_96_frames_of_each_second_of_the_whole_transform():
    signal = noise(16000 * 3 + 15500)
    patches = YAMNET_MELS.classifier_input(signal)
    whole = librosa_mels(signal, "YamNet")
    assert patches.shape == (4, 96, 64)
    for index, patch in enumerate(patches):
        np.testing.assert_allclose(patch, whole[100 * index : 100 * index + 96], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("n_samples", "published", "half_a_second"),
    [
        (1, 1, 1),
        (16000, 1, 1),
        (16000 + 7999, 1, 1),
        (16000 + 8000, 1, 2),
        (16000 + 15359, 1, 2),
        (16000 + 15360, 2, 2),
        (32000, 2, 2),
    ],
)
def test_a_tail_of_half_a_second_or_of_a_whole_patch_is_kept(n_samples, published, half_a_second):
    signal = noise(n_samples)
    assert len(YAMNET_MELS.classifier_input(signal)) == published
    assert len(YAMNET_MELS.classifier_input(signal, shortest_tail_s=0.5)) == half_a_second


@FRONT_ENDS
def test_log_and_its_inverse(front_end):
    mel = np.array([0.0, 1e-12, 1e-3, 1.0, 50.0])
    if front_end is PANN_MELS:
        expected_log, expected_mel = 10 * np.log10(np.maximum(mel, 1e-10)), np.maximum(mel, 1e-10)
    elif front_end is EFFICIENTAT_MELS:
        expected_log, expected_mel = (np.log(mel + 1e-5) + 4.5) / 5, mel
    else:
        expected_log, expected_mel = np.log(mel + 0.001), mel
    log_mel = front_end.to_log(torch.tensor(mel))
    np.testing.assert_allclose(log_mel, expected_log, rtol=1e-12)
    np.testing.assert_allclose(front_end.from_log(log_mel), expected_mel, rtol=1e-9, atol=1e-15)
    assert front_end.from_log(torch.tensor([-500.0, -90.0])).min() >= 0


@FRONT_ENDS
def test_pictures_show_decibels_of_power_for_all(front_end):
    """Twice the amplitude is 6.02 dB more, whatever the front end's own scale."""
    signal = 100 * noise(8000)
    louder, softer = (front_end.to_power_db(front_end.mels(gain * signal)) for gain in (2, 1))
    np.testing.assert_allclose(louder - softer, 6.0206, rtol=0, atol=0.02)


@FRONT_ENDS
def test_no_sample_is_refused(front_end):
    with pytest.raises(UsageError):
        front_end.mels(np.zeros(0))


def test_unknown_front_end_names_the_choices():
    assert front_end_named("YamNet") is YAMNET_MELS
    with pytest.raises(UsageError, match="PANN, YamNet, EfficientAT"):
        front_end_named("VGGish")


@settings(max_examples=30, deadline=None)
@given(n_samples=st.integers(1, 96000), gain=st.sampled_from([0.0, 1e-6, 1.0]))
def test_every_signal_has_finite_mels(n_samples, gain):
    signal = (gain * noise(n_samples, n_samples)).astype(np.float32)
    for front_end in (PANN_MELS, YAMNET_MELS, EFFICIENTAT_MELS):
        mels = front_end.mels(signal)
        analysed = n_samples - (front_end is EFFICIENTAT_MELS)
        assert mels.shape == (analysed // front_end.hop_length + 1, front_end.n_mels)
        assert len(mels) == front_end.n_frames(n_samples)
        assert np.isfinite(mels).all()


@LIBROSAS
@pytest.mark.parametrize(("n_fft", "sr"), [(1024, 32000), (4096, 32000)])
def test_filters_are_librosas(front_end, n_fft, sr):
    own = {name: getattr(front_end, name) for name in ("n_mels", "fmin", "fmax", "htk", "norm")}
    expected = librosa.filters.mel(sr=sr, n_fft=n_fft, dtype=np.float64, **own).T
    np.testing.assert_allclose(front_end.filters(n_fft, sr), expected, rtol=0, atol=1e-14)

"""Sound from Mels, beside librosa's way with the same Mels."""

import librosa
import numpy as np
import pytest

from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS, PANN_MELS, YAMNET_MELS
from spectral_transcoder.synthetic_city.demo_street import street_scene

FRONT_ENDS = pytest.mark.parametrize(
    "front_end", [PANN_MELS, YAMNET_MELS, EFFICIENTAT_MELS], ids=["PANN", "YamNet", "EfficientAT"]
)


def mel_error(signal, mels):
    """Return the mean squared error in dB² between the PANN Mels of a signal and what was asked for."""
    again = PANN_MELS.mels(signal)
    n_frames = min(len(again), len(mels))
    return np.square(again[:n_frames] - mels[:n_frames]).mean()


def librosa_error(mels):
    signal = librosa.feature.inverse.mel_to_audio(
        10 ** (mels.T / 10), sr=32000, n_fft=1024, hop_length=320, n_iter=32, fmin=50, fmax=14000
    )
    return mel_error(signal, mels)


@pytest.mark.shared
@pytest.mark.parametrize("clip", ["street_traffic-milan-1094-42444-a", "park-london-96-2684-a"])
def test_street_recordings_come_back_no_worse_than_librosas(shared, clip):
    mels = PANN_MELS.mels(read_audio(shared / f"audio/tau2020/{clip}.wav").at(32000)[: 3 * 32000])
    assert mel_error(mel_to_audio(mels, PANN_MELS), mels) <= librosa_error(mels)


def test_a_synthetic_street_comes_back_no_worse_than_librosas():
    mels = PANN_MELS.mels(street_scene(3.0).astype(np.float32))
    assert mel_error(mel_to_audio(mels, PANN_MELS), mels) <= librosa_error(mels)


@FRONT_ENDS
def test_a_tone_is_heard_where_it_was(front_end):
    """Its frequency within a Mel band, its level within 1 dB, nothing beyond the filters."""
    time_s = np.arange(2 * front_end.sr) / front_end.sr
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time_s)
    sound = mel_to_audio(front_end.mels(tone), front_end)
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / front_end.sr)
    assert frequency[spectrum.argmax()] == pytest.approx(1000, rel=0.06)
    near = (frequency > 850) & (frequency < 1150)
    assert spectrum[near].sum() > 0.9 * spectrum.sum()
    assert 10 * np.log10(np.mean(sound**2) / np.mean(tone**2)) == pytest.approx(0, abs=1.5)
    assert spectrum[frequency > front_end.fmax + 100].sum() < 1e-3 * spectrum.sum()


@FRONT_ENDS
@pytest.mark.parametrize("n_frames", [1, 2, 3, 101])
def test_length_and_seed(front_end, n_frames):
    rng = np.random.default_rng(0)
    mels = front_end.mels(rng.uniform(-1, 1, max(1, (n_frames - 1) * front_end.hop_length + 1)))
    assert len(mels) == n_frames
    sound = mel_to_audio(mels, front_end, n_iter=3, seed=5)
    assert sound.dtype == np.float32
    assert sound.shape == (max(1, (n_frames - 1) * front_end.hop_length),)
    assert np.isfinite(sound).all()
    np.testing.assert_array_equal(sound, mel_to_audio(mels, front_end, n_iter=3, seed=5))
    if n_frames > 1:
        assert np.abs(sound).max() > 0
        assert not np.array_equal(sound, mel_to_audio(mels, front_end, n_iter=3, seed=6))


@FRONT_ENDS
def test_silence_stays_silent(front_end):
    sound = mel_to_audio(front_end.mels(np.zeros(front_end.sr)), front_end, n_iter=3)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 1e-3


def test_more_rounds_come_nearer():
    mels = PANN_MELS.mels(street_scene(2.0).astype(np.float32))
    errors = [mel_error(mel_to_audio(mels, PANN_MELS, n_iter=n_iter), mels) for n_iter in (0, 4, 24)]
    assert errors[0] > errors[1] > errors[2]

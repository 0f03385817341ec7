"""Reading, resampling, finding and writing sounds, and the files that must be refused."""

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.signal.audio import (
    Recording,
    peak_normalise,
    read_audio,
    resample,
    write_ogg,
    write_wav,
)
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError, MissingFileError, UsageError
from tests.helpers.noisy_sounds import SR as NOISY_SR
from tests.helpers.noisy_sounds import noisy_sound


def tone(sr, duration_s=0.5, frequency=440.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(duration_s * sr)) / sr)


@pytest.mark.shared
def test_golden_waves(shared, golden):
    """Files of 44.1 kHz and 24 bits become the published code's signals at 32 and 16 kHz."""
    for clip, arrays in golden.items():
        recording = read_audio(shared / f"audio/tau2020/{clip}.wav")
        assert recording.name == clip
        assert recording.duration_s == pytest.approx(10, abs=0.01)
        for sr, wave in ((32000, "wave32"), (16000, "wave16")):
            signal = recording.at(sr)
            assert np.abs(signal).max() == pytest.approx(1, abs=1e-6)
            np.testing.assert_allclose(signal[: len(arrays[wave])], arrays[wave], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 1e-2),
        ("wav", "PCM_16", 1e-4),
        ("wav", "PCM_24", 1e-6),
        ("wav", "PCM_32", 1e-6),
        ("wav", "FLOAT", 1e-7),
        ("wav", "DOUBLE", 1e-7),
        ("flac", "PCM_16", 1e-4),
        ("aiff", "PCM_16", 1e-4),
        ("ogg", "VORBIS", 0.1),
        ("mp3", "MPEG_LAYER_III", 0.1),
    ],
)
@pytest.mark.parametrize("sr", [8000, 44100, 48000])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
def test_every_format_rate_and_channel_count(tmp_path, suffix, subtype, tolerance, sr, n_channels):
    """Channels are averaged: each carries the tone at another amplitude."""
    if suffix == "mp3" and n_channels > 2:
        n_channels = 2
    amplitudes = np.linspace(0.2, 1, n_channels)
    samples = tone(sr)[:, None] * amplitudes
    path = tmp_path / f"my sound.{suffix}"
    soundfile.write(path, samples, sr, subtype=subtype)
    recording = read_audio(path)
    assert (recording.sr, recording.name) == (sr, "my sound")
    assert recording.samples.dtype == np.float32
    assert recording.samples.ndim == 1
    expected = tone(sr) * amplitudes.mean()
    if suffix == "mp3":  # the encoder delays and pads
        effective = np.sqrt(np.mean(np.square(recording.samples[1000:3000])))
        assert effective == pytest.approx(0.5 * amplitudes.mean() / np.sqrt(2), rel=0.05)
    else:
        np.testing.assert_allclose(recording.samples, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("sr", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("n_samples", [1, 7, 30001])
def test_resampling_equals_librosa(sr, n_samples):
    samples = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    for target in (32000, 16000):
        expected = librosa.resample(samples, orig_sr=sr, target_sr=target)
        resampled = resample(samples, sr, target)
        assert len(resampled) == -(-n_samples * target // sr)
        np.testing.assert_allclose(resampled, expected, rtol=0, atol=1e-4)


def test_a_tone_keeps_its_frequency_at_another_rate():
    signal = Recording(tone(44100, 1.0, 1000.0).astype(np.float32), 44100).at(32000)
    np.testing.assert_allclose(signal[2000:-2000], tone(32000, 1.0, 1000.0, 1)[2000:-2000], atol=2e-2)


def test_each_rate_comes_from_the_original():
    """16 kHz is not made from 32 kHz, whichever was asked for first."""
    samples = np.random.default_rng(0).standard_normal(44100).astype(np.float32)
    first, second = Recording(samples, 44100), Recording(samples, 44100)
    first.at(32000)
    np.testing.assert_array_equal(first.at(16000), second.at(16000))


def test_peak_normalisation():
    np.testing.assert_allclose(peak_normalise(np.array([0.1, -0.4, 0.2])), [0.25, -1, 0.5])
    np.testing.assert_array_equal(peak_normalise(np.zeros(4)), np.zeros(4))
    assert np.abs(Recording(np.full(100, 1e-6, np.float32), 32000).at(32000)).max() == pytest.approx(1)


def broken_files(folder):
    """Write one file of each kind that cannot be used: {reason: path}."""
    samples = tone(8000)
    paths = {}

    def path(reason, suffix="wav"):
        paths[reason] = folder / f"{reason.replace(' ', '_')}.{suffix}"
        return paths[reason]

    path("empty file").write_bytes(b"")
    soundfile.write(path("no samples"), np.zeros((0, 1)), 8000)
    path("text").write_text("this is no sound\n" * 100)
    path("text of another suffix", "raw").write_text("this is no sound\n" * 100)
    with_nan = samples.copy()
    with_nan[123] = np.nan
    soundfile.write(path("not a number"), with_nan, 8000, subtype="FLOAT")
    soundfile.write(path("infinite"), np.where(np.isnan(with_nan), np.inf, samples), 8000, subtype="FLOAT")
    for reason, share in (("cut in the header", 0.003), ("cut early", 0.02), ("cut late", 0.9999)):
        soundfile.write(path(reason), samples, 8000)
        whole = paths[reason].read_bytes()
        paths[reason].write_bytes(whole[: int(share * len(whole))])
    soundfile.write(path("cut flac", "flac"), samples, 8000)
    whole = paths["cut flac"].read_bytes()
    paths["cut flac"].write_bytes(whole[: len(whole) // 2])
    return paths


REASONS = [
    "empty file",
    "no samples",
    "text",
    "text of another suffix",
    "not a number",
    "infinite",
    "cut in the header",
    "cut early",
    "cut late",
    "cut flac",
]


@pytest.mark.parametrize("reason", REASONS)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path, reason):
    path = broken_files(tmp_path)[reason]
    with pytest.raises(AudioError, match=path.name):
        read_audio(path)


def test_the_first_sample_that_is_no_number_is_named(tmp_path):
    with pytest.raises(AudioError, match="index 123"):
        read_audio(broken_files(tmp_path)["not a number"])


@pytest.mark.parametrize("name", ["missing.wav", "."])
def test_a_missing_file_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(MissingFileError):
        read_audio(tmp_path / name)


def test_a_wav_with_other_chunks_is_whole(tmp_path):
    """Chunks of metadata before and after the samples are no truncation."""
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(8000), 8000)
    whole = path.read_bytes()
    chunk = b"LIST" + (5).to_bytes(4, "little") + b"hello\0"
    path.write_bytes(whole[:12] + chunk + whole[12:] + chunk)
    assert len(read_audio(path).samples) == 4000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_samples=st.integers(1, 30000),
    n_channels=st.integers(1, 2),
    sr=st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]),
    sound=st.sampled_from(["noise", "silence", "clipped"]),
)
def test_every_length_is_read_and_resampled(tmp_path, n_samples, n_channels, sr, sound):
    samples = np.random.default_rng(n_samples).uniform(-0.9, 0.9, (n_samples, n_channels))
    samples = {"noise": samples, "silence": 0 * samples, "clipped": np.sign(samples)}[sound]
    soundfile.write(tmp_path / "a.wav", samples, sr, subtype="FLOAT")
    recording = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(recording.samples, samples.mean(axis=1), rtol=0, atol=1e-6)
    for rate in (16000, 32000):
        signal = recording.at(rate)
        assert len(signal) == -(-n_samples * rate // sr)
        assert np.isfinite(signal).all()
        # a few samples may vanish in a lower rate
        assert np.abs(signal).max() == pytest.approx(1, abs=1e-5) or sound == "silence" or n_samples < 16


@pytest.mark.parametrize(("peak", "written"), [(0.5, 0.5), (1.0, 1.0), (4.0, 1.0)])
def test_written_sounds_keep_their_level_or_are_scaled_to_full(tmp_path, peak, written):
    path = tmp_path / "new folder" / "a.wav"
    samples = tone(16000, amplitude=1.0)
    samples *= peak / np.abs(samples).max()
    write_wav(path, samples, 16000)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "WAV")
    back = soundfile.read(path)[0]
    np.testing.assert_allclose(back, samples * written / peak, rtol=0, atol=2 / 32768)
    assert [file.name for file in path.parent.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["a", "a.flac", "a.txt"])
def test_a_wav_is_written_under_a_wavs_name_only(tmp_path, name):
    with pytest.raises(UsageError, match="wav"):
        write_wav(tmp_path / name, tone(8000), 8000)
    assert not list(tmp_path.iterdir())


def test_samples_that_are_no_numbers_are_not_written(tmp_path):
    with pytest.raises(AudioError):
        write_wav(tmp_path / "a.wav", np.array([0.0, np.nan]), 8000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("duration_s", [0.01, 1.0, 90.3])
def test_ogg_keeps_the_sound(tmp_path, duration_s):
    """As long as it was, and nearly the same; libvorbis fails on a long sound written at once."""
    samples = tone(16000, duration_s, amplitude=2.0)
    write_ogg(tmp_path / "a.ogg", samples, 16000)
    written, sr = soundfile.read(tmp_path / "a.ogg")
    assert (sr, len(written)) == (16000, len(samples))
    assert np.sqrt(np.mean((written - samples / 2) ** 2)) < 0.02


@pytest.mark.parametrize(
    ("gain", "cancels"), [(-1, True), (-0.99, True), (-0.5, False), (1, False), (0, False)]
)
def test_channels_that_cancel_are_reported(tmp_path, gain, cancels):
    path = tmp_path / "a.wav"
    mono = noisy_sound()[:, 0]
    soundfile.write(path, np.stack([mono, gain * mono], axis=1), NOISY_SR, subtype="FLOAT")
    remarks = read_audio(path).remarks
    assert bool(remarks) is cancels
    for channel, expected in ((1, mono), (2, gain * mono)):
        recording = read_audio(path, Reading(channel=channel))
        np.testing.assert_allclose(recording.samples, expected, atol=1e-6)
        assert not recording.remarks
    with pytest.raises(AudioError, match="there is no channel 3"):
        read_audio(path, Reading(channel=3))


def test_a_constant_offset_hides_no_cancelling(tmp_path):
    """As microphones have one: the mean of both channels is the offset alone, which nobody hears."""
    path = tmp_path / "a.wav"
    mono = 0.5 * noisy_sound()[:, 0]
    soundfile.write(path, np.stack([mono, -mono], axis=1) + 0.4, NOISY_SR, subtype="FLOAT")
    assert "channels cancel" in read_audio(path).remarks[0]
    soundfile.write(path, np.full((NOISY_SR, 2), 0.4), NOISY_SR, subtype="FLOAT")
    assert not read_audio(path).remarks

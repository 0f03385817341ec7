"""Transcoders: what the published weights make of clips, and whole recordings of any length."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings, load_transcoder
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.made_transcoders import SR, noise, transcoder_of

MEL_FRONT_ENDS = {"PANN": PANN_MELS, "YamNet": YAMNET_MELS}


@lru_cache
def small_transcoder(front_end):
    return transcoder_of(front_end)


def mels_by_hand(transcoder, levels, n_samples):
    """Join seconds as docs/method.md says, section 1: levels [S, 8, 29] of a recording of `n_samples` at 32 kHz."""
    with torch.no_grad():
        seconds = [transcoder(torch.tensor(second)[None].float())[0].numpy() for second in levels]
    if transcoder.front_end is YAMNET_MELS:
        whole, tail = divmod(n_samples, SR)
        keep = max(1, whole + (tail >= SR / 2))
        return np.stack(seconds[:keep])
    frames = [frame for second in seconds[:-1] for frame in second[:100]] + list(seconds[-1])
    return np.stack(frames)[: n_samples // 320 + 1]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("classifier", "taught", "reference", "mean", "worst"),
    [
        ("PANN", False, "cnn_mels_pann", 1e-3, 1e-3),
        ("PANN", True, "cnn_logits_pann", 1e-3, 1e-2),
        ("YamNet", True, "cnn_logits_yamnet", 1e-3, 1e-3),
    ],
    ids=["CNN-mels PANN", "CNN-logits PANN", "CNN-logits YamNet"],
)
def test_golden_transcoders(golden, published_weights, classifier, taught, reference, mean, worst):
    transcoder = load_transcoder(published_weights(classifier, taught))
    assert sum(parameter.numel() for parameter in transcoder.parameters()) == 186_497
    for clip in golden.values():
        levels = torch.tensor(clip["third_octave_db"])
        error = np.abs(transcoder.transcode_seconds(levels).numpy() - clip[reference])
        assert error.mean() < mean
        assert error.max() < worst


@pytest.fixture(scope="module")
def street_recordings(shared):
    recordings = [read_audio(path) for path in sorted((shared / "audio/tau2020").glob("*.wav"))]
    assert len(recordings) == 6
    return recordings


@pytest.mark.shared
@pytest.mark.parametrize(
    ("classifier", "taught", "way", "expected", "tolerance"),
    [
        ("PANN", None, "power", 13.30, 0.02),
        ("PANN", False, None, 11.08, 0.02),
        ("PANN", True, None, 20.24, 0.02),
        ("YamNet", None, "power", 2.72, 0.02),
        ("YamNet", None, "magnitude", 1.07, 0.02),
    ],
    ids=["PANN PINV", "PANN CNN-mels", "PANN CNN-logits", "YamNet PINV power", "YamNet PINV magnitude"],
)
def test_mel_error_on_sixty_seconds_of_street(
    street_recordings, published_weights, classifier, taught, way, expected, tolerance
):
    """The mean squared error between transcoded and true Mels, in dB² for PANN (docs/method.md, sections 3 and 8)."""
    if taught is None:
        transcoder = Transcoder(TranscoderSettings("pinv", classifier, way))
    else:
        transcoder = load_transcoder(published_weights(classifier, taught))
    front_end = MEL_FRONT_ENDS[classifier]
    errors = []
    for recording in street_recordings:
        levels = ThirdOctaves().levels(recording.at(SR), framing="per_second")
        assert len(levels) == 10
        mels = transcoder.transcode_seconds(torch.tensor(levels)).numpy()
        errors.append(np.square(mels - front_end.chunks(recording.at(front_end.sr))).mean())
    assert np.mean(errors) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
@pytest.mark.parametrize("duration_s", [0.3, 1.0, 2.3, 2.5, 3.0])
@pytest.mark.parametrize("batch_size", [64, 2])
def test_a_recording_is_transcoded_second_by_second(front_end, duration_s, batch_size):
    signal = noise(round(duration_s * SR))
    transcoder = transcoder_of(front_end)
    padded = np.pad(signal, (0, -len(signal) % SR))
    levels = [ThirdOctaves().levels(second) for second in padded.reshape(-1, SR)]
    expected = mels_by_hand(transcoder, levels, len(signal))
    mels = transcoder.transcode(signal, batch_size=batch_size)
    assert isinstance(mels, np.ndarray)
    np.testing.assert_allclose(mels, expected, rtol=0, atol=1e-3)
    as_tensor = transcoder.transcode(torch.tensor(signal))
    np.testing.assert_allclose(as_tensor.numpy(), mels, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "third_octaves",
    [
        ThirdOctaves(lowest_band=-9, n_bands=20),
        ThirdOctaves(frame_length=32768, hop_length=32000),
        ThirdOctaves(edges="sensor", offset_db=-94.0),
    ],
    ids=["twenty bands", "one second", "sensor"],
)
@pytest.mark.parametrize(
    "network", ["pinv", "pinv_texture", "cnn_pinv", "cnn_texture", "cnn_grid", "mlp", "mlp_pinv"]
)
@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
def test_other_sensors(third_octaves, network, front_end):
    transcoder = transcoder_of(front_end, network, third_octaves=third_octaves)
    signal = noise(2 * SR)
    n_frames = {"PANN": (201, 64), "YamNet": (2, 96, 64)}[front_end]
    mels = transcoder.transcode(signal)
    assert mels.shape == n_frames
    assert np.isfinite(mels).all()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_samples=st.integers(1, 3 * SR),
    sound=st.sampled_from(["noise", "silence", "clipped", "click"]),
    front_end=st.sampled_from(["PANN", "YamNet"]),
)
def test_time_axis_is_the_recordings_own(n_samples, sound, front_end):
    """However long the recording: as many Mels as its true Mels have, all of them finite (docs/method.md, defect 9)."""
    signal = noise(n_samples, seed=n_samples)
    if sound == "silence":
        signal *= 0
    elif sound == "clipped":
        signal = np.clip(40 * signal, -1, 1)
    elif sound == "click":
        signal = np.zeros_like(signal)
        signal[n_samples // 2] = 1
    mels = small_transcoder(front_end).transcode(signal)
    at_its_rate = signal if front_end == "PANN" else signal[::2]
    true = MEL_FRONT_ENDS[front_end].classifier_input(at_its_rate, shortest_tail_s=0.5)
    assert mels.shape == (true[0].shape if front_end == "PANN" else true.shape)
    assert len(mels) == (n_samples // 320 + 1 if front_end == "PANN" else len(true))
    assert np.isfinite(mels).all()


def test_a_transcoder_is_ready_to_use():
    """It begins in evaluation mode, and refuses names that it does not know."""
    assert not transcoder_of().training
    with pytest.raises(UsageError, match="cnn_pinv"):
        Transcoder(TranscoderSettings("cnn", "PANN"))
    with pytest.raises(UsageError, match="YamNet"):
        Transcoder(TranscoderSettings("pinv", "VGGish"))
    with pytest.raises(UsageError, match="hidden3"):
        Transcoder(TranscoderSettings("mlp", "PANN", options={"hidden3": 1}))


@pytest.mark.parametrize("front_end", ["PANN", "YamNet"])
def test_transcoded_tensors_may_be_trained_on(front_end):
    """What a transcoder gives can enter another network's loss."""
    mels = transcoder_of(front_end).transcode(torch.tensor(noise(SR)))
    weight = torch.ones(64, requires_grad=True)
    (mels * weight).mean().backward()
    assert weight.grad.isfinite().all()


def test_transcode_takes_one_channel():
    with pytest.raises(UsageError, match=r"\(2, 32000\).*one recording"):
        Transcoder(TranscoderSettings("pinv")).transcode(np.zeros((2, 32000), np.float32))

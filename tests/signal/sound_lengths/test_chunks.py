"""Wav files: streams are read whole, those that were cut are refused or read as far as they go."""

import struct

import numpy as np
import pytest
import soundfile

from spectral_transcoder.signal.audio import open_sound, read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError
from tests.helpers.noisy_sounds import N_FRAMES, SR, noisy_sound

ACCEPTING = Reading(accept_truncated=True)


def wav(data, length, further=b"", form=(1, 1, SR, 2 * SR, 2, 16), riff=None):
    """Return a wav whose data chunk says `length`."""
    chunk = b"fmt " + struct.pack("<IHHIIHH", 16, *form)
    body = chunk + b"data" + struct.pack("<I", length) + data + further
    riff = (4 + len(body)) & 0xFFFFFFFF if riff is None else riff
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + body


@pytest.fixture
def pcm():
    return (noisy_sound()[:, 0] * 32767).astype("<i2")


@pytest.mark.parametrize(
    "length",
    [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0xFFFFFFFF - 44, 0],
    ids=hex,
)
@pytest.mark.parametrize("riff", [0, 0x7FFFF024, 0xFFFFFFFF])
def test_streams_of_sox_arecord_ffmpeg_and_gstreamer_are_whole(tmp_path, pcm, length, riff):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm.tobytes(), length, riff=riff))
    with open_sound(path) as opened:
        assert opened.frames == N_FRAMES
    recording = read_audio(path)
    np.testing.assert_array_equal(recording.samples, pcm / np.float32(32768))
    assert not recording.remarks


def test_a_wav_without_samples_is_no_stream(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(b"", 0, b"LIST" + struct.pack("<I", 4) + b"INFO"))
    with pytest.raises(AudioError, match="no sample"):
        read_audio(path)


@pytest.mark.parametrize("declared_s", [1, 2.9])
def test_a_header_that_says_less_than_there_is_is_refused(tmp_path, pcm, declared_s):
    """As a recorder leaves it that lost its power, or the counter of a wav beyond 4 GB that began anew."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm.tobytes(), round(2 * declared_s * SR)))
    with pytest.raises(AudioError, match=r"a\.wav .*48000 are there.*--accept_truncated"):
        read_audio(path)
    recording = read_audio(path, ACCEPTING)
    np.testing.assert_array_equal(recording.samples, pcm / np.float32(32768))
    assert "48000 are there" in recording.remarks[0]


@pytest.mark.parametrize("further", [b"LIST" + struct.pack("<I", 4) + b"INFO", b"TAG" + bytes(125)])
def test_chunks_and_tags_after_the_samples_are_no_samples(tmp_path, pcm, further):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm.tobytes(), 2 * N_FRAMES, further))
    assert len(read_audio(path).samples) == N_FRAMES


@pytest.mark.parametrize("n_samples", [N_FRAMES, N_FRAMES - 1])
def test_a_long_chunk_after_an_odd_number_of_bytes_is_no_samples(tmp_path, n_samples):
    """Chunks begin at even positions: a picture of the place, a byte behind samples of 8 bits."""
    path, further = tmp_path / "a.wav", b"LIST" + struct.pack("<I", 2 * N_FRAMES) + bytes(2 * N_FRAMES)
    samples = bytes([128, 200] * N_FRAMES)[:n_samples]
    path.write_bytes(wav(samples + bytes(n_samples % 2), n_samples, further, form=(1, 1, SR, SR, 1, 8)))
    recording = read_audio(path)
    assert len(recording.samples) == n_samples and not recording.remarks


def test_a_compressed_wav_ends_where_it_says(tmp_path):
    """The last block of MS-ADPCM is filled; the chunk `fact` says how many frames the sound has."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.vstack([noisy_sound(), noisy_sound()[:1000]]), SR, subtype="MS_ADPCM")
    whole = bytearray(path.read_bytes())
    position = whole.index(b"fact") + 8
    assert struct.unpack_from("<I", whole, position)[0] > N_FRAMES
    struct.pack_into("<I", whole, position, soundfile.info(path).frames - 377)
    path.write_bytes(whole)
    assert len(read_audio(path).samples) == soundfile.info(path).frames - 377
    with open_sound(path) as opened:
        assert opened.frames == soundfile.info(path).frames - 377

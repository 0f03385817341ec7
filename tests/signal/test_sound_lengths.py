"""Streams are read whole, files that were cut are refused or read as far as they go, whatever the format."""

import contextlib
import io
import struct

import numpy as np
import pytest
import soundfile

from spectral_transcoder.signal.audio import open_sound, read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError

SR = 8000
N_FRAMES = 3 * SR
ACCEPTING = Reading(accept_truncated=True)
# formats whose headers do not say how much there is: a cut between two frames cannot be seen
WITHOUT_LENGTH = {"PAF", "PVF", "IRCAM", "XI"}
# formats of which libsndfile opens nothing that was cut, or makes up what is missing
UNREADABLE_WHEN_CUT = {
    ("HTK", "PCM_16"),
    ("VOC", "PCM_U8"),
    *(("SDS", f"PCM_{bits}") for bits in ("S8", "16", "24")),
    *(("CAF", f"ALAC_{bits}") for bits in ("16", "20", "24", "32")),
}


def sound(n_channels=1):
    """Return (n_frames, n_channels) samples that no compression makes short."""
    rng = np.random.default_rng(0)
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(N_FRAMES) / SR)
    return np.stack([samples + 0.1 * rng.standard_normal(N_FRAMES) for _ in range(n_channels)], axis=1)


def writable():
    """Return every (format, subtype) that soundfile writes; SD2 keeps its header in a second file."""
    found = []
    for kind in sorted(soundfile.available_formats().keys() - {"RAW", "SD2"}):
        for subtype in soundfile.available_subtypes(kind):
            with contextlib.suppress(soundfile.SoundFileError):
                soundfile.SoundFile(io.BytesIO(), "w", SR, 1, subtype, format=kind).close()
                found.append((kind, subtype))
    return found


def wav(data, length, further=b"", form=(1, 1, SR, 2 * SR, 2, 16), riff=None):
    """Return a wav whose data chunk says `length`."""
    chunk = b"fmt " + struct.pack("<IHHIIHH", 16, *form)
    body = chunk + b"data" + struct.pack("<I", length) + data + further
    riff = (4 + len(body)) & 0xFFFFFFFF if riff is None else riff
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + body


@pytest.fixture
def pcm():
    return (sound()[:, 0] * 32767).astype("<i2")


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


def test_a_compressed_wav_ends_where_it_says(tmp_path):
    """The last block of MS-ADPCM is filled; the chunk `fact` says how many frames the sound has."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.vstack([sound(), sound()[:1000]]), SR, subtype="MS_ADPCM")
    whole = bytearray(path.read_bytes())
    position = whole.index(b"fact") + 8
    assert struct.unpack_from("<I", whole, position)[0] > N_FRAMES
    struct.pack_into("<I", whole, position, soundfile.info(path).frames - 377)
    path.write_bytes(whole)
    assert len(read_audio(path).samples) == soundfile.info(path).frames - 377
    with open_sound(path) as opened:
        assert opened.frames == soundfile.info(path).frames - 377


def test_a_flac_that_was_piped_is_read(tmp_path):
    """Its header has no number of samples."""
    path = tmp_path / "a.flac"
    soundfile.write(path, sound(), SR)
    whole = bytearray(path.read_bytes())
    whole[21] &= 0xF0  # 36 bits from here on
    whole[22:26] = bytes(4)
    path.write_bytes(whole)
    with open_sound(path) as opened:
        assert opened.frames == N_FRAMES
    assert len(read_audio(path).samples) == N_FRAMES


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), writable())
def test_every_format_that_was_cut(tmp_path, kind, subtype, n_channels):
    """Whole, it is read; cut in half, it is refused, or read as far as it goes: the beginning of the whole."""
    path = tmp_path / "a.sound"
    try:
        soundfile.write(path, sound(n_channels), SR, subtype=subtype, format=kind)
        expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    except soundfile.SoundFileError:
        pytest.skip("soundfile does not read back what it writes so")
    np.testing.assert_allclose(read_audio(path).samples, expected, atol=1e-6)
    np.testing.assert_allclose(read_audio(path, ACCEPTING).samples, expected, atol=1e-6)
    assert not read_audio(path, ACCEPTING).remarks

    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    if kind in WITHOUT_LENGTH:
        return
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)
    if kind == "OGG":  # half of so short a one is less than its head
        return
    if (kind, subtype) in UNREADABLE_WHEN_CUT:
        with pytest.raises(AudioError, match=r"a\.sound"):
            read_audio(path, ACCEPTING)
        return
    recording = read_audio(path, ACCEPTING)
    n_read = len(recording.samples)
    assert 0.25 * N_FRAMES < n_read < 0.95 * N_FRAMES
    beginning = slice(0, n_read if subtype.startswith(("PCM", "FLOAT", "DOUBLE")) else n_read - 4096)
    np.testing.assert_allclose(recording.samples[beginning], expected[:n_read][beginning], atol=1e-3)
    assert "truncated" in recording.remarks[0]


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "subtype", "frame_bytes"),
    [
        ("PAF", "PCM_16", 2),
        ("PAF", "PCM_24", 32),
        ("PVF", "PCM_16", 2),
        ("PVF", "PCM_32", 4),
        ("IRCAM", "PCM_16", 2),
        ("IRCAM", "FLOAT", 4),
    ],
)
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_a_cut_within_a_frame_is_seen_where_the_header_has_no_length(
    tmp_path, kind, subtype, frame_bytes, n_channels, endian
):
    path = tmp_path / "a.sound"
    try:
        soundfile.write(path, sound(n_channels), SR, subtype=subtype, format=kind, endian=endian)
    except soundfile.SoundFileError:
        pytest.skip("soundfile does not write that")
    whole, frame = path.read_bytes(), frame_bytes * n_channels
    half = len(whole) - N_FRAMES // 20 * frame  # the header is in front, whole frames behind it
    for missing in range(1, min(frame, 5)):
        path.write_bytes(whole[: half - missing])
        with pytest.raises(AudioError, match=rf"no whole frame of {frame}"):
            read_audio(path)
        assert "truncated" in read_audio(path, ACCEPTING).remarks[0]


def test_an_instrument_with_a_table_of_lengths_that_was_cut(tmp_path):
    """As FastTracker writes it; libsndfile writes noughts in the table."""
    path = tmp_path / "a.xi"
    soundfile.write(path, sound(), SR, subtype="DPCM_16", format="XI")
    whole = bytearray(path.read_bytes())
    struct.pack_into("<I", whole, 298, len(whole) - 338)
    path.write_bytes(whole)
    assert len(read_audio(path).samples) == N_FRAMES
    path.write_bytes(whole[:-2])
    with pytest.raises(
        AudioError, match=rf"promises {2 * N_FRAMES} bytes of samples, {2 * N_FRAMES - 2} are"
    ):
        read_audio(path)
    assert len(read_audio(path, ACCEPTING).samples) == N_FRAMES - 1


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_long_ogg_that_was_cut(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    samples = np.tile(sound()[:, 0], 10)
    with soundfile.SoundFile(path, "w", SR, 1, subtype, format="OGG") as file:
        for second in np.split(samples, 30):
            file.write(second)
    whole = path.read_bytes()
    for share in (0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(AudioError, match="page"):
            read_audio(path)
        recording = read_audio(path, ACCEPTING)
        assert 0.3 * share < len(recording.samples) / len(samples) < share + 0.02
        assert "page" in recording.remarks[0]


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG"])
@pytest.mark.parametrize("missing", [1, 2, 40])
def test_the_last_bytes_are_missed(tmp_path, kind, missing):
    path = tmp_path / "a.sound"
    soundfile.write(path, sound(), SR, format=kind)
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)


@pytest.mark.parametrize(
    ("gain", "cancels"), [(-1, True), (-0.99, True), (-0.5, False), (1, False), (0, False)]
)
def test_channels_that_cancel_are_reported(tmp_path, gain, cancels):
    path = tmp_path / "a.wav"
    mono = sound()[:, 0]
    soundfile.write(path, np.stack([mono, gain * mono], axis=1), SR, subtype="FLOAT")
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
    mono = 0.5 * sound()[:, 0]
    soundfile.write(path, np.stack([mono, -mono], axis=1) + 0.4, SR, subtype="FLOAT")
    assert "channels cancel" in read_audio(path).remarks[0]
    soundfile.write(path, np.full((SR, 2), 0.4), SR, subtype="FLOAT")
    assert not read_audio(path).remarks


def test_a_cut_flac_is_told_as_such(tmp_path):
    """A stream of FLAC has no size in its header: the decoder fails where it ends."""
    path = tmp_path / "a.flac"
    soundfile.write(path, sound(), SR)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        AudioError, match=r"no whole sound: it cannot be decoded to its end.*--accept_truncated"
    ):
        read_audio(path)
    assert read_audio(path, Reading(accept_truncated=True)).remarks


def test_an_empty_file_is_told_as_such(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match=r"a\.wav is empty"):
        read_audio(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(b"no sound at all")
    with pytest.raises(AudioError, match=r"\(Error opening Format not recognised|\(Format not recognised"):
        read_audio(tmp_path / "b.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"OggS" + bytes(4),
        b"riff\x2e\x91\xcf\x11" + bytes(32) + b"fmt " + bytes(12) + b"\xff" * 8,
        b"caff" + bytes(40),
        b"MATLAB 5.0 MAT-file" + bytes(60),
    ],
    ids=["Ogg", "Wave64", "CAF", "MATLAB 5"],
)
def test_headers_that_end_or_promise_the_impossible(tmp_path, content):
    path = tmp_path / "a.sound"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)


def test_a_sample_dump_of_no_bits_is_refused(tmp_path):
    path = tmp_path / "a.sds"
    soundfile.write(path, sound(), SR, subtype="PCM_16", format="SDS")
    data = bytearray(path.read_bytes())
    data[6] = 0
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"a\.sds"):
        read_audio(path)

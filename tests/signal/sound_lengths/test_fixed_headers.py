"""Headers with their numbers in fixed places: what a cut leaves to see it by."""

import struct

import pytest
import soundfile

from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError
from tests.helpers.noisy_sounds import N_FRAMES, SR, noisy_sound

ACCEPTING = Reading(accept_truncated=True)


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
        soundfile.write(path, noisy_sound(n_channels), SR, subtype=subtype, format=kind, endian=endian)
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
    soundfile.write(path, noisy_sound(), SR, subtype="DPCM_16", format="XI")
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


def test_a_sample_dump_of_no_bits_is_refused(tmp_path):
    path = tmp_path / "a.sds"
    soundfile.write(path, noisy_sound(), SR, subtype="PCM_16", format="SDS")
    data = bytearray(path.read_bytes())
    data[6] = 0
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"a\.sds"):
        read_audio(path)

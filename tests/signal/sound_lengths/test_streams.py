"""Streams: Ogg's last page, and a FLAC without a number of samples."""

import numpy as np
import pytest
import soundfile

from spectral_transcoder.signal.audio import open_sound, read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError
from tests.helpers.noisy_sounds import N_FRAMES, SR, noisy_sound

ACCEPTING = Reading(accept_truncated=True)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_long_ogg_that_was_cut(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    samples = np.tile(noisy_sound()[:, 0], 10)
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


def test_a_flac_that_was_piped_is_read(tmp_path):
    """Its header has no number of samples."""
    path = tmp_path / "a.flac"
    soundfile.write(path, noisy_sound(), SR)
    whole = bytearray(path.read_bytes())
    whole[21] &= 0xF0  # 36 bits from here on
    whole[22:26] = bytes(4)
    path.write_bytes(whole)
    with open_sound(path) as opened:
        assert opened.frames == N_FRAMES
    assert len(read_audio(path).samples) == N_FRAMES


def test_a_cut_flac_is_reported_as_such(tmp_path):
    """A stream of FLAC has no size in its header: the decoder fails where it ends."""
    path = tmp_path / "a.flac"
    soundfile.write(path, noisy_sound(), SR)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        AudioError, match=r"no whole sound: it cannot be decoded to its end.*--accept_truncated"
    ):
        read_audio(path)
    assert read_audio(path, ACCEPTING).remarks

"""Frames of MPEG audio: lengths by the standard's formula, and files that end within one."""

import numpy as np
import pytest
import soundfile

from spectral_transcoder.signal.audio import open_sound, read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.signal.sound_lengths.mpeg_frames import BIT_RATES_KBIT, find_frames, frame_bytes
from spectral_transcoder.utils.errors import AudioError

SR = 44100
ID3V2 = b"ID3\x04\x00\x00\x00\x00\x01\x02" + bytes(130)  # 1 · 128 + 2 bytes
ID3V1 = b"TAG" + bytes(125)


def written(path, **options):
    """Return two seconds of noise as libsndfile writes them, and without the first frame, which counts the others."""
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(2 * SR), SR, **options)
    content = path.read_bytes()
    first = frame_bytes(content[:4])
    assert b"Xing" in content[:first] or b"Info" in content[:first]
    return content, content[first:]


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    """Frames of one bit rate, without one that counts them."""
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    return written(path, bitrate_mode="CONSTANT", compression_level=0.5)[1]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("FFFB9000", 144 * 128000 // 44100),  # MPEG 1, layer III
        ("FFFB9200", 144 * 128000 // 44100 + 1),  # with padding
        ("FFFBE400", 144 * 320000 // 48000),
        ("FFF38000", 72 * 64000 // 22050),  # MPEG 2, layer III
        ("FFE38000", 72 * 64000 // 11025),  # MPEG 2.5
        ("FFFD9000", 144 * 160000 // 44100),  # layer II
        ("FFFF9000", 4 * (12 * 288000 // 44100)),  # layer I
        ("FFFB0000", 0),  # a free format
        ("FFFBF000", 0),  # no such rate
        ("FFFB9C00", 0),  # no such sample rate
        ("FFF19000", 0),  # AAC
        ("FFEB9000", 0),  # no such version
        ("54414700", 0),  # TAG
        ("FF1B9000", 0),  # eleven bits begin a frame, not eight
        ("FFFB", 0),
    ],
)
def test_the_length_of_a_frame_is_the_standards(header, expected):
    assert frame_bytes(bytes.fromhex(header)) == expected


def test_bit_rates_are_the_standards():
    """Multiples of 8 kbit/s that rise, 14 for each layer, with the highest rates that the standard knows."""
    for rates in BIT_RATES_KBIT.values():
        assert len(rates) == 15 and list(rates) == sorted(set(rates))
        assert not any(rate % 8 for rate in rates)
    assert [rates[-1] for rates in BIT_RATES_KBIT.values()] == [448, 384, 320, 256, 160, 160]


@pytest.mark.parametrize("before", [b"", ID3V2], ids=["", "ID3v2"])
@pytest.mark.parametrize("after", [b"", ID3V1, bytes(1000)], ids=["", "ID3v1", "noughts"])
def test_whole_files_lack_nothing(tmp_path, mp3, before, after):
    path = tmp_path / "a.mp3"
    path.write_bytes(before + mp3 + after)
    with path.open("rb") as file:
        frames = find_frames(file)
    assert (frames.missing_bytes, frames.n_rates, frames.counted) == (0, 1, False)
    assert frames.n_frames * 1152 == pytest.approx(2 * SR, abs=4 * 1152)
    recording = read_audio(path)
    assert len(recording.samples) == frames.n_frames * 1152
    assert not recording.remarks
    with open_sound(path) as sound:
        assert sound.frames == len(recording.samples)


@pytest.mark.parametrize("before", [b"", ID3V2], ids=["", "ID3v2"])
def test_a_file_that_ends_within_a_frame_is_refused_or_read_as_far_as_it_goes(tmp_path, mp3, before):
    path, starts = tmp_path / "a.mp3", [0]
    while starts[-1] < len(mp3):
        starts.append(starts[-1] + frame_bytes(mp3[starts[-1] : starts[-1] + 4]))
    assert starts[-1] == len(mp3)
    end = starts[len(starts) // 2]
    for lacking in (1, 200, 400):
        path.write_bytes(before + mp3[: end - lacking])
        with pytest.raises(AudioError, match=rf"a\.mp3 .*lacks {lacking} bytes?\b.*--accept_truncated"):
            read_audio(path)
        recording = read_audio(path, Reading(accept_truncated=True))
        assert 0.4 < recording.duration_s / 2 < 0.6
        assert "truncated" in recording.remarks[0]
    path.write_bytes(before + mp3[:end])  # between two frames there is nothing to see
    assert not read_audio(path).remarks


def test_what_only_begins_like_a_frame_is_none(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes.fromhex("FFFB9000") + bytes(100))
    with path.open("rb") as file:
        assert find_frames(file).n_frames == 1


@pytest.mark.parametrize("accept_truncated", [False, True])
def test_frames_of_several_rates_that_nobody_counted_are_refused(tmp_path, accept_truncated):
    """libsndfile would end after a third of it."""
    path = tmp_path / "a.mp3"
    whole, uncounted = written(path)
    assert len(read_audio(path).samples) == 2 * SR
    path.write_bytes(uncounted)
    with pytest.raises(AudioError, match=r"a\.mp3 .*several bit rates.*ffmpeg$"):
        read_audio(path, Reading(accept_truncated=accept_truncated))
    path.write_bytes(whole[:-100])
    with pytest.raises(AudioError, match=r"lacks \d+ bytes?"):
        read_audio(path)

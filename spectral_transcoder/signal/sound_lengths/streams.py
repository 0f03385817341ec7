"""Streams without a header over all: the frames of MP3, the pages of Ogg."""

from typing import BinaryIO

from spectral_transcoder.signal.sound_lengths.length import SoundLength
from spectral_transcoder.signal.sound_lengths.mpeg_frames import find_frames
from spectral_transcoder.utils.words import counted

OGG_PAGE_BYTES = 27 + 255 + 255 * 255
END_OF_STREAM = 4


def survey_mpeg(file: BinaryIO, size: int) -> SoundLength:
    """Survey MP3: without a header that counts its frames, libsndfile guesses how many there are from the first one."""
    frames = find_frames(file)
    if frames.n_frames < 2:
        return SoundLength()
    if frames.n_rates > 1 and not frames.counted:
        fault = (
            "its frames have several bit rates and no header counts them, so that a part of it would be read"
        )
        return SoundLength(f"{fault}: write it anew with ffmpeg", usable=False)
    if frames.missing_bytes:
        return SoundLength(f"its last frame lacks {counted(frames.missing_bytes, 'byte')}")
    return SoundLength(estimated=not frames.counted)


def survey_ogg(file: BinaryIO, size: int) -> SoundLength:
    """Survey Ogg: its last page is whole, and is marked as the last one of its stream."""
    file.seek(max(0, size - OGG_PAGE_BYTES))
    end = file.read()
    page = end.rfind(b"OggS")
    if page < 0:
        return SoundLength("its last page is missing")
    flags, n_segments = end[page + 5], end[page + 26]
    segments = end[page + 27 : page + 27 + n_segments]
    if len(segments) < n_segments or page + 27 + n_segments + sum(segments) > len(end):
        return SoundLength("its last page is incomplete")
    if not flags & END_OF_STREAM:
        return SoundLength("the page that ends the stream is missing")
    return SoundLength()

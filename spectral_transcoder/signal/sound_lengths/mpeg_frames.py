"""Frames of MPEG audio, layers I to III: where they begin and end, as their headers say (ISO 11172-3, 13818-3)."""

import mmap
from dataclasses import dataclass
from typing import BinaryIO

HEADER_BYTES = 4
LARGEST_ID3_BYTES = 1 << 28
COUNTS, LAST_COUNT_BYTES = (
    (b"Xing", b"Info", b"VBRI"),
    64,
)  # headers that count frames, and where they begin at last
MPEG_1, MPEG_2, MPEG_25 = 3, 2, 0  # as headers number them
LAYER_1, LAYER_2, LAYER_3 = 3, 2, 1
SAMPLE_RATES_HZ = {
    MPEG_1: (44100, 48000, 32000),
    MPEG_2: (22050, 24000, 16000),
    MPEG_25: (11025, 12000, 8000),
}
# kbit/s by the four bits of the header; 0 is a free format, whose frames say nothing of their length
BIT_RATES_KBIT = {
    (True, LAYER_1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, LAYER_2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, LAYER_3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, LAYER_1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, LAYER_2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, LAYER_3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def frame_bytes(header: bytes) -> int:
    """Return how many bytes a frame has by its first four, 0 where these are no header of a frame.

    Examples
    --------
    128 kbit/s at 44.1 kHz, layer III: 144 · 128000 / 44100 = 417, and one more where the padding bit is set.

    >>> frame_bytes(bytes([0xFF, 0xFB, 0x90, 0x00])), frame_bytes(bytes([0xFF, 0xFB, 0x92, 0x00]))
    (417, 418)
    """
    if len(header) < HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, sampling, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 0 or sampling == 3 or rate in (0, 15):
        return 0
    bits_per_s = 1000 * BIT_RATES_KBIT[version == MPEG_1, layer][rate]
    sr = SAMPLE_RATES_HZ[version][sampling]
    if layer == LAYER_1:
        return 4 * (12 * bits_per_s // sr + padding)
    return (72 if layer == LAYER_3 and version != MPEG_1 else 144) * bits_per_s // sr + padding


@dataclass(frozen=True)
class MpegFrames:
    """The frames of a file, as far as each is where the one before ends.

    Attributes
    ----------
    n_frames : int
        Their number; fewer than two may be anything that looks like a frame.
    missing_bytes : int
        What the last one lacks; 0 where it is whole.
    n_rates : int
        How many bit rates they have.
    counted : bool
        Whether the first one is a header of Xing or Fraunhofer, which says how many there are.
    """

    n_frames: int
    missing_bytes: int
    n_rates: int
    counted: bool


def find_frames(file: BinaryIO) -> MpegFrames:
    """Follow the frames of an MPEG file from one to the next.

    What comes after the last one, a tag for instance, is no frame; a file in which the next frame is not where it
    should be may go on in any way, and is left to the decoder.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position = first = _after_id3(content)
        n_frames, rates = 0, set()
        while length := frame_bytes(header := content[position : position + HEADER_BYTES]):
            rates.add(header[2] >> 4)
            position, n_frames = position + length, n_frames + 1
        beginning = content[first : first + LAST_COUNT_BYTES]
        counted = any(name in beginning for name in COUNTS)
        return MpegFrames(n_frames, max(0, position - len(content)), len(rates), counted)


def _after_id3(content: mmap.mmap) -> int:
    """Return where the first frame is: behind a tag of ID3 version 2, whose length is in bytes of seven bits."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    length = sum(byte << 7 * place for place, byte in enumerate(reversed(content[6:10])))
    return 10 + min(length, LARGEST_ID3_BYTES)

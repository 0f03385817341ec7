"""Containers of chunks, each of a name and a length: wav, Wave64, AIFF, IFF and CAF."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from spectral_transcoder.signal.sound_lengths.declared_length import DataChunk, chunk_at, compare, is_streamed
from spectral_transcoder.signal.sound_lengths.length import SoundLength

STREAMED_AIFF = (0x7F000000, 0x7F001000)  # what sox writes
LARGEST_64 = 1 << 60
FORMAT_BYTES = 40  # of the chunk that says how the samples are written, at most
MOST_CHUNKS = 10000  # a file of more is not of chunks
PCM_TAGS = {1, 3, 0xFFFE}  # of wave formats whose frames are counted by their bytes
CAF_WITHOUT_PACKETS = (b"lpcm", b"alaw", b"ulaw")


def survey_riff(file: BinaryIO, size: int) -> SoundLength:
    """Survey a wav; RF64 and BW64 have the length in their chunk ds64."""
    file.seek(0)
    magic = file.read(4)
    order = ">" if magic == b"RIFX" else "<"
    n_frames, block_frames, long_length = None, 0, None
    for name, position, length in _chunks(file, size, order):
        file.seek(position + 4)
        if name == b"ds64":
            long_length = (position + 12, struct.unpack("<Q", file.read(24)[8:16])[0])
        elif name == b"fmt ":
            block_frames = _block_frames(file.read(min(length, FORMAT_BYTES)), order)
        elif name == b"fact" and length >= 4:
            n_frames = struct.unpack(f"{order}I", file.read(4))[0]
        elif name == b"data":
            start = position + 4
            if long_length is not None and magic != b"RIFF":
                position, length = long_length
                streamed = length == 0 or length >= LARGEST_64
                chunk = DataChunk(start, length, position, "<Q", 0, streamed)
                return compare(file, size, chunk, n_frames, block_frames)
            empty = length == 0 and size > start and not _ends_with_chunks(file, size, start)
            streamed = (is_streamed(length) and length != size - start) or empty
            chunk = DataChunk(start, length, position, f"{order}I", 0, streamed, end_known=True)
            return compare(file, size, chunk, n_frames, block_frames)
    return SoundLength()


def _ends_with_chunks(file: BinaryIO, size: int, start: int) -> bool:
    return size - start >= 8 and chunk_at(file, size, start)


def _block_frames(content: bytes, order: str) -> int:
    """Return how many frames a compressed block of a wav holds, 0 where samples are not in blocks."""
    tag = struct.unpack(f"{order}H", content[:2])[0]
    if tag in PCM_TAGS or len(content) < 20:
        return 0
    return struct.unpack(f"{order}H", content[18:20])[0]


def survey_wave64(file: BinaryIO, size: int) -> SoundLength:
    """Survey a Wave64 file: names of 16 bytes, lengths that count these 24 bytes, chunks at multiples of 8."""
    position, block_frames, n_frames = 40, 0, None
    while position + 24 <= size:
        file.seek(position)
        name, length = struct.unpack("<4s12xQ", file.read(24))
        if name == b"fmt ":
            block_frames = _block_frames(file.read(min(max(length - 24, 0), FORMAT_BYTES)), "<")
        elif name == b"fact":
            n_frames = struct.unpack("<Q", file.read(8))[0]
        elif name == b"data":
            streamed = length <= 24 or length >= LARGEST_64
            chunk = DataChunk(position + 24, length - 24, position + 16, "<Q", 24, streamed)
            return compare(file, size, chunk, n_frames, block_frames)
        position += (max(length, 24) + 7) // 8 * 8
    return SoundLength()


def survey_iff(file: BinaryIO, size: int) -> SoundLength:
    """Survey AIFF, AIFF-C, 8SVX or 16SV; SSND has 8 bytes before its samples."""
    for name, position, length in _chunks(file, size, ">"):
        if name in (b"SSND", b"BODY"):
            overhead = 8 if name == b"SSND" else 0
            first, last = STREAMED_AIFF
            streamed = is_streamed(length) or first <= length <= last or length == 0
            start = position + 4 + overhead
            return compare(
                file, size, DataChunk(start, length - overhead, position, ">I", overhead, streamed)
            )
    return SoundLength("the file ends before its samples")


def survey_caf(file: BinaryIO, size: int) -> SoundLength:
    """Survey Apple's CAF; a length of -1 means until the end. The chunk has 4 bytes before its samples."""
    position, coding = 8, b""
    while position + 12 <= size:
        file.seek(position)
        name, length = struct.unpack(">4sq", file.read(12))
        if name == b"desc":
            coding = file.read(12)[8:]
        if name == b"data":
            chunk = DataChunk(position + 16, length - 4, position + 4, ">q", 4, length == -1)
            found = compare(file, size, chunk)
            # packets of Apple Lossless are counted elsewhere, and would be decoded as noise
            return found if coding in CAF_WITHOUT_PACKETS else SoundLength(found.fault, usable=False)
        if length < 0:
            break
        position += 12 + length
    return SoundLength()


def _chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, position of the length, length) of the chunks of a RIFF, AIFF or IFF file."""
    position = 12
    for _ in range(MOST_CHUNKS):
        if position + 8 > size:
            return
        file.seek(position)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        yield name, position + 4, length
        position += 8 + length + length % 2

"""The bytes of samples that a header declares, beside those that are there."""

import re
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from spectral_transcoder.signal.sound_lengths.length import SoundLength, fault_if_cut

# Lengths that programs write which cannot go back to the header: sox 0x7FFFF000 (wav) and 0x7F000000 (AIFF),
# arecord 0x80000000, ffmpeg 0xFFFFFFFF, GStreamer 0; several subtract the header's bytes.
STREAMED_RANGES = ((0x7FFFE000, 0x80000000), (0xFFFFE000, 0xFFFFFFFF))
SMALLEST_SURPLUS_BYTES, SMALLEST_SURPLUS_SHARE = (
    1024,
    0.01,
)  # less is a tag at the end, not a sound that goes on


@dataclass(frozen=True)
class DataChunk:
    """Where the samples lie, and how many bytes the header says they are.

    Attributes
    ----------
    start : int
        Position of the first byte.
    declared : int
        Bytes that the header declares.
    position, form : int, str
        Where the declaration is, and its form for `struct`.
    overhead : int
        What the declaration counts beside the samples.
    streamed : bool
        Whether the declaration is what programs write that do not know.
    end_known : bool
        Whether chunks may follow, so that bytes after the declared end that are none mean that it is wrong.
    """

    start: int
    declared: int
    position: int
    form: str
    overhead: int = 0
    streamed: bool = False
    end_known: bool = False


def compare(
    file: BinaryIO, size: int, chunk: DataChunk, n_frames: int | None = None, block_frames: int = 0
) -> SoundLength:
    """Return what a declaration says beside the bytes that follow it."""
    present = size - chunk.start
    patch = {}
    limit = 1 << 8 * struct.calcsize(chunk.form)
    if 0 < present + chunk.overhead < limit:
        patch = {chunk.position: struct.pack(chunk.form, present + chunk.overhead)}
    if chunk.streamed:
        return SoundLength(None, patch)
    if chunk.declared > present:
        return replace(fault_if_cut(size, chunk.start, chunk.declared), patch=patch)
    surplus = present - chunk.declared
    least = max(SMALLEST_SURPLUS_BYTES, SMALLEST_SURPLUS_SHARE * chunk.declared)
    if chunk.end_known and surplus >= least and not chunk_at(file, size, chunk.start + chunk.declared):
        fault = (
            f"its header promises {chunk.declared} bytes of samples, {present} are there: more than it says"
        )
        return SoundLength(fault, patch)
    return SoundLength(None, {}, n_frames, block_frames)


def chunk_at(file: BinaryIO, size: int, end: int) -> bool:
    """Return whether a chunk begins at the end of another, or one byte after it: a name, and a length that fits."""
    for position in (end, end + 1):
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        swapped = struct.unpack(">I", struct.pack("<I", length))[0]
        if re.fullmatch(rb"[ -~]{4}", name) and min(length, swapped) <= size - position - 8:
            return True
    return False


def is_streamed(length: int) -> bool:
    """Whether a declared length is one of those that programs write which do not know it."""
    return any(first <= length <= last for first, last in STREAMED_RANGES)

"""How long a sound file is, and how long its header says it is: they differ where it was cut, or written as a stream.

libsndfile reads what is there and does not say what is missing. So the header is read here, by the container's own
specification: RIFF (with RIFX, RF64 and BW64), Wave64, AIFF and AIFF-C, CAF, AU, IFF (8SVX, 16SV), NIST SPHERE, AVR,
MATLAB 5, MPC 2000, SDS, XI, Ogg and the frames of MP3. FLAC and MP3 with a Xing header show that they were cut when
they are decoded too; of VOC, WVE and MATLAB 4 libsndfile's log says it. The headers of PAF, PVF, IRCAM and SD2, and of
the XI files that libsndfile writes, say nothing of the length: of PAF, PVF and IRCAM, a cut within a frame is seen;
one between two frames, or one of an MP3 without a Xing header between two of its own, leaves nothing to see it by.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from spectral_transcoder.signal.mpeg_frames import find_frames

# Lengths that programs write which cannot go back to the header: sox 0x7FFFF000 (wav) and 0x7F000000 (AIFF),
# arecord 0x80000000, ffmpeg 0xFFFFFFFF, GStreamer 0; several subtract the header's bytes.
STREAMED_RANGES = ((0x7FFFE000, 0x80000000), (0xFFFFE000, 0xFFFFFFFF))
STREAMED_AIFF = (0x7F000000, 0x7F001000)
LARGEST_64 = 1 << 60
SMALLEST_SURPLUS_BYTES, SMALLEST_SURPLUS_SHARE = (
    1024,
    0.01,
)  # less is a tag at the end, not a sound that goes on
FORMAT_BYTES = 40  # of the chunk that says how the samples are written, at most
MOST_CHUNKS = 10000  # a file of more is not of chunks
PCM_TAGS = {1, 3, 0xFFFE}  # of wave formats whose frames are counted by their bytes
MAT5_SLACK_BYTES = 8  # libsndfile declares so many more than it writes
CAF_WITHOUT_PACKETS = (b"lpcm", b"alaw", b"ulaw")
OGG_PAGE_BYTES = 27 + 255 + 255 * 255
END_OF_STREAM = 4


@dataclass(frozen=True)
class SoundLength:
    """What the header of a sound file says of its length, beside what is there.

    Attributes
    ----------
    fault : str or None
        What is wrong: the file was cut, or goes on after its declared end. None where nothing is.
    patch : dict of int to bytes
        Bytes by their position with which the header tells of all that is there.
    frames, block_frames : int or None, int
        The number of frames that a compressed wav declares, and how many each of its blocks holds.
    usable : bool
        Whether what is there of a file that was cut can be read, and distinguished from what is not.
    estimated : bool
        Whether the number of frames that libsndfile gives is a guess, by the size of the file.
    """

    fault: str | None = None
    patch: dict[int, bytes] = field(default_factory=dict)
    frames: int | None = None
    block_frames: int = 0
    usable: bool = True
    estimated: bool = False

    def exact_frames(self, decoded: int) -> int:
        """Return the number of frames without those that fill the last block: of `decoded`, the declared ones."""
        if self.frames is not None and 0 < decoded - self.frames < self.block_frames:
            return self.frames
        return decoded


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


def sound_length(path: Path) -> SoundLength:
    """Return what the header of a sound file says of its length, beside what is there."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(12)
        for pattern, survey in SURVEYS:
            if re.match(pattern, magic, re.DOTALL):
                try:
                    return survey(file, size)
                except (struct.error, ValueError, IndexError):
                    return SoundLength("the file ends within its header")
    return SoundLength()


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
        fault = f"its header promises {chunk.declared} bytes of samples, {max(present, 0)} are there"
        return SoundLength(fault, patch)
    surplus = present - chunk.declared
    least = max(SMALLEST_SURPLUS_BYTES, SMALLEST_SURPLUS_SHARE * chunk.declared)
    if chunk.end_known and surplus >= least and not _chunk_at(file, size, chunk.start + chunk.declared):
        fault = (
            f"its header promises {chunk.declared} bytes of samples, {present} are there: more than it says"
        )
        return SoundLength(fault, patch)
    return SoundLength(None, {}, n_frames, block_frames)


def _chunk_at(file: BinaryIO, size: int, end: int) -> bool:
    """Return whether a chunk begins at the end of another, or one byte after it: a name, and a length that fits."""
    for position in (end, end + 1):
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        swapped = struct.unpack(">I", struct.pack("<I", length))[0]
        if re.fullmatch(rb"[ -~]{4}", name) and min(length, swapped) <= size - position - 8:
            return True
    return False


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


def _is_streamed(length: int) -> bool:
    return any(first <= length <= last for first, last in STREAMED_RANGES)


def _survey_riff(file: BinaryIO, size: int) -> SoundLength:
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
            streamed = (_is_streamed(length) and length != size - start) or empty
            chunk = DataChunk(start, length, position, f"{order}I", 0, streamed, end_known=True)
            return compare(file, size, chunk, n_frames, block_frames)
    return SoundLength()


def _ends_with_chunks(file: BinaryIO, size: int, start: int) -> bool:
    return size - start >= 8 and _chunk_at(file, size, start)


def _block_frames(content: bytes, order: str) -> int:
    """Return how many frames a compressed block of a wav holds, 0 where samples are not in blocks."""
    tag = struct.unpack(f"{order}H", content[:2])[0]
    if tag in PCM_TAGS or len(content) < 20:
        return 0
    return struct.unpack(f"{order}H", content[18:20])[0]


def _survey_wave64(file: BinaryIO, size: int) -> SoundLength:
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


def _survey_iff(file: BinaryIO, size: int) -> SoundLength:
    """Survey AIFF, AIFF-C, 8SVX or 16SV; SSND has 8 bytes before its samples."""
    for name, position, length in _chunks(file, size, ">"):
        if name in (b"SSND", b"BODY"):
            overhead = 8 if name == b"SSND" else 0
            first, last = STREAMED_AIFF
            streamed = _is_streamed(length) or first <= length <= last or length == 0
            start = position + 4 + overhead
            return compare(
                file, size, DataChunk(start, length - overhead, position, ">I", overhead, streamed)
            )
    return SoundLength("the file ends before its samples")


def _survey_caf(file: BinaryIO, size: int) -> SoundLength:
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


def _survey_au(file: BinaryIO, size: int) -> SoundLength:
    file.seek(0)
    magic = file.read(4)
    order = ">" if magic == b".snd" else "<"
    start, length = struct.unpack(f"{order}II", file.read(8))
    return compare(file, size, DataChunk(start, length, 8, f"{order}I", 0, length in (0, 0xFFFFFFFF)))


def _survey_nist(file: BinaryIO, size: int) -> SoundLength:
    """Survey a SPHERE file: its header is text."""
    file.seek(0)
    header = file.read(1024).decode("latin-1")
    numbers = {name: int(text) for name, text in re.findall(r"^(\w+) -\w+ (\d+)$", header, re.MULTILINE)}
    start = int(header.split("\n")[1])
    if not {"sample_count", "sample_n_bytes"} <= numbers.keys():
        return SoundLength()
    length = numbers["sample_count"] * numbers["sample_n_bytes"] * numbers.get("channel_count", 1)
    return _fault_if_cut(size, start, length)


def _survey_avr(file: BinaryIO, size: int) -> SoundLength:
    file.seek(12)
    stereo, bits = struct.unpack(">HH", file.read(4))
    file.seek(26)
    n_frames = struct.unpack(">I", file.read(4))[0]
    return _fault_if_cut(size, 128, n_frames * bits // 8 * (2 if stereo else 1))


def _survey_mat5(file: BinaryIO, size: int) -> SoundLength:
    """Survey a MATLAB 5 file: elements of a type, a length and their content, the last of which are the samples."""
    file.seek(126)
    order = "<" if file.read(2) == b"IM" else ">"
    last = position = 128
    length = 0
    while position + 8 <= size:
        file.seek(position)
        length = struct.unpack(f"{order}4xI", file.read(8))[0]
        last, position = position + 8, position + 8 + length
    return _fault_if_cut(size, last, length - MAT5_SLACK_BYTES)


def _survey_mpc2000(file: BinaryIO, size: int) -> SoundLength:
    file.seek(21)
    stereo, n_frames = struct.unpack("<B8xI", file.read(13))
    return _fault_if_cut(size, 42, 2 * n_frames * (2 if stereo else 1))


def _survey_sds(file: BinaryIO, size: int) -> SoundLength:
    """Survey a MIDI sample dump: bytes of seven bits, packets of 127 bytes of which 120 are samples."""
    file.seek(6)
    bits, *length = struct.unpack("<B3x3B", file.read(7))
    n_samples = sum(byte << 7 * place for place, byte in enumerate(length))
    if bits == 0:
        return SoundLength("its header promises samples of 0 bits", usable=False)
    samples_per_packet = 120 // -(-bits // 7)
    found = _fault_if_cut(size, 21, 127 * -(-n_samples // samples_per_packet))
    return replace(found, usable=False)  # libsndfile fills what is missing with silence


def _fault_if_cut(size: int, start: int, length: int) -> SoundLength:
    if size - start >= length:
        return SoundLength()
    return SoundLength(f"its header promises {length} bytes of samples, {max(size - start, 0)} are there")


def _survey_xi(file: BinaryIO, size: int) -> SoundLength:
    """Survey a FastTracker instrument: the lengths of its samples are in a table; libsndfile writes noughts there."""
    file.seek(296)
    (n_sounds,) = struct.unpack("<H", file.read(2))
    lengths = [struct.unpack("<I36x", file.read(40))[0] for _ in range(n_sounds)]
    return _fault_if_cut(size, 298 + 40 * n_sounds, sum(lengths))


def _survey_paf(file: BinaryIO, size: int) -> SoundLength:
    """Survey Ensoniq's PARIS: 24 bits are in blocks of 32 bytes for each channel."""
    file.seek(0)
    order = ">" if file.read(4) == b" paf" else "<"
    file.seek(16)
    form, n_channels = struct.unpack(f"{order}II", file.read(8))
    return _fault_within_frame(size, 2048, {0: 2, 1: 32, 2: 1}.get(form, 0) * n_channels)


def _survey_pvf(file: BinaryIO, size: int) -> SoundLength:
    """Survey a Portable Voice Format file: its header is two lines of text."""
    file.seek(0)
    head = file.read(64).split(b"\n")
    n_channels, _, bits = map(int, head[1].split()[:3])
    return _fault_within_frame(size, len(head[0]) + len(head[1]) + 2, n_channels * bits // 8)


def _survey_ircam(file: BinaryIO, size: int) -> SoundLength:
    """Survey an IRCAM file; the lowest bits of its coding are the bytes of a sample."""
    file.seek(8)
    numbers = file.read(8)
    # the order of bytes is the one in which the number of channels can be one
    n_channels, coding = min(struct.unpack("<II", numbers), struct.unpack(">II", numbers))
    return _fault_within_frame(size, 1024, n_channels * (coding & 0xF))


def _fault_within_frame(size: int, start: int, frame_bytes: int) -> SoundLength:
    """Return a fault where the samples end within a frame, or within a block."""
    if frame_bytes <= 0 or size < start or (size - start) % frame_bytes == 0:
        return SoundLength()
    return SoundLength(f"its last {(size - start) % frame_bytes} bytes are no whole frame of {frame_bytes}")


def _survey_mpeg(file: BinaryIO, size: int) -> SoundLength:
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
        return SoundLength(f"its last frame lacks {frames.missing_bytes} bytes")
    return SoundLength(estimated=not frames.counted)


def _survey_ogg(file: BinaryIO, size: int) -> SoundLength:
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


SURVEYS: tuple[tuple[bytes, Callable[[BinaryIO, int], SoundLength]], ...] = (
    (rb"(RIFF|RIFX|RF64|BW64)....WAVE", _survey_riff),
    (rb"riff\x2e\x91\xcf\x11", _survey_wave64),
    (rb"FORM....(AIFF|AIFC|8SVX|16SV)", _survey_iff),
    (rb"caff", _survey_caf),
    (rb"\.snd|dns\.", _survey_au),
    (rb"NIST_1A\n", _survey_nist),
    (rb"2BIT", _survey_avr),
    (rb"MATLAB 5.0", _survey_mat5),
    (rb"\x01\x04", _survey_mpc2000),
    (rb"\xf0\x7e.\x01", _survey_sds),
    (rb"OggS", _survey_ogg),
    (rb"Extended Ins", _survey_xi),
    (rb" paf|fap ", _survey_paf),
    (rb"PVF1\n", _survey_pvf),
    (rb"\x64\xa3[\x00-\x04]\x00|\x00[\x00-\x04]\xa3\x64", _survey_ircam),
    (rb"ID3|\xff[\xe2-\xff]", _survey_mpeg),
)

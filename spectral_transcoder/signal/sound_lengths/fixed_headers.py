"""Headers with their numbers in fixed places: AU, SPHERE, AVR, MATLAB 5, MPC 2000, SDS, XI, PAF, PVF and IRCAM."""

import re
import struct
from dataclasses import replace
from typing import BinaryIO

from spectral_transcoder.signal.sound_lengths.declared_length import DataChunk, compare
from spectral_transcoder.signal.sound_lengths.length import SoundLength, fault_if_cut, fault_within_frame

MAT5_SLACK_BYTES = 8  # libsndfile declares so many more than it writes


def survey_au(file: BinaryIO, size: int) -> SoundLength:
    """Survey AU; without a length, it is a stream."""
    file.seek(0)
    magic = file.read(4)
    order = ">" if magic == b".snd" else "<"
    start, length = struct.unpack(f"{order}II", file.read(8))
    return compare(file, size, DataChunk(start, length, 8, f"{order}I", 0, length in (0, 0xFFFFFFFF)))


def survey_nist(file: BinaryIO, size: int) -> SoundLength:
    """Survey a SPHERE file: its header is text."""
    file.seek(0)
    header = file.read(1024).decode("latin-1")
    numbers = {name: int(text) for name, text in re.findall(r"^(\w+) -\w+ (\d+)$", header, re.MULTILINE)}
    start = int(header.split("\n")[1])
    if not {"sample_count", "sample_n_bytes"} <= numbers.keys():
        return SoundLength()
    length = numbers["sample_count"] * numbers["sample_n_bytes"] * numbers.get("channel_count", 1)
    return fault_if_cut(size, start, length)


def survey_avr(file: BinaryIO, size: int) -> SoundLength:
    """Survey an AVR file of the Atari."""
    file.seek(12)
    stereo, bits = struct.unpack(">HH", file.read(4))
    file.seek(26)
    n_frames = struct.unpack(">I", file.read(4))[0]
    return fault_if_cut(size, 128, n_frames * bits // 8 * (2 if stereo else 1))


def survey_mat5(file: BinaryIO, size: int) -> SoundLength:
    """Survey a MATLAB 5 file: elements of a type, a length and their content, the last of which are the samples."""
    file.seek(126)
    order = "<" if file.read(2) == b"IM" else ">"
    last = position = 128
    length = 0
    while position + 8 <= size:
        file.seek(position)
        length = struct.unpack(f"{order}4xI", file.read(8))[0]
        last, position = position + 8, position + 8 + length
    return fault_if_cut(size, last, length - MAT5_SLACK_BYTES)


def survey_mpc2000(file: BinaryIO, size: int) -> SoundLength:
    """Survey a sound of Akai's MPC 2000: 16 bits."""
    file.seek(21)
    stereo, n_frames = struct.unpack("<B8xI", file.read(13))
    return fault_if_cut(size, 42, 2 * n_frames * (2 if stereo else 1))


def survey_sds(file: BinaryIO, size: int) -> SoundLength:
    """Survey a MIDI sample dump: bytes of seven bits, packets of 127 bytes of which 120 are samples."""
    file.seek(6)
    bits, *length = struct.unpack("<B3x3B", file.read(7))
    n_samples = sum(byte << 7 * place for place, byte in enumerate(length))
    if bits == 0:
        return SoundLength("its header promises samples of 0 bits", usable=False)
    samples_per_packet = 120 // -(-bits // 7)
    found = fault_if_cut(size, 21, 127 * -(-n_samples // samples_per_packet))
    return replace(found, usable=False)  # libsndfile fills what is missing with silence


def survey_xi(file: BinaryIO, size: int) -> SoundLength:
    """Survey a FastTracker instrument: the lengths of its samples are in a table; libsndfile writes noughts there."""
    file.seek(296)
    (n_sounds,) = struct.unpack("<H", file.read(2))
    lengths = [struct.unpack("<I36x", file.read(40))[0] for _ in range(n_sounds)]
    return fault_if_cut(size, 298 + 40 * n_sounds, sum(lengths))


def survey_paf(file: BinaryIO, size: int) -> SoundLength:
    """Survey Ensoniq's PARIS: 24 bits are in blocks of 32 bytes for each channel."""
    file.seek(0)
    order = ">" if file.read(4) == b" paf" else "<"
    file.seek(16)
    form, n_channels = struct.unpack(f"{order}II", file.read(8))
    return fault_within_frame(size, 2048, {0: 2, 1: 32, 2: 1}.get(form, 0) * n_channels)


def survey_pvf(file: BinaryIO, size: int) -> SoundLength:
    """Survey a Portable Voice Format file: its header is two lines of text."""
    file.seek(0)
    head = file.read(64).split(b"\n")
    n_channels, _, bits = map(int, head[1].split()[:3])
    return fault_within_frame(size, len(head[0]) + len(head[1]) + 2, n_channels * bits // 8)


def survey_ircam(file: BinaryIO, size: int) -> SoundLength:
    """Survey an IRCAM file; the lowest bits of its coding are the bytes of a sample."""
    file.seek(8)
    numbers = file.read(8)
    # the order of bytes is the one in which the number of channels can be one
    n_channels, coding = min(struct.unpack("<II", numbers), struct.unpack(">II", numbers))
    return fault_within_frame(size, 1024, n_channels * (coding & 0xF))

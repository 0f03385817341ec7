"""Damaged sounds of every format: a recording, or an error of one line, never anything else, and soon."""

import contextlib
import functools
import io
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import SpectralTranscoderError

SR, N_FRAMES = 8000, 1500
LONGEST_S = 10  # of processor time, on a busy machine too
FURTHER_SUBTYPES = (
    ("WAV", "MS_ADPCM"),
    ("WAV", "FLOAT"),
    ("OGG", "OPUS"),
    ("CAF", "ALAC_16"),
    ("AIFF", "IMA_ADPCM"),
)
BY_FFMPEG = ("m4a", "wma")
NUMBERS = (0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def formats():
    """Return (format, subtype) of all formats that soundfile writes in one file, with their default subtypes."""
    found = []
    for kind in sorted(soundfile.available_formats().keys() - {"RAW", "SD2"}):
        with contextlib.suppress(soundfile.SoundFileError, ValueError):
            subtype = soundfile.default_subtype(kind)
            soundfile.SoundFile(io.BytesIO(), "w", SR, 1, subtype, format=kind).close()
            found.append((kind, subtype))
    return [*found, *FURTHER_SUBTYPES]


@functools.cache
def whole_sound(kind, subtype):
    """The bytes of a whole, small sound of a format."""
    rng = np.random.default_rng(0)
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(N_FRAMES) / SR) + 0.05 * rng.standard_normal(N_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        if kind in BY_FFMPEG:
            soundfile.write(path.with_suffix(".wav"), samples, SR)
            command = ["ffmpeg", "-v", "error", "-i", path.with_suffix(".wav"), path.with_suffix(f".{kind}")]
            subprocess.run(command, check=True)
            return path.with_suffix(f".{kind}").read_bytes()
        soundfile.write(path, samples, SR, subtype=subtype, format=kind)
        return path.read_bytes()


place = st.one_of(st.floats(0, 1), st.floats(0, 0.05))  # headers are where most can go wrong
change = st.one_of(
    st.tuples(st.just("cut"), place, st.just(b"")),
    st.tuples(st.just("byte"), place, st.binary(min_size=1, max_size=1)),
    st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("number"), place, st.sampled_from([struct.pack("<I", number) for number in NUMBERS])),
    st.tuples(st.just("number"), place, st.sampled_from([struct.pack(">I", number) for number in NUMBERS])),
    st.tuples(st.just("repeat"), place, st.just(b"")),
)


def changed(data, kind, share, content):
    """Return a file with one place changed: cut off, bytes replaced or put in, its second part twice."""
    at = int(share * len(data))
    if kind == "cut":
        return data[:at]
    if kind == "insert":
        return data[:at] + content + data[at:]
    if kind == "repeat":
        return data[:at] + data[at:] + data[at:]
    return data[:at] + content + data[at + len(content) :]


def check(folder, kind, subtype, changes, accept_truncated):
    """Change a whole sound and read it: finite samples and lines of remarks, or an error of one line."""
    data = whole_sound(kind, subtype)
    for one in changes:
        data = changed(data, *one)
    path = folder / (f"a.{kind}" if kind in BY_FFMPEG else "a.sound")
    path.write_bytes(data)
    start = time.process_time()
    try:
        recording = read_audio(path, Reading(accept_truncated=accept_truncated))
    except SpectralTranscoderError as error:
        said = [str(error)]
        assert path.name in said[0]
    else:
        assert len(recording.samples) >= 1 and np.isfinite(recording.samples).all()
        assert recording.sr > 0
        said = recording.remarks
    assert all("\n" not in line and len(line) < 2000 for line in said)
    assert time.process_time() - start < LONGEST_S


def fuzz(folder, kind, subtype, n_examples, most_changes):
    """Check so many damaged sounds."""

    @settings(max_examples=n_examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(change, min_size=1, max_size=most_changes), st.booleans())
    def examples(changes, accept_truncated):
        check(folder, kind, subtype, changes, accept_truncated)

    examples()


@pytest.mark.parametrize(("kind", "subtype"), formats())
def test_changed_sounds_end_in_samples_or_one_line(tmp_path, kind, subtype):
    fuzz(tmp_path, kind, subtype, 25, 4)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "subtype"), formats())
def test_a_thousand_changed_sounds_end_in_samples_or_one_line(tmp_path, kind, subtype):
    fuzz(tmp_path, kind, subtype, 1000, 8)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("kind", BY_FFMPEG)
def test_changed_sounds_that_ffmpeg_decodes_end_in_samples_or_one_line(tmp_path, kind):
    fuzz(tmp_path, kind, "", 100, 8)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        # 64 thousand million frames of FLAC; a MIDI sample dump of no bits
        ("FLAC", [("number", 0.008430453135897588, b"\x7f\x00\x00\x00")]),
        ("SDS", [("insert", 0.0009573327114817067, b"\x00")]),
    ],
)
def test_changed_sounds_that_once_ended_otherwise(tmp_path, kind, changes):
    check(tmp_path, kind, "PCM_16", changes, accept_truncated=False)

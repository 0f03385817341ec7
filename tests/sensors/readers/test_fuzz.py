"""Damaged and strange files of every format: rows, or an error of one line, never anything else, and soon."""

import functools
import io
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import survey_file
from spectral_transcoder.sensors.windows import Windowing, window_batches
from spectral_transcoder.utils.errors import SpectralTranscoderError
from tests.conftest import SHARED
from tests.helpers.made_levels import epochs_s, street_levels, write_cense_hdf5, write_csv

LONGEST_S = 10
FORMATS = (
    "cense",
    "fast_to_wav",
    "elastic",
    "cirrus",
    "nti",
    "larson_davis",
    "generic",
    "hdf5",
    "h5_chunks",
    "npy",
)
REAL = {
    "elastic": "noisesensor_ref_audio.csv",
    "cirrus": "cirrus_third_63ms_comma.csv",
    "nti": "nti_xl2_RTA_3rd_Log.txt",
    "larson_davis": "larson_davis_time_history.csv",
}
CELLS = [
    b"", b"NaN", b"-inf", b"inf", b"1e999", b"-", b"9" * 400, b"1e-400", b"\xff", b'"', b'""', b"'", b",", b";", b"\t",
    b"\n", b"\r", b"\0", b"4294967295", b"-1", b"2020-02-30 25:61:00", b"01:33:15", b"True", b"\xef\xbb\xbf", b"#",
    b"sep=;", b"31,5", b"1k", b"LAeq 1000", b"0x10", b"1_000", b"epoch", b"date",
]  # fmt: skip


@functools.cache
def whole_file(name):
    """The bytes of a whole, small file of a format."""
    if name in REAL:
        return (SHARED / "sensors" / REAL[name]).read_bytes()
    levels, epochs = street_levels(40), epochs_s(40)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        if name == "cense":
            write_csv(path, levels, epochs, extra=[("leq", "60.0")])
        elif name == "fast_to_wav":
            write_csv(path, levels[:, 8:28], epochs, [f"Fast_{hz}" for hz in NOMINAL_HZ[8:28]])
        elif name == "generic":
            write_csv(
                path, levels, epochs, [f"{hz} Hz" for hz in NOMINAL_HZ], [("time", "2020-01-01T00:00:00")]
            )
        elif name == "hdf5":
            write_cense_hdf5(path, {("2020_1", "1"): (epochs, levels)})
        elif name == "h5_chunks":
            with h5py.File(path, "w") as file:
                file["fast_125ms"] = levels.reshape(5, 8, 29)
        else:
            buffer = io.BytesIO()
            np.save(buffer, levels.reshape(5, 8, 29))
            path.write_bytes(buffer.getvalue())
        return path.read_bytes()


def read_all(data):
    """Read bytes as a file of levels, as the script does; return an error's text, if it is one for users."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(data)
        try:
            surveyed = survey_file(path, ReadOptions())
            windowing, findings = Windowing(1, 1, -88, round(1 / surveyed.frame_s)), Findings()
            for batch in window_batches(surveyed.blocks(findings), windowing, findings):
                assert np.isfinite(batch.seconds_db).all()
            findings.lines()
            findings.to_dict()
        except SpectralTranscoderError as error:
            return str(error)
    return ""


change = st.tuples(
    st.sampled_from(["cut", "insert", "replace", "repeat", "swap"]), st.floats(0, 1), st.sampled_from(CELLS)
)


def changed(data, kind, place, cell):
    """Return a file with one place changed: cut off, something put in, cells replaced, lines repeated or swapped."""
    at = int(place * len(data))
    if kind == "cut":
        return data[:at]
    if kind == "insert":
        return data[:at] + cell + data[at:]
    if kind == "replace":
        end = data.find(b",", at + 1)
        return data[:at] + cell + (data[end:] if end > 0 else b"")
    lines = data.split(b"\n")
    line = int(place * (len(lines) - 1))
    if kind == "repeat":
        return b"\n".join(lines[: line + 1] + lines[line:])
    return b"\n".join([*lines[line:], *lines[:line]])


def check(name, changes):
    """Change a whole file and read it."""
    data = whole_file(name)
    for kind, place, cell in changes:
        data = changed(data, kind, place, cell)
    start = time.monotonic()
    said = read_all(data)
    assert "\n" not in said and len(said) < 2000
    assert time.monotonic() - start < LONGEST_S


QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.shared
@pytest.mark.parametrize("name", FORMATS)
def test_changed_files_end_in_rows_or_one_line(name):
    @settings(QUICK, max_examples=40)
    @given(st.lists(change, max_size=4))
    def fuzz(changes):
        check(name, changes)

    fuzz()


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_changed_files_end_in_rows_or_one_line(name):
    @settings(QUICK, max_examples=1000)
    @given(st.lists(change, max_size=8))
    def fuzz(changes):
        check(name, changes)

    fuzz()


@given(st.binary(max_size=3000))
@example(b"\x89HDF\r\n\x1a\n")
@example(b"\x93NUMPY")
@example(b"\x1f\x8b")
@example(b"PK\x03\x04")
@example(b"\xff\xfe")
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_one_line(data):
    assert "\n" not in read_all(data)


@pytest.mark.parametrize("piece", [b"lorem,ipsum\n", b"1," * 50 + b"\n", b"\n", b'"', b"x", b"20\n"])
def test_ten_megabytes_end_within_ten_seconds(piece):
    header = ",".join(["epoch", *NOMINAL_HZ]).encode() + b"\n"
    for data in (piece * (10_000_000 // len(piece)), header + piece * (10_000_000 // len(piece))):
        start = time.monotonic()
        assert read_all(data)
        assert time.monotonic() - start < LONGEST_S

"""Every format that sensor networks publish, from files written as their owners document them."""

import numpy as np
import pytest

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.readers import text
from spectral_transcoder.sensors.readers.columns import band_of_column
from spectral_transcoder.sensors.readers.formats import find_files
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels
from spectral_transcoder.utils.errors import LevelsError, MissingFileError
from tests.helpers.made_levels import START_S, epochs_s, street_levels, write_cense_hdf5, write_csv

N_FRAMES = 100
LEVELS = street_levels(N_FRAMES)


def read(path, **options):
    """Return times, levels, sensors and findings of a file."""
    findings = Findings()
    blocks = list(read_levels(path, findings, ReadOptions(**options)))
    return (
        np.concatenate([block.epoch_s for block in blocks]),
        np.concatenate([block.levels_db for block in blocks]),
        [block.sensor for block in blocks],
        findings,
    )


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("third", ["31", "31.5", "31_5"])
@pytest.mark.parametrize(("unit", "factor"), [("seconds", 1), ("milliseconds", 1000)])
def test_cense_csv(tmp_path, shuffle, third, unit, factor):
    names = [third if name == "31.5" else name for name in NOMINAL_HZ]
    extra = [("leq", "61.2"), ("laeq", "55.0")]
    path = write_csv(tmp_path / "day.csv", LEVELS, epochs_s(N_FRAMES) * factor, names, extra, shuffle)
    times, levels, _, findings = read(path)
    np.testing.assert_array_equal(levels, LEVELS)
    np.testing.assert_allclose(times, epochs_s(N_FRAMES), rtol=0, atol=1e-5)
    assert f"epochs are in {unit}" in "\n".join(findings.notes)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n"])
def test_blocks_of_a_csv_lose_no_row(tmp_path, monkeypatch, ending):
    path = write_csv(tmp_path / "day.csv", LEVELS, epochs_s(N_FRAMES))
    path.write_text(path.read_text().rstrip("\n") + ending)
    for block_bytes in (1000, 3000, path.stat().st_size - path.read_bytes().index(b"\n") - 1):
        monkeypatch.setattr(text, "BLOCK_BYTES", block_bytes)
        np.testing.assert_array_equal(read(path)[1], LEVELS)


def test_a_csv_of_one_endless_line_is_refused(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "day.csv", LEVELS, epochs_s(N_FRAMES))
    path.write_text(path.read_text() + "1," * 5000)
    monkeypatch.setattr(text, "BLOCK_BYTES", 1000)
    with pytest.raises(LevelsError, match=r"day.csv is no table of levels: a line of more than \d+ bytes"):
        read(path)


def test_elastic_export_keeps_sensors_apart(tmp_path):
    both = np.repeat(LEVELS, 2, axis=0)
    epochs = np.repeat(epochs_s(N_FRAMES), 2) * 1000
    path = write_csv(
        tmp_path / "export.csv", both, epochs, extra=[("sensor", "s"), ("date", "2020"), ("laeq", "5")]
    )
    lines = path.read_text().splitlines()
    lines[1:] = [line.replace(",s,", f",street{index % 2},") for index, line in enumerate(lines[1:])]
    path.write_text("\n".join(lines))
    times, levels, sensors, _ = read(path)
    assert sensors == ["street0", "street1"]
    np.testing.assert_array_equal(levels, np.concatenate([LEVELS, LEVELS]))
    np.testing.assert_allclose(times[:N_FRAMES], epochs_s(N_FRAMES), atol=1e-5)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_fast_to_wav_csv_has_twenty_bands(tmp_path, delimiter):
    names = [f"Fast_{name}" for name in NOMINAL_HZ[8:28]]
    path = write_csv(tmp_path / "f.csv", LEVELS[:, 8:28], epochs_s(N_FRAMES), names, delimiter=delimiter)
    (block,) = read_levels(path, findings := Findings())
    np.testing.assert_array_equal(np.flatnonzero(block.present), np.arange(8, 28))
    np.testing.assert_array_equal(block.levels_db[:, 8:28], LEVELS[:, 8:28])
    assert "20 bands; 20, 25, 31.5, 40, 50, 63, 80, 100, 12500 Hz are missing" in findings.notes[0]


def test_cense_hdf5_days_in_the_order_of_the_calendar(tmp_path):
    days = {("2020_10", "2"): 3, ("2020_2", "10"): 1, ("2020_2", "9"): 0, ("2020_10", "1"): 2}
    parts = {day: (epochs_s(N_FRAMES, START_S + 86400 * rank), LEVELS + rank) for day, rank in days.items()}
    times, levels, _, findings = read(write_cense_hdf5(tmp_path / "year.h5", parts))
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(levels, np.concatenate([LEVELS + rank for rank in range(4)]), atol=1e-5)
    assert "milliseconds" in "\n".join(findings.notes)


def test_cense_hdf5_rows_never_written_are_no_rows(tmp_path):
    epochs, levels = epochs_s(N_FRAMES), LEVELS.copy()
    epochs[40:60], levels[40:60] = 0, 0
    times, _, _, _ = read(write_cense_hdf5(tmp_path / "day.h5", {("2020_1", "1"): (epochs, levels)}))
    assert len(times) == N_FRAMES - 20


def test_cense_hdf5_with_named_fields(tmp_path):
    import h5py

    fields = [("epoch", "i8"), *[(name, "f4") for name in NOMINAL_HZ], ("leq", "f4"), ("laeq", "f4")]
    table = np.zeros(N_FRAMES, fields)
    table["epoch"] = epochs_s(N_FRAMES) * 1000
    for band, name in enumerate(NOMINAL_HZ):
        table[name] = LEVELS[:, band]
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["2020_1/1/fast_125ms"] = table
    times, levels, _, _ = read(tmp_path / "t.h5")
    np.testing.assert_array_equal(levels, LEVELS)
    np.testing.assert_allclose(times, epochs_s(N_FRAMES), atol=1e-3)


@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_fast_to_ears(tmp_path, suffix):
    import h5py

    chunks = LEVELS[:96].reshape(4, 24, 29)
    path = tmp_path / f"ears{suffix}"
    if suffix == ".npy":
        np.save(path, chunks)
    else:
        with h5py.File(path, "w") as file:
            file["fast_125ms"] = chunks
    times, levels, sensors, _ = read(path, start_s=START_S)
    np.testing.assert_array_equal(levels, LEVELS[:96])
    np.testing.assert_allclose(times, epochs_s(96), atol=1e-5)
    assert sensors == ["ears"]


def test_format_is_detected_by_content_not_by_suffix(tmp_path):
    path = tmp_path / "levels.csv"
    with path.open("wb") as file:
        np.save(file, LEVELS)
    assert "npy" in read(path)[3].notes[0]


def test_a_bom_spaces_and_crlf_do_not_matter(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(N_FRAMES))
    text = path.read_text().replace("epoch,20,", "\ufeffepoch, 20 ,").replace("\n", "\r\n")
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read(path)[1], LEVELS)


def test_a_few_bad_rows_are_left_out_and_reported(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(N_FRAMES))
    lines = path.read_text().splitlines()
    lines[10] = lines[10].replace(",", ",oops", 1)
    lines[-1] = lines[-1][:40]  # the power failed
    path.write_text("\n".join(lines))
    times, _, _, findings = read(path)
    assert len(times) == N_FRAMES - 2
    assert "2 rows are no levels" in "\n".join(findings.notes)


@pytest.mark.parametrize(
    ("column", "band"),
    [
        ("31", 2),
        ("31.5", 2),
        ("31_5", 2),
        ("Fast_12500", 28),
        ("20", 0),
        ("16000", None),
        ("laeq", None),
        ("1e3", None),
    ],
)
def test_band_names(column, band):
    assert band_of_column(column) == band


def test_folders_and_patterns_in_natural_order(tmp_path):
    for name in ("2020_10.csv", "2020_2.csv", "notes.md"):
        (tmp_path / name).touch()
    expected = ["2020_2.csv", "2020_10.csv"]
    assert [path.name for path in find_files([tmp_path])] == expected
    assert [path.name for path in find_files([str(tmp_path / "*.csv")])] == expected
    with pytest.raises(MissingFileError, match="nowhere"):
        find_files([tmp_path / "nowhere*.csv"])


def garbage(name, path):
    """Write a file that is none of levels."""
    rng = np.random.default_rng(0)
    if name == "twenty columns":
        rows = rng.random((50, 20)).round(3).astype(str)
        path.write_text("\n".join([",".join(f"c{i}" for i in range(20)), *(",".join(row) for row in rows)]))
    elif name == "text":
        path.write_text("Dear all,\nthe sensor is down.\n")
    elif name == "one endless line":
        path.write_text("x" * 3_000_000)
    elif name == "binary":
        path.write_bytes(rng.bytes(100_000))
    elif name == "octaves":
        names = ["31.5", "63", "125", "250", "500", "1000", "2000", "4000", "8000"]
        write_csv(path, LEVELS, epochs_s(N_FRAMES), names)
    elif name == "one minute levels":
        write_csv(path, LEVELS, START_S + 60 * np.arange(N_FRAMES))
    elif name == "disorder":
        write_csv(path, LEVELS, epochs_s(N_FRAMES), extra=[("31", "50")])
    elif name == "a sound":
        path.write_bytes(b"RIFF" + bytes(100))
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("twenty columns", r"its 20 columns \(c0, c1, .*\) hold 0 third-octave bands and no epoch"),
        ("text", "Dear all"),
        ("one endless line", "first 65536 bytes are one line, 'xxx"),
        ("binary", "is binary"),
        ("octaves", "hold 9 third-octave bands"),
        ("one minute levels", "follow each other every 60 s"),
        ("disorder", "'31' .*the same band|'31.5' are the same band"),
        ("a sound", "use --from-audio"),
        ("empty", "is empty"),
    ],
)
def test_other_files_are_refused_saying_what_they_are(tmp_path, name, found):
    garbage(name, tmp_path / "file.csv")
    with pytest.raises(LevelsError, match=found):
        list(read_levels(tmp_path / "file.csv"))


def test_truncated_hdf5_is_refused(tmp_path):
    whole = write_cense_hdf5(tmp_path / "day.h5", {("2020_1", "1"): (epochs_s(N_FRAMES), LEVELS)})
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-3000])
    with pytest.raises(LevelsError, match="truncated HDF5"):
        list(read_levels(cut))


def test_what_is_there_of_a_cut_npy_is_read(tmp_path):
    np.save(tmp_path / "a.npy", LEVELS)
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-3000])
    _, levels, _, findings = read(tmp_path / "b.npy")
    np.testing.assert_array_equal(levels, LEVELS[:-26])  # 3000 bytes are 25 rows of 116 bytes and some
    assert "its last 26 rows are missing" in "\n".join(findings.notes)


def test_other_hdf5_is_refused_by_what_it_holds(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.zeros((3, 4))
    with pytest.raises(LevelsError, match=r"images: \(3, 4\) of float64"):
        list(read_levels(tmp_path / "a.h5"))

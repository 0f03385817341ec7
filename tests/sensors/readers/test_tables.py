"""Tables of text in the spellings that people use: names of bands, decimal marks, times, compression."""

import gzip
import zipfile

import numpy as np
import pytest

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.readers.columns import band_of_column, find_bands, read_band_name
from spectral_transcoder.sensors.readers.formats import open_levels
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels
from spectral_transcoder.sensors.weighting import a_weighting_db
from spectral_transcoder.utils.errors import LevelsError, UsageError
from tests.helpers.made_levels import START_S, epochs_s, street_levels, write_csv

LEVELS = street_levels(96)
HZ = 1000 * 10 ** (np.arange(-17, 12) / 10)


def read(path, **options):
    """Return times, levels and findings of a file."""
    blocks = list(read_levels(path, findings := Findings(), ReadOptions(**options)))
    return (
        np.concatenate([block.epoch_s for block in blocks]),
        np.concatenate([block.levels_db for block in blocks]),
        findings,
    )


def kilo(name):
    hz = float(name)
    return f"{hz / 1000:g}k" if hz >= 1000 else name


SPELLINGS = {
    "1k": [kilo(name) for name in NOMINAL_HZ],
    "1.25 kHz": [kilo(name).replace("k", " k") + ("Hz" if float(name) >= 1000 else " Hz") for name in NOMINAL_HZ],
    "100Hz": [f"{name}Hz" for name in NOMINAL_HZ],
    "100.0 Hz": [f"{float(name):.1f} Hz" for name in NOMINAL_HZ],
    "LEQ_100": [f"LEQ_{name}" for name in NOMINAL_HZ],
    "1/3 LZeq 31.5": [f"1/3 LZeq {name}" for name in NOMINAL_HZ],
    "LZeq 1000 Hz (dB)": [f"LZeq {name} Hz (dB)" for name in NOMINAL_HZ],
    "exact": [f"{hz:.2f}" for hz in HZ],
    "31_5": [name.replace(".", "_") for name in NOMINAL_HZ],
    "1k25": [kilo(name).replace("1.25k", "1k25").replace("3.15k", "3k15") for name in NOMINAL_HZ],
    "1,250": [f"{float(name):,g}" for name in NOMINAL_HZ],
    "1.250": [f"{float(name):,g}".replace(".", ";").replace(",", ".").replace(";", ",") for name in NOMINAL_HZ],
    "31p5": [name.replace(".", "p") for name in NOMINAL_HZ],
    "X31.5, of R": [f"X{name}" for name in NOMINAL_HZ],
    "X1k.Hz": [f"X{kilo(name)}.Hz" for name in NOMINAL_HZ],
    "L50": [f"L{name}" for name in NOMINAL_HZ],
    "LZFeq 1k": [f"LZFeq {kilo(name)}" for name in NOMINAL_HZ],
    "third_octave_20": [f"third_octave_{name}" for name in NOMINAL_HZ],
    "20Hz dB(Z)": [f"{name}Hz dB(Z)" for name in NOMINAL_HZ],
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_of_bands(tmp_path, spelling):
    path = write_csv(
        tmp_path / "a.csv", LEVELS, epochs_s(96), SPELLINGS[spelling], [("LAeq", "60"), ("L90", "50")]
    )
    np.testing.assert_array_equal(read(path)[1], LEVELS)


@pytest.mark.parametrize(
    "name", ["laeq", "leq", "LAeq", "L10", "LA90", "LAF10", "L_50", "epoch", "Battery (%)", "2", "x100"]
)
def test_other_columns_are_no_bands(name):
    assert read_band_name(name) is None and band_of_column(name) is None


@pytest.mark.parametrize("name", ["1100", "LEQ_105", "1.3k", "90 Hz"])
def test_a_name_that_looks_like_a_band_and_is_none_is_refused(name):
    names = [*NOMINAL_HZ[:20], name]
    with pytest.raises(LevelsError, match="looks like a band"):
        find_bands(
            [f"LEQ_{other}" for other in NOMINAL_HZ[:20]] + [name] if "LEQ" in name else names, "a.csv"
        )


@pytest.mark.parametrize("name", ["1kk", "1000Hzz", "100o", "Leq 1 khz max", "Kiloband"])
def test_a_name_that_is_not_understood_where_a_band_is_missing_is_refused(name):
    names = ["epoch", "leq", *NOMINAL_HZ[:17], name, *NOMINAL_HZ[18:], "temperature"]
    with pytest.raises(LevelsError, match=f"the column '{name}' stands where 1000 Hz is missing"):
        find_bands(names, "a.csv")


def test_a_name_that_is_not_understood_before_and_behind_all_bands_is_refused():
    with pytest.raises(LevelsError, match="'20 herz' stands where 20 Hz is missing"):
        find_bands(["epoch", "20 herz", *NOMINAL_HZ[1:]], "a.csv")
    with pytest.raises(LevelsError, match="'12500 herz' stands where 12500 Hz is missing"):
        find_bands([*NOMINAL_HZ[:-1], "12500 herz", "epoch"], "a.csv")
    for other in ("laeq", "L10", "PM2.5", "sensor 2"):  # before the bands of a sensor that begins at 25 Hz
        assert len(find_bands(["epoch", other, *NOMINAL_HZ[1:]], "a.csv").columns) == 28


def test_a_weighting_that_a_family_of_names_says_is_taken_off(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), [f"LAF{name}" for name in NOMINAL_HZ])
    _, levels, findings = read(path)
    np.testing.assert_allclose(levels, LEVELS - a_weighting_db(HZ), atol=0.2)
    assert "29 bands, A-weighted" in findings.notes[0]  # LAF50 among them, which alone is a percentile


@pytest.mark.parametrize("code", ["-999", "-999.0", "-9999", "#N/A", " - "])
def test_codes_of_a_level_that_is_not_there_are_no_levels(tmp_path, code):
    text = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96)).read_text().splitlines()
    text[5] = ",".join([*text[5].split(",")[:-1], code])
    (tmp_path / "a.csv").write_text("\n".join(text))
    _, levels, findings = read(tmp_path / "a.csv")
    assert np.isnan(levels[4, -1]) and not np.isnan(levels[4, :-1]).any()
    assert "rows without a level: 12500 Hz 1.04 %" in "\n".join(findings.notes)
    text = [text[0], *(",".join([*line.split(",")[:-1], code]) for line in text[1:])]
    (tmp_path / "a.csv").write_text("\n".join(text))
    assert "missing, at -80 dBFS: 12500 Hz 100 %" in "\n".join(read(tmp_path / "a.csv")[2].notes)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("−∞", -np.inf),
        ("-1.#INF", -np.inf),
        ("-INF", -np.inf),
        ("−12.5", -12.5),
        ("<20", 20),
        ("< 20.5", 20.5),
    ],
)
def test_spellings_of_numbers(tmp_path, written, meant):
    text = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96)).read_text().splitlines()
    text[5] = ",".join([*text[5].split(",")[:-1], written])
    (tmp_path / "a.csv").write_text("\n".join(text), encoding="utf-8")
    levels = read(tmp_path / "a.csv")[1]
    assert len(levels) == 96 and levels[4, -1] == np.float32(meant)


def test_what_a_power_failure_left_costs_the_rows_that_it_hit(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96))
    content = path.read_bytes()
    path.write_bytes(content[:8000] + bytes(3000) + content[8100:])
    times, _, findings = read(path)
    assert 92 <= len(times) < 96
    assert "zero bytes" in "\n".join(findings.notes)


def test_utf_16_without_a_mark(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96))
    path.write_bytes(path.read_text().encode("utf-16-le"))
    np.testing.assert_array_equal(read(path)[1], LEVELS)


def test_most_rows_that_are_no_rows_are_called_that(tmp_path):
    lines = write_csv(tmp_path / "a.csv", street_levels(400), epochs_s(400)).read_text().splitlines()
    broken = [line if row % 5 == 0 else "ERROR sensor" for row, line in enumerate(lines)]
    (tmp_path / "a.csv").write_text("\n".join(broken))
    with pytest.raises(
        LevelsError, match="rows are no levels, the first: 1 column instead of 30, 'ERROR sensor'"
    ):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas(tmp_path, delimiter):
    names = [name.replace(".", ",") for name in NOMINAL_HZ]
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), names, delimiter=delimiter)
    path.write_text("sep=;\n" * (delimiter == ";") + path.read_text().replace(".", ","))
    times, levels, _ = read(path)
    np.testing.assert_array_equal(levels, LEVELS)
    np.testing.assert_allclose(times, epochs_s(96), atol=1e-6)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_compressed_files(tmp_path, kind):
    path = write_csv(tmp_path / "day.csv", LEVELS, epochs_s(96))
    packed = tmp_path / f"day.csv.{kind}"
    if kind == "gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(path, "day.csv")
            archive.writestr("__MACOSX/._day.csv", "x")
    np.testing.assert_array_equal(read(packed)[1], LEVELS)
    np.testing.assert_array_equal(read(tmp_path / "*.csv.*")[1], LEVELS)


def test_what_is_there_of_a_cut_file_is_read(tmp_path):
    levels = street_levels(2000)
    path = write_csv(tmp_path / "day.csv", levels, epochs_s(2000))
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    _, found, findings = read(tmp_path / "cut.csv.gz")
    assert 500 < len(found) < 1500 and "it is cut or damaged" in "\n".join(findings.notes)
    np.testing.assert_array_equal(found, levels[: len(found)])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), extra=[("Température", "12°")])
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    np.testing.assert_array_equal(read(path)[1], LEVELS)


def stamp(seconds, form):
    return np.datetime64(round((START_S + seconds) * 1000), "ms").astype(object).strftime(form)


@pytest.mark.parametrize(
    ("name", "form", "options"),
    [
        ("timestamp", "%Y-%m-%dT%H:%M:%S.%f", {}),
        ("time", "%Y-%m-%d %H:%M:%S.%f", {}),
        ("date", "%Y-%m-%dT%H:%M:%S.%fZ", {}),
        ("Date", "%Y/%m/%d %H:%M:%S.%f", {}),
        ("when", "%d.%m.%Y %H:%M:%S.%f", {"time_column": "when", "time_format": "%d.%m.%Y %H:%M:%S.%f"}),
        ("time", "%d|%m|%Y %I:%M:%S.%f %p", {"time_format": "%d|%m|%Y %I:%M:%S.%f %p"}),
    ],
)
def test_times_as_text(tmp_path, name, form, options):
    extra = [(name, "T")]
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), extra=extra)
    lines = path.read_text().splitlines()
    lines[0] = lines[0].replace("epoch", "x")
    lines[1:] = [line.replace(",T,", f",{stamp(0.125 * i, form)},") for i, line in enumerate(lines[1:])]
    path.write_text("\n".join(lines))
    times, levels, _ = read(path, **options)
    np.testing.assert_allclose(times, epochs_s(96), atol=1e-6)
    np.testing.assert_array_equal(levels, LEVELS)


def local_file(path, local_starts, n_each=16):
    """Write rows of local time, `n_each` from each start, every second."""
    rows = [",".join(["time", *NOMINAL_HZ])]
    for start in local_starts:
        times = np.datetime64(start, "s") + np.arange(n_each)
        rows += [",".join([str(time), *map(str, LEVELS[i])]) for i, time in enumerate(times)]
    path.write_text("\n".join(rows))
    return path


def test_local_time_and_the_repeated_hour(tmp_path):
    """In Paris, 25 October 2020, 03:00 of summer is 02:00 of winter: 02:30 comes twice, at 00:30Z and 01:30Z."""
    starts = ["2020-10-25T01:30:00", "2020-10-25T02:30:00", "2020-10-25T02:30:00", "2020-10-25T03:30:00"]
    times, _, findings = read(local_file(tmp_path / "a.csv", starts), timezone="Europe/Paris")
    found = np.round(times[::16]).astype("datetime64[s]").astype(str)
    hours = ["2020-10-24T23:30:00", "2020-10-25T00:30:00", "2020-10-25T01:30:00", "2020-10-25T02:30:00"]
    assert list(found) == hours
    assert "local time was set back at 2020-10-25 01:30Z" in "\n".join(findings.notes)
    with pytest.raises(UsageError, match="Europe/Pari"):
        read(tmp_path / "a.csv", timezone="Europe/Pari")


@pytest.mark.parametrize(
    ("zone", "offset_s"), [("+01:00", 3600), ("UTC-03:30", -12600), ("-8", -28800), ("GMT+0545", 20700)]
)
def test_fixed_offsets_are_taken_off(tmp_path, zone, offset_s):
    path = local_file(
        tmp_path / "a.csv", ["2024-03-31T01:59:50"]
    )  # before summer time, which they do not have
    expected = np.datetime64("2024-03-31T01:59:50", "s").astype(float) - offset_s + np.arange(16)
    np.testing.assert_array_equal(read(path, timezone=zone)[0], expected)


def test_times_without_a_zone_are_said_to_be_taken_as_utc(tmp_path):
    assert (
        "times in UTC (assumed: see --timezone)"
        in read(local_file(tmp_path / "a.csv", ["2020-10-25T01:30"]))[2].notes[0]
    )


def test_day_and_month_that_cannot_be_distinguished(tmp_path):
    path = local_file(tmp_path / "a.csv", ["2020-10-25T01:30:00"])
    path.write_text(path.read_text().replace("2020-10-25T", "05/06/2020 "))
    with pytest.raises(LevelsError, match="may be day or month first"):
        read(path)
    times, _, _ = read(path, time_format="%d/%m/%Y %H:%M:%S")
    assert str(times[:1].astype("datetime64[s]")[0]) == "2020-06-05T01:30:00"


def test_columns_that_the_user_names(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), [f"b{i}" for i in range(29)])
    for columns in ("b0:b28=20", "2:30=20"):
        np.testing.assert_array_equal(read(path, columns=columns)[1], LEVELS)
    with pytest.raises(LevelsError, match="no column 'c0'"):
        read(path, columns="c0=20")
    without = tmp_path / "b.csv"
    without.write_text("\n".join(",".join(map(str, row)) for row in LEVELS))
    np.testing.assert_array_equal(read(without, columns="1:29=20", period_s=0.125)[1], LEVELS)


def test_a_weighted_bands_are_unweighted(tmp_path):
    weighted = (LEVELS + a_weighting_db(HZ)).round(3)
    for names, options in (([f"LAeq {name}" for name in NOMINAL_HZ], {}), (NOMINAL_HZ, {"weighting": "A"})):
        _, levels, findings = read(write_csv(tmp_path / "a.csv", weighted, epochs_s(96), names), **options)
        np.testing.assert_allclose(levels, LEVELS, atol=0.001)
        assert "A-weighted, which is taken off" in findings.notes[0]


def test_bands_without_weighting_are_taken_where_both_are_there(tmp_path):
    extra = [(f"1/3 LAeq {name}", "0") for name in NOMINAL_HZ]
    path = write_csv(
        tmp_path / "a.csv", LEVELS, epochs_s(96), [f"1/3 LZeq {name}" for name in NOMINAL_HZ], extra
    )
    np.testing.assert_array_equal(read(path)[1], LEVELS)


def test_a_header_repeated_each_hour_and_other_bad_rows_are_a_matter_of_share(tmp_path):
    path = write_csv(tmp_path / "a.csv", street_levels(3000), epochs_s(3000))
    header, *rows = path.read_text().splitlines()
    path.write_text(
        "\n".join(line for i, row in enumerate(rows) for line in ([header] * (i % 20 == 0) + [row]))
    )
    _, levels, findings = read(path)
    assert len(levels) == 3000 and "149 rows are no levels" in "\n".join(findings.notes)
    path.write_text(
        "\n".join([header, *(row.replace(",", ",x", 5) if i % 3 else row for i, row in enumerate(rows))])
    )
    with pytest.raises(LevelsError, match=r"\d+ of \d+ rows are no levels"):
        read(path)


def test_the_cell_that_is_no_number_is_shown(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96))
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rpartition(",")[0] + ",oops"
    lines[6] = lines[6].rpartition(",")[0] + ",NULL"
    path.write_text("\n".join(lines))
    _, levels, findings = read(path)
    assert "1 row is no levels, the first: 'oops' in column '12500' is no number" in "\n".join(findings.notes)
    assert len(levels) == 95 and np.isnan(levels[4, 28])
    assert "12500 Hz 1.05 %" in "\n".join(findings.notes)


def test_sensors_called_na_and_null_keep_their_names(tmp_path):
    path = write_csv(tmp_path / "a.csv", LEVELS, epochs_s(96), extra=[("sensor", "NA")])
    assert {block.sensor for block in read_levels(path)} == {"NA"}


@pytest.mark.shared
def test_the_small_inputs_that_fell_short(shared):
    plain = read(shared / "cases/same_street_two_decimals.csv")[1]
    np.testing.assert_array_equal(read(shared / "cases/band_names_1k.csv")[1], plain)
    times, _, _ = read(shared / "cases/one_time_in_2106_early.csv")
    assert len(times) == 479
    (block,) = read_levels(shared / "cases/two_empty_bands.csv", findings := Findings())
    np.testing.assert_array_equal(np.flatnonzero(~block.present), [0, 1])
    assert "20 Hz 100 %, 25 Hz 100 %" in "\n".join(findings.notes)


def test_columns_of_the_user_are_counted_where_times_are_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "stamp," + ",".join(f"T{band}" for band in range(29)) + "\n" + "2024-01-01 00:00:00" + 29 * ",50"
    )
    with pytest.raises(LevelsError, match=r"hold 29 third-octave bands and no epoch.*--time_column"):
        open_levels(path, ReadOptions(columns="2:30=20"))

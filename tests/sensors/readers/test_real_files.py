"""The files that sensors and sound level meters wrote: first row, period, bands and times as the files show them."""

import numpy as np
import pytest

from spectral_transcoder.sensors.frame_checks import NO_LEVEL, Findings
from spectral_transcoder.sensors.levels import NOMINAL_HZ
from spectral_transcoder.sensors.readers.formats import open_levels
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels, survey_file
from spectral_transcoder.sensors.weighting import a_weighting_db

pytestmark = pytest.mark.shared


def read(path, **options):
    """Return times as text, levels and findings of a file."""
    findings = Findings()
    blocks = list(read_levels(path, findings, ReadOptions(**options)))
    epoch_s = np.concatenate([block.epoch_s for block in blocks])
    times = np.datetime_as_string(np.round(epoch_s * 1000).astype("datetime64[ms]"))
    return times, np.concatenate([block.levels_db for block in blocks]), findings


def bands(levels, *names):
    return [round(float(levels[NOMINAL_HZ.index(name)]), 2) for name in names]


def test_elastic_export(shared):
    path = shared / "sensors/noisesensor_ref_audio.csv"
    times, levels, findings = read(path)
    assert (
        len(levels) == 80 and times[0] == "2019-08-20T04:19:37.317" and times[-1] == "2019-08-20T04:19:47.192"
    )
    # sensor,epoch,date,laeq,leq,20,25,31.5: 55.44,57.78,45.27,44.97,38.58
    assert bands(levels[0], "20", "25", "31.5", "1000", "12500") == [45.27, 44.97, 38.58, 48.35, 23.85]
    assert "CENSE Elastic export, 29 bands, every 125 ms, 80 rows" in findings.notes[0]


@pytest.mark.parametrize(
    ("name", "n_rows", "first", "second_time"),
    [
        ("cirrus_third_63ms_comma.csv", 47, [46.3, 35.6, 29.4, 24.2, 15.4], "2014-08-19T01:33:15.060"),
        ("cirrus_third_10ms_comma.csv", 38, [27.5, 29.26, 29.25, 25.47, 15.53], "2014-08-19T01:33:25.060"),
    ],
)
def test_cirrus(shared, name, n_rows, first, second_time):
    """Both files have sixteen rows a second, 62.5 ms, whatever their names say."""
    times, levels, findings = read(shared / "sensors" / name)
    assert len(levels) == n_rows and times[1] == second_time
    assert bands(levels[0], "20", "25", "31.5", "1000", "12500") == first
    assert (
        "Cirrus export, 29 bands, times in UTC (assumed: see --timezone), every 62.5 ms" in findings.notes[0]
    )


def test_cirrus_with_semicolons_and_decimal_commas(shared, tmp_path):
    source = shared / "sensors/cirrus_third_63ms_comma.csv"
    lines = source.read_text().splitlines()
    rows = [line.replace('","', '";"').replace(".", ",") for line in lines[1:]]
    rows = [row.replace('"8/19/2014"', '"19-08-2014"') for row in rows]
    other = tmp_path / "other.csv"
    other.write_text("\n".join([lines[0].replace('","', '";"'), *rows]))
    for expected, found in zip(read(source)[:2], read(other)[:2], strict=True):
        np.testing.assert_array_equal(found, expected)
    # on the second of a month the separators tell which number is the month
    for text, path in ((source.read_text(), tmp_path / "a.csv"), (other.read_text(), tmp_path / "b.csv")):
        path.write_text(text.replace("8/19/2014", "3/2/2014").replace("19-08-2014", "02-03-2014"))
        assert read(path)[0][0] == "2014-03-02T01:33:15.000"


def test_nti_xl2(shared):
    """Times are of the interval's end, in UTC+01:00; the row over the whole period and the checksum are no rows."""
    path = shared / "sensors/nti_xl2_RTA_3rd_Log.txt"
    times, levels, findings = read(path)
    assert list(times[[0, -1]]) == ["2026-02-06T10:13:12.000", "2026-02-06T10:13:21.000"]
    assert len(levels) == 10
    assert bands(levels[0], "20", "25", "31.5") == [1.3, 6.3, 5.2]
    assert findings.notes[0].endswith(
        "times are of the interval's end, times in +01:00, every 1000 ms, 10 rows"
    )
    assert not findings.kinds
    assert len(read(shared / "sensors/nti_xl2_long_RTA_3rd_Log.txt")[1]) == 30


def test_larson_davis(shared):
    path = shared / "sensors/larson_davis_time_history.csv"
    times, levels, findings = read(path, timezone="America/New_York")
    assert times[0] == "2024-11-26T15:39:00.000" and len(levels) == 61
    a_weighted = [13.9, 10.3, 11.4, 36.2]  # 1/3 LAeq 20.0, 25.0, 31.5, 1000 of the row "Start"
    # IEC 61672-1, table 2: A at 20, 25, 31.5 Hz and 1 kHz
    np.testing.assert_allclose(
        np.array(bands(levels[0], "20", "25", "31.5", "1000")) - a_weighted, [50.5, 44.7, 39.4, 0], atol=0.06
    )
    assert (
        "A-weighted, which is taken off (IEC 61672), times in America/New_York, every 1000 ms"
        in findings.notes[0]
    )
    assert np.isnan(levels[-1]).all()  # the row "Stop"
    assert survey_file(path, ReadOptions()).frame_s == 1


def test_a_weighting_is_that_of_the_standard():
    hz = [20, 50, 100, 500, 1000, 2000, 4000, 10000, 12500]
    expected = [-50.5, -30.2, -19.1, -3.2, 0, 1.2, 1.0, -2.5, -4.3]
    exact = 1000 * 10 ** (np.round(10 * np.log10(np.array(hz) / 1000)) / 10)
    np.testing.assert_allclose(a_weighting_db(exact), expected, atol=0.06)


def test_the_sum_of_larson_davis_bands_is_its_laeq(shared):
    """A-weighted bands add up to LAeq, 47.6 dB in the first row: a check that the column order is right."""
    path = shared / "sensors/larson_davis_time_history.csv"
    rows = next(open_levels(path).rows(Findings())).levels_db
    assert 10 * np.log10((10 ** (rows[0] / 10)).sum()) == pytest.approx(47.6, abs=0.3)


def test_the_marker_row_of_larson_davis_is_reported(shared):
    from spectral_transcoder.sensors.windows import Windowing, window_batches

    findings = Findings()
    path = shared / "sensors/larson_davis_time_history.csv"
    (batch,) = window_batches(read_levels(path, findings), Windowing(10, 10, -88, 1), findings)
    assert batch.n_frames.sum() == 60 and batch.seconds_db.shape[1:] == (1, 29)
    assert findings.kinds[NO_LEVEL].n_rows == 1

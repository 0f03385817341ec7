"""Rows of csv under one header: added, cut to whole lines, and put in the place of those of the same time."""

import pyarrow as pa
import pytest

from spectral_transcoder.sensors import replaced_rows, rows_file
from spectral_transcoder.sensors.rows_file import open_rows
from spectral_transcoder.utils.errors import UsageError


def window(epoch_s, source="today.csv", **columns):
    """Return the table of a window of a second."""
    row = {"sensor": ['a "b", c'], "file": [source], "epoch_s": [float(epoch_s)], "duration_s": [1.0]}
    return pa.table(row | columns)


def add(output, epochs, source="today.csv", **columns):
    """Add a row for each time, as a run of its own would."""
    with open_rows(output, source) as rows:
        for epoch_s in epochs:
            rows.write(window(epoch_s, source, **columns))


def epochs_in(output):
    header, *rows = output.read_text().splitlines()
    assert header == '"sensor","file","epoch_s","duration_s"'
    return [float(row.split(",")[-2]) for row in rows]


@pytest.mark.parametrize(
    ("source", "expected"), [("-", [1, 2, 3, 2, 3, 4]), ("today.csv", [1, 2, 3, 4])], ids=["input", "file"]
)
def test_rows_of_a_file_replace_those_of_the_same_time_and_later(tmp_path, source, expected):
    output = tmp_path / "rows.csv"
    add(output, [1, 2, 3], source)
    add(output, [2, 3, 4], source)
    assert epochs_in(output) == expected


def test_rows_of_another_source_are_not_replaced(tmp_path):
    """Later ones are added to them, as those of a file for each day; earlier ones would take their place."""
    output = tmp_path / "rows.csv"
    add(output, [1, 2], "monday.csv")
    add(output, [3, 4], "tuesday.csv")
    add(output, [3, 4, 5], "tuesday.csv")
    assert epochs_in(output) == [1, 2, 3, 4, 5]
    with pytest.raises(UsageError, match=r"rows of tuesday\.csv, which those of north\.csv .* would replace"):
        add(output, [4], "north.csv")
    with pytest.raises(UsageError, match=r"rows of tuesday\.csv"):
        add(output, [1], "monday.csv")
    assert epochs_in(output) == [1, 2, 3, 4, 5]


def test_an_unset_clock_takes_no_row_of_another_source(tmp_path):
    """Its rows of 1970 are earlier than those, and are added all the same."""
    output = tmp_path / "rows.csv"
    add(output, [1.6e9, 1.6e9 + 1], "monday.csv")
    add(output, [30, 31, 1.6e9 + 100], "tuesday.csv")
    assert epochs_in(output) == [1.6e9, 1.6e9 + 1, 30, 31, 1.6e9 + 100]


def test_lines_that_are_no_rows_are_passed_over(tmp_path):
    """As an editor, or a power failure, may leave them."""
    output = tmp_path / "rows.csv"
    add(output, [1, 2])
    with output.open("ab") as file:
        file.write(b'\n"a \n"","today.csv",\0\0\n')
    add(output, [2, 3])
    assert epochs_in(output) == [1, 2, 3]


def test_a_second_run_on_the_same_output_is_refused(tmp_path):
    """It would cut rows beneath the first one, which goes on behind them."""
    output = tmp_path / "rows.csv"
    with open_rows(output, "-") as rows:
        rows.write(window(1, "-"))
        with pytest.raises(UsageError, match="another run adds rows to"):
            add(output, [0])
        rows.write(window(2, "-"))
    assert epochs_in(output) == [1, 2]


@pytest.mark.parametrize("way", ["deleted", "moved", "saved anew", "emptied"])
def test_rows_go_to_what_lies_at_the_path_by_now(tmp_path, way):
    """Logs are rotated, and editors replace a file by what they save."""
    output, other = tmp_path / "rows.csv", tmp_path / "other.csv"
    with open_rows(output, "-") as rows:
        rows.write(window(1, "-"))
        if way == "deleted":
            output.unlink()
        elif way == "moved":
            output.rename(other)
        elif way == "emptied":
            output.write_bytes(b"")
        else:
            other.write_bytes(output.read_bytes())
            other.replace(output)
        rows.write(window(2, "-"))
        rows.write(window(3, "-"))
    assert epochs_in(output) == ([1, 2, 3] if way == "saved anew" else [2, 3])
    assert way != "moved" or epochs_in(other) == [1]


def test_a_run_that_is_refused_leaves_the_record_as_it_was(tmp_path):
    """Of a run over files, say, whose output would not count as whole without it."""
    output, record = tmp_path / "rows.csv", tmp_path / "rows.csv.json"
    add(output, [1])
    record.write_text('{"made_from": {"files": ["day.csv"]}, "notes": ["a gap"]}')
    written = record.read_text()
    with pytest.raises(UsageError, match="rows of other columns"):
        add(output, [2], traffic=[0.5])
    with pytest.raises(UsageError, match="would replace"):
        add(output, [1], "other.csv")
    assert record.read_text() == written


def test_rows_stay_until_those_that_replace_them_have_come_as_far(tmp_path, monkeypatch):
    """A run that ends before leaves them; one that is killed leaves both."""
    monkeypatch.setattr(replaced_rows, "PIECE_BYTES", 7)
    output = tmp_path / "rows.csv"
    add(output, [0, 1, 2, 3])
    add(output, [1, 2])
    assert epochs_in(output) == [0, 1, 2, 3]
    with open_rows(output, "today.csv") as rows:
        rows.write(window(1))
        killed = output.read_bytes()
        rows.write(window(2))
        rows.write(window(3))
        assert epochs_in(output) == [0, 1, 2, 3]
        rows.write(window(4))
    assert epochs_in(output) == [0, 1, 2, 3, 4]
    output.write_bytes(killed)
    assert epochs_in(output) == [0, 1, 2, 3, 1]
    add(output, [1, 2, 3, 4])
    assert epochs_in(output) == [0, 1, 2, 3, 4]


def test_a_run_without_a_row_changes_none(tmp_path):
    output = tmp_path / "rows.csv"
    add(output, [1, 2])
    add(output, [])
    assert epochs_in(output) == [1, 2]


@pytest.mark.parametrize("piece_bytes", [4, 1 << 16])
@pytest.mark.parametrize("left", [b"", b'"a', b'"a ""b"", c",3'])
def test_half_a_line_is_cut_off(tmp_path, monkeypatch, left, piece_bytes):
    monkeypatch.setattr(rows_file, "PIECE_BYTES", piece_bytes)
    output = tmp_path / "rows.csv"
    add(output, [1, 2], "-")
    with output.open("ab") as file:
        file.write(left)
    add(output, [3], "-")
    assert epochs_in(output) == [1, 2, 3]


def test_half_a_header_is_no_header(tmp_path):
    output = tmp_path / "rows.csv"
    add(output, [])
    output.write_bytes(b'"sensor","ep')
    add(output, [1])
    assert epochs_in(output) == [1]


def test_rows_of_other_columns_are_refused(tmp_path):
    output = tmp_path / "rows.csv"
    add(output, [1])
    with pytest.raises(UsageError, match="rows of other columns"):
        add(output, [2], traffic=[0.5])
    assert epochs_in(output) == [1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rows.parquet", "expected a .csv with --follow"),
        ("today.csv", "is the input"),
        ("thesis.csv", "thesis.csv"),
    ],
)
def test_outputs_that_are_not_ours_are_refused(tmp_path, name, words):
    (tmp_path / "today.csv").write_text("epoch,20\n")
    (tmp_path / "thesis.csv").write_text("my work\n")
    with pytest.raises(UsageError, match=words), open_rows(tmp_path / name, str(tmp_path / "today.csv")):
        pass
    assert (tmp_path / "thesis.csv").read_text() == "my work\n"

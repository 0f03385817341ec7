"""What benchmarks keep, and the page that quotes it; every benchmark can be imported."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py"))
# not in requirements.txt, since nothing else needs them
PACKAGES_OF_ONE_BENCHMARK = {"intelligibility.py": ("pystoi", "pocketsphinx")}


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_finds_what_it_imports(script):
    for package in PACKAGES_OF_ONE_BENCHMARK.get(script, ()):
        pytest.importorskip(package, reason=f"benchmark only: pip install {package}")
    assert runpy.run_path(str(ROOT / "benchmarks" / script), run_name="benchmark")["__doc__"]


def test_the_page_quotes_what_was_measured():
    from record import PAGE, SECTION, UNMEASURED, kept

    page, report = PAGE.read_text(encoding="utf-8"), kept()
    quoted = {match[2]: match[0] for match in SECTION.finditer(page)}
    assert set(report) <= set(quoted)
    assert all(UNMEASURED in quoted[name] for name in set(quoted) - set(report))
    for name, section in report.items():
        cells = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in quoted[name].splitlines()
            if "|" in line
        ]
        assert len(cells) == 2 + len(section["figures"])
        for row, figure in zip(cells[2:], section["figures"], strict=True):
            assert row[0] == figure["what"] and row[2] == figure["twin"]
            assert float(row[1].split()[0]) == figure["value"] and float(row[3]) == figure["ratio"]
        assert section["machine"] in quoted[name] and f"torch {section['versions']['torch']}" in quoted[name]


def test_a_section_is_measured_anew_and_the_others_stay(tmp_path, capsys):
    from record import Figure, keep, quote

    path = tmp_path / "benchmarks.json"
    keep("one", "make it", [Figure("a", 1.23456, "s", "b", 0.5)], path)
    keep("two", "make it", [Figure("c", 7, "s", "d", 2)], path)
    keep("one", "make it", [Figure("a", 3, "s", "b", 0.25)], path)
    report = json.loads(path.read_text())
    assert [report[name]["figures"][0]["value"] for name in ("one", "two")] == [3, 7]
    assert "| a | 1.23 s | b | 0.5 |" in capsys.readouterr().out
    page = "before\n<!-- table: two -->\nold\n<!-- end of table -->\nafter\n"
    quoted = quote(page, report)
    assert "| c | 7 s | d | 2 |" in quoted and "old" not in quoted
    assert quoted.startswith("before\n") and quoted.endswith("after\n")
    assert quote(quoted, report) == quoted


def test_levels_too_short_to_time_give_no_figure(monkeypatch, tmp_path):
    import argparse

    import sensor_speed

    times = iter([sensor_speed.Finished("", 4.0, 1), sensor_speed.Finished("", 4.1, 1)])
    monkeypatch.setattr(sensor_speed, "classify", lambda *_: next(times))
    record = next(record for record in sensor_speed.CLASSIFIERS.values() if record.embedded)
    with pytest.raises(
        SystemExit, match=r"MiniYamNet through pinv: 1 and 2 minutes .* choose longer --minutes"
    ):
        sensor_speed.measure_speed(
            record, "pinv", tmp_path, argparse.Namespace(minutes=(1, 2), memory_minutes=(1, 2), repeats=1)
        )


def test_the_command_is_measured_as_often_as_wanted(tmp_path):
    import argparse

    import sensor_speed

    record = next(record for record in sensor_speed.CLASSIFIERS.values() if record.embedded)
    sensor_speed.write_day(tmp_path / "levels.csv", 80)
    args = argparse.Namespace(models_path=tmp_path, scores="all")
    held = bytearray(1_500_000_000)  # by this process, which is not the one that is measured
    held[::4096] = b"1" * len(held[::4096])
    runs = [sensor_speed.classify(record, "pinv", tmp_path / "levels.csv", args) for _ in range(2)]
    assert all(run.cpu_s > 0 and 100e6 < run.peak_bytes < len(held) for run in runs)
    assert [path.name for path in tmp_path.iterdir()] == ["levels.csv"]


def test_the_floor_counts_the_layers_of_a_step_with_the_gradients_they_need():
    import torch
    from torch import nn
    from training import floor_of

    student, teacher = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 1, 3).requires_grad_(False)
    image, seen = torch.randn(1, 1, 9, 9), []
    compute = floor_of((student, teacher), lambda: teacher(student(image)).mean())
    for layer in (student, teacher):
        layer.register_forward_hook(lambda layer, inputs, output: seen.append((layer, inputs[0])))
    compute()
    assert [(layer, values.shape[1], values.requires_grad) for layer, values in seen] == [
        (student, 1, False),
        (teacher, 2, True),
    ]

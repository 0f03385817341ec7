"""Tables of the toy experiment: what they hold, and that each format holds it."""

import argparse
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from spectral_transcoder.experiments.engine import cli
from spectral_transcoder.experiments.engine.options import parse_options
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.engine.tables import export, results_table
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from tests.helpers.toy_experiment import add_options, build, load_steps, plans, step


@pytest.fixture
def experiment(tmp_path):
    options = argparse.Namespace(data_path=tmp_path, scale=1.0, sleep_s=0, fail="none", crash="none")
    experiment = build(options)
    for setting in select(experiment.plans, "deep/step=metric,base/step=metric+kind=pinv"):
        step(setting, experiment)
    return experiment


def table_of(experiment, selector, metrics=None):
    metrics = metrics or [metric for metric in experiment.metrics if metric.shown]
    return results_table(experiment, select(experiment.plans, selector), metrics)


def test_constant_factors_are_in_the_title_and_varying_ones_in_columns(experiment):
    table = table_of(experiment, "deep/rate=-3")
    assert table.title == "toy, plan: deep kind: cnn rate: -3"
    assert list(table.shown) == ["size", "error (dB²) ↓", "hit_rate (%) ↑"]
    assert table.shown.to_numpy().tolist() == [[1, "1.00 ± 0.25", "12.5"], [2, "2.00 ± 0.25", "25.0"]]


def test_plans_in_one_table_leave_what_they_lack_blank(experiment):
    table = table_of(experiment, "base/,deep/rate=-3")
    assert list(table.shown)[: table.n_factors] == ["plan", "kind", "size", "rate"]
    assert table.shown.to_numpy().tolist()[0] == ["base", "pinv", "", "", "0.50 ± 0.25", ""]


def test_a_setting_without_results_has_no_row(experiment):
    assert "oracle" not in table_of(experiment, "base/").text()
    with pytest.raises(SpectralTranscoderError, match="no results"):
        table_of(experiment, "base/kind=oracle")


def test_hidden_factor_is_a_column_where_it_varies(experiment):
    for setting in experiment.plans["deep"].select([{"step": ["metric"], "seed": [1]}]):
        step(setting, experiment)
    table = table_of(experiment, "deep/size=1+seed=0+1")
    assert list(table.shown)[: table.n_factors] == ["rate", "seed"]
    assert "seed" not in table_of(experiment, "deep/size=1").values


def test_seeds_can_be_averaged(experiment):
    (setting,) = experiment.plans["deep"].select(
        [{"step": ["metric"], "size": [1], "rate": [-3], "seed": [1]}]
    )
    experiment.save_metric(setting, "error", np.array([1.75, 2.25]))
    selection = select(experiment.plans, "deep/seed=0+1,base/kind=pinv")
    metrics = [metric for metric in experiment.metrics if metric.name == "error"]
    table = results_table(experiment, selection, metrics, over="seed")
    assert "mean ± standard deviation over seed" in table.title
    assert table.shown["seeds"].tolist() == [1, 2, 1, 1, 1]  # the base plan has no seeds: one row
    assert table.shown["error (dB²) ↓"].tolist() == ["0.50", "1.50 ± 0.71", "1.00", "2.00", "2.00"]
    assert table.values["error_std"].isna().tolist() == [True, False, True, True, True]
    assert "seed" not in table.values
    with pytest.raises(UsageError, match="no plan of this selection has that factor"):
        results_table(experiment, selection, metrics, over="sead")


def test_one_row_is_all_title(experiment):
    table = table_of(experiment, "deep/size=1+rate=-4")
    assert table.title == "toy, plan: deep kind: cnn size: 1 rate: -4"
    assert table.n_factors == 0


def test_csv_holds_every_factor_and_plain_numbers(experiment, tmp_path):
    read = pd.read_csv(export(table_of(experiment, "deep/"), tmp_path / "t.csv"))
    assert list(read) == ["plan", "kind", "size", "rate", "error", "error_std", "hit_rate"]
    np.testing.assert_allclose(read["error"], read["size"])
    np.testing.assert_allclose(read["error_std"], 0.25)
    np.testing.assert_allclose(read["hit_rate"], 12.5 * read["size"])


def test_html_holds_the_table(experiment, tmp_path):
    text = export(table_of(experiment, "deep/rate=-3"), tmp_path / "t.html").read_text()
    assert "<caption>toy, plan: deep kind: cnn rate: -3</caption>" in text
    assert re.findall(r"<th[^>]*>(.*)</th>", text) == ["size", "error (dB²) ↓", "hit_rate (%) ↑"]
    cells = re.findall(r"<td[^>]*>(.*)</td>", text)
    assert cells == ["1", "1.00 ± 0.25", "12.5", "2", "2.00 ± 0.25", "25.0"]


def test_tex_holds_the_table_and_escapes_it(experiment, tmp_path):
    text = export(table_of(experiment, "deep/rate=-3"), tmp_path / "t.tex").read_text()
    assert r"\begin{tabular}{lrr}" in text
    assert r"2 & 2.00 $\pm$ 0.25 & 25.0 \\" in text
    assert r"hit\_rate (\%) $\uparrow$" in text
    assert text.isascii()


def test_png_grows_with_its_rows(experiment, tmp_path):
    sizes = []
    for selector in ("deep/rate=-3", "base/,deep/"):
        image = imread(export(table_of(experiment, selector), tmp_path / "t.png"))
        assert image[..., :3].min() < 0.2  # there is ink
        assert image[:, -20:, :3].min() == 1  # and none beyond the margin
        sizes.append(image.shape[0])
    assert sizes[1] > sizes[0]


def test_unknown_format_names_those_that_there_are(experiment, tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.html, \.tex, \.csv"):
        export(table_of(experiment, "deep/"), tmp_path / "t.pdf")


@pytest.mark.parametrize("suffix", ["csv", "html", "tex", "png"])
def test_a_table_replaces_itself_and_nothing_else(experiment, tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    for _ in range(2):
        export(table_of(experiment, "deep/rate=-3"), path)
    path.write_text("sensor,notes\n1,mine\n")
    with pytest.raises(UsageError, match="was not written by this script"):
        export(table_of(experiment, "deep/rate=-3"), path)
    assert path.read_text() == "sensor,notes\n1,mine\n"


@pytest.fixture
def run(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "EXPORT", tmp_path / "export")

    def run(*argv):
        argv = [*argv, "--data_path", str(tmp_path)]
        return cli.run_experiment(build, load_steps, parse_options("toy", add_options, argv))

    return run


def test_display_and_export_from_the_command_line(run, capsys, tmp_path):
    assert run("-s", "deep/rate=-3", "-d", "-e", "results.csv") == 0
    out = capsys.readouterr().out
    assert "toy, plan: deep kind: cnn rate: -3" in out
    assert f"written: {tmp_path / 'export' / 'results.csv'}" in out
    assert len(pd.read_csv(tmp_path / "export" / "results.csv")) == 2


def test_a_foreign_file_of_that_name_is_reported_before_anything_is_computed(run, tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export/mine.csv").write_text("mine")
    with pytest.raises(UsageError, match="was not written by this script"):
        run("-s", "deep/", "-c", "-d", "-e", "mine.csv")
    assert not list(tmp_path.rglob("state/*.json"))


@pytest.mark.parametrize("name", ["a/b.csv", "nosuchdir/../../../x.csv", "/tmp/x.csv", "../x.csv"])
def test_results_are_written_to_export_alone(run, name):
    with pytest.raises(UsageError, match="without folders"):
        run("-s", "deep/", "-e", name)


@pytest.mark.parametrize("indices", ["1", "[1]"])
def test_indices_choose_metrics(run, capsys, indices):
    run("-s", "deep/", "-d", indices)
    out = capsys.readouterr().out
    assert "hit_rate" in out
    assert "error" not in out


def test_metrics_that_are_not_shown_are_reported(run, capsys):
    run("-s", "deep/", "-d")
    assert "further metrics, by -d: 2 detail" in capsys.readouterr().out


def test_a_wrong_name_is_reported_before_anything_is_computed(run, capsys):
    with pytest.raises(UsageError, match=r"results.pdf: expected a name that ends in"):
        run("-s", "deep/", "-c", "-e", "results.pdf")
    assert "computed" not in capsys.readouterr().out


@pytest.mark.parametrize("indices", ["3", "x", "-1"])
def test_wrong_indices_name_the_metrics(run, indices):
    with pytest.raises(UsageError, match="0 error, 1 hit_rate, 2 detail"):
        run("-s", "deep/", f"-d={indices}")


def test_metric_that_the_experiment_does_not_name(experiment):
    with pytest.raises(UsageError, match="expected one of error, hit_rate, detail"):
        experiment.save_metric(plans()["deep"].select([{}])[0], "eror", 1.0)

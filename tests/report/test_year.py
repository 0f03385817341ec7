"""The page of a year: from files to pictures, and in a real Chromium."""

import itertools
import runpy
import sys
from unittest import mock

import matplotlib.image
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from spectral_transcoder.report.year_pictures import metres
from spectral_transcoder.sensors.results import write_csv, write_parquet
from tests.conftest import ROOT
from tests.helpers.made_year import made_year
from tests.report.test_report_in_a_browser import CONTRASTS, DESK, ENOUGH_CONTRAST, PHONE

SENSORS = {"quai <1>": 0, "parc": 1}
COORDINATES = "sensor,latitude,longitude\nquai <1>,47.75,-3.37\nparc,47.751,-3.361\n"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Five weeks of two sensors, some days missing, a foreign csv beside them."""
    folder = tmp_path_factory.mktemp("results")
    for index, (name, seed) in enumerate(SENSORS.items()):
        table = made_year(name, n_days=35, every_s=3600, seed=seed, missing=(20,), half=(3,))
        pyarrow.parquet.write_table(table, folder / f"{index}.parquet")
    (folder / "foreign.csv").write_text("time,level\n1,2\n")
    (folder.parent / "places.csv").write_text(COORDINATES)
    return folder


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    """The page that a user made of them."""
    folder = tmp_path_factory.mktemp("year")
    arguments = [results, "--timezone", "Europe/Paris", "--coordinates", results.parent / "places.csv"]
    command = ["plot_presence.py", *map(str, [*arguments, "--output", folder])]
    with mock.patch.object(sys, "argv", command), pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "plot_presence.py"), run_name="__main__")
    assert ended.value.code == 1  # foreign.csv is left out and named
    return folder


def test_every_picture_is_there_and_not_blank(folder):
    names = {path.name for path in (folder / "media").iterdir()}
    kinds = {f"sensor_{n}_{kind}.png" for n in (1, 2) for kind in ("week", "clock", "2024")}
    assert names == kinds | {"map.png", "side_by_side_1.png"}
    for name in names:
        assert matplotlib.image.imread(folder / "media" / name)[..., :3].std() > 0.02


def test_tables_have_missing_days(folder):
    days = pd.read_csv(folder / "days.csv")
    own = days[days["sensor"] == "parc"].reset_index()
    assert own["traffic_time"].isna().to_numpy().nonzero()[0].tolist()[:2] == [3, 20]
    hours = pd.read_csv(folder / "hours.csv")
    assert hours["measured_s"].max() == 10


def test_a_degree_is_a_sixtieth_of_60_nautical_miles():
    east_m, north_m = metres(np.array([47.0, 48.0]), np.array([-3.0, -3.0]))
    assert north_m[1] - north_m[0] == pytest.approx(60 * 1852, rel=2e-3)
    assert east_m.tolist() == [0, 0]


def test_what_is_wrong_is_reported(call_script, tmp_path, results):
    for arguments, status, words in (
        ([tmp_path / "none"], 1, "no results at"),
        ([results / "foreign.csv"], 1, "no rows of classify_thirdo.py"),
        ([results, "--timezone", "Mars"], 2, "Europe/Paris"),
        ([results, "--coordinates", results / "foreign.csv"], 1, "no column sensor"),
        ([results, "--coordinates", tmp_path / "none.csv"], 1, "no coordinates at"),
    ):
        code, _, err = call_script("plot_presence.py", *arguments, "--output", tmp_path / "page")
        assert code == status and words in err


def test_good_results_are_drawn_and_others_named(call_script, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    table = made_year("7", n_days=1)
    write_csv(folder / "a.csv", iter([table]))
    write_parquet(folder / "a.parquet", iter([table]))
    for name in ("a.csv", "a.parquet"):  # two formats of one run
        (folder / f"{name}.json").write_text('{"made_from": {"files": ["day.csv"]}}')
    (folder / "damaged.parquet").write_bytes(b"PAR1")
    code, out, err = call_script("plot_presence.py", folder, "--output", tmp_path / "page")
    assert code == 1 and "damaged.parquet cannot be read" in err
    assert "a.parquet has the rows of" in err and f"{len(table)} rows" in out


@pytest.fixture
def visit(browser, folder):
    """Open the page, and fail where the browser has something to complain of."""
    contexts, complaints = [], []

    def opened(viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto((folder / "index.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def test_every_picture_loads_and_has_words(visit):
    page = visit()
    page.evaluate("for (const picture of document.images) picture.loading = 'eager'")
    page.wait_for_function("[...document.images].every(picture => picture.complete)")
    pictures = page.evaluate("[...document.images].map(picture => [picture.alt, picture.naturalWidth])")
    assert len(pictures) == 8 and all(alt and width for alt, width in pictures)
    assert page.get_by_role("heading", name="quai <1>").count() == 1


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_sticks_out(visit, viewport):
    assert visit(viewport).evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(visit, scheme):
    contrast, text = visit(color_scheme=scheme).evaluate(CONTRASTS)
    assert contrast >= ENOUGH_CONTRAST, text


def test_landmarks_headings_and_links(visit):
    page = visit()
    assert [page.locator(name).count() for name in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    targets = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
    )
    assert set(targets) <= set(ids)


@pytest.mark.parametrize("name", ["index.html", "hours.csv", "DAYS.csv", "media/map.png"])
def test_a_year_is_never_written_over_what_it_did_not_write(call_script, tmp_path, results, name):
    table, output = results / "0.parquet", tmp_path / "page"
    mine = output / name
    mine.parent.mkdir(parents=True)
    inputs = [table]
    if name == "DAYS.csv":  # an input, by a name that some file systems take for the output's
        mine.write_bytes(b"sensor,latitude,longitude\nparc,47.7,-3.3\n")
        inputs += ["--coordinates", mine]
    else:
        mine.write_bytes(b"precious")
    before = mine.read_bytes()
    code, _, stderr = call_script("plot_presence.py", *inputs, "--output", output)
    assert code == 2, stderr
    assert mine.read_bytes() == before
    assert [path for path in output.rglob("*") if path.is_file()] == [mine]


def test_a_sensor_without_a_name_is_called_sensor(call_script, tmp_path):
    for name in ("", "parc"):
        pyarrow.parquet.write_table(made_year(name, n_days=2, every_s=3600), tmp_path / f"of_{name}.parquet")
    places = tmp_path / "places.csv"
    places.write_text("sensor,latitude,longitude\nparc,47.751,-3.361\n")
    results = [tmp_path / "of_.parquet", tmp_path / "of_parc.parquet"]
    code, said, _ = call_script(
        "plot_presence.py", *results, "--coordinates", places, "--output", tmp_path / "page"
    )
    assert not code
    lines = said.splitlines()
    assert lines[0] == "not on the map, without coordinates: sensor"
    assert lines[1:3] == ["sensor: 2 days, 48 rows", "parc: 2 days, 48 rows"]
    page = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    assert "by hour and weekday, sensor." in page and "by hour and weekday of sensor, parc." in page

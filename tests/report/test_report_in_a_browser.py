"""The report in a real Chromium: it loads, plays, compares, and can be read by everybody."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.made_runs import CNN_LOGITS

SCRIPT = Path(__file__).resolve().parents[2] / "make_report.py"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
ENOUGH_CONTRAST = 4.5  # WCAG 2, level AA

CONTRASTS = """() => {
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const colour = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = colour(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const worst = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, style, .ticks, select")) continue;
    const pair = [luminance(colour(getComputedStyle(element).color)), luminance(ground(element))];
    worst.push([(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), texts.currentNode.data.trim()]);
  }
  return worst.sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, data, generated):
    """The address of a report that a user made, with something left out."""
    folder = tmp_path_factory.mktemp("report")
    data = shutil.copytree(data, folder / "data")
    (data / "training_experiments/train_exp/state" / f"{CNN_LOGITS}.json").write_text("{")
    arguments = ["--data_path", data, "--generated_audio", generated, "--output", folder]
    subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], check=True, timeout=300)
    return (folder / "index.html").as_uri()


@pytest.fixture
def visit(browser, address):
    """Open the report, and fail where the browser has something to complain of."""
    contexts, complaints = [], []

    def opened(viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on(
            "request",
            lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url),
        )
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def test_every_player_plays(visit):
    page = visit()
    players = page.locator("audio")
    assert players.count() == 9
    for index in range(players.count()):
        player = players.nth(index)
        player.evaluate("player => player.play()")
        page.wait_for_function("player => player.currentTime > 0.1", arg=player.element_handle())
        assert player.evaluate("player => [player.error, player.duration > 0.9]") == [None, True]
        assert player.get_attribute("aria-label")


def test_one_sound_at_a_time(visit):
    page = visit()
    first, second = page.locator("audio").all()[:2]
    for player in (first, second):
        player.evaluate("player => player.play()")
    page.wait_for_function("player => player.paused", arg=first.element_handle())
    assert not second.evaluate("player => player.paused")


def test_every_picture_loads_and_has_words(visit):
    page = visit()
    page.evaluate("for (const picture of document.images) picture.loading = 'eager'")
    page.wait_for_function("[...document.images].every(picture => picture.complete)")
    pictures = page.evaluate("[...document.images].map(picture => [picture.alt, picture.naturalWidth])")
    assert len(pictures) == 9 + 2 * 2
    assert all(alt and width for alt, width in pictures)
    assert page.locator("svg[role=img][aria-label]").count() == page.locator("svg").count() == 1


def test_spectrograms_are_compared_with_the_keyboard(visit):
    page = visit()
    stage = page.locator(".stage").first
    slider = page.get_by_label("Where the left one ends").first
    slider.focus()
    width = stage.bounding_box()["width"]
    for key, share in (("Home", 0), ("ArrowRight", 1), ("End", 100)):
        page.keyboard.press(key)
        left = stage.locator(".edge").evaluate("edge => edge.offsetLeft + 1")
        assert left == pytest.approx(width * share / 100, abs=1.5)
        assert slider.get_attribute("aria-valuetext") == f"{share} % true Mels, {100 - share} % CNN-logits"
    page.get_by_label("Left").first.select_option(label="PINV")
    assert stage.locator(".over").get_attribute("src").endswith("_pinv.png")


@pytest.mark.parametrize(
    "viewport", [PHONE, {"width": 320, "height": 640}, DESK], ids=["phone", "small", "desk"]
)
def test_nothing_sticks_out(visit, viewport):
    page = visit(viewport)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(visit, scheme):
    page = visit(color_scheme=scheme)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    contrast, text = page.evaluate(CONTRASTS)
    assert contrast >= ENOUGH_CONTRAST, text
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_landmarks_headings_and_tables_speak(visit):
    page = visit()
    assert [page.locator(name).count() for name in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    tables = page.locator("table").count()
    assert page.locator("table > caption").count() == tables
    assert page.evaluate(
        "[...document.querySelectorAll('th')].every(cell => ['col', 'row'].includes(cell.scope))"
    )
    named = "[...document.querySelectorAll('select, input')].every(field => field.labels.length)"
    assert page.evaluate(named)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    targets = page.evaluate(
        "[...document.querySelectorAll('a')].map(link => link.getAttribute('href').slice(1))"
    )
    assert set(targets) <= set(ids)


def test_what_was_left_out_is_linked_from_the_top(visit):
    page = visit(PHONE)
    page.get_by_role("link", name="Left out").click()
    page.wait_for_function("document.getElementById('left-out').getBoundingClientRect().top < innerHeight")
    assert page.locator(".left-out li").count() == 1


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    while (tag := page.evaluate("document.activeElement.tagName")) != "BODY":
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or tag == "AUDIO"  # the browser's own controls draw theirs inside
        reached.add(tag)
        page.keyboard.press("Tab")
    assert {"A", "SELECT", "INPUT", "AUDIO", "SUMMARY", "DIV"} <= reached


def test_it_is_all_there_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".versions img").count() == 9
    assert not page.locator(".compare").first.is_visible()

"""Sounds and pictures beside the report's page: what is brought, what stays, what is cut."""

import shutil
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from spectral_transcoder.report.sounds import bring_sound, frequency_ticks


def test_nothing_is_fetched_and_everything_is_there(make, data, generated, tmp_path):
    for address in make(data, generated).addresses:
        assert address.startswith(("#", "data:")) or (tmp_path / "report" / unquote(address)).is_file(), (
            address
        )


def test_sounds_are_small_and_as_long_as_they_were(make, data, generated, tmp_path):
    make(data, generated)
    files = sorted((tmp_path / "report" / "media").glob("*.ogg"))
    assert len(files) == 9
    for path in files:
        assert soundfile.info(path).duration == pytest.approx(1.0, abs=0.01)
        assert path.stat().st_size < 30_000


def test_longer_sounds_are_cut_and_more_are_left_out(make, data, generated, tmp_path):
    make(data, generated, "--longest_s", 0.5, "--sounds", 1)
    files = list((tmp_path / "report" / "media").glob("*.ogg"))
    assert len(files) == 4
    assert all(soundfile.info(path).duration == pytest.approx(0.5, abs=0.01) for path in files)


def test_a_tone_is_where_its_frequency_is(make, data, generated, tmp_path):
    """The picture of 1760 Hz is brightest at the height that the ticks give that frequency."""
    make(data, generated)
    picture = imread(tmp_path / "report/media/street_transcoder.png")[..., :3].sum(axis=2)
    brightest = 100 * (1 - (picture.mean(axis=1).argmax() + 0.5) / len(picture))
    heights, names = zip(*frequency_ticks(), strict=True)
    assert names == ("500 Hz", "2 kHz", "8 kHz")
    assert heights[0] < brightest < heights[1]
    assert heights[1] - brightest < 8


def test_a_damaged_sound_is_left_out_and_reported(make, data, generated, tmp_path):
    """One of the four versions of `street` is cut off; of the other recording, the recording itself."""
    folder = shutil.copytree(generated, tmp_path / "generated")
    damaged = folder / "street/street_generated_from_pinv.wav", *folder.glob("*/*nuit*_original.wav")
    assert "Left out" not in make(data, folder).text
    for path in damaged:
        path.write_bytes(path.read_bytes()[:3000])
    page = make(data, folder)
    assert [address for address in page.addresses if address.endswith(".ogg")] == [
        f"media/street_{name}.ogg" for name in ("original", "groundtruth_mel", "transcoder")
    ]
    for path in damaged:
        assert f"{path} is no whole sound" in page.text
        assert f"left out: {path} is no whole sound" in make.complaints[-1]
    assert f"{damaged[1].parent}: nothing of it is shown" in make.complaints[-1]


def test_sounds_of_the_report_before_are_removed(make, data, generated, tmp_path):
    """What somebody else put there stays."""
    media = tmp_path / "report" / "media"
    make(data, generated)
    (media / "mine.ogg").write_bytes(b"mine")
    make(data, generated)
    assert len(list(media.iterdir())) == 2 * 9 + 1
    make(data, generated, "--sounds", 1)
    assert len(list(media.iterdir())) == 2 * 4 + 1
    make(data, generated, "--sounds", 0)
    assert [path.name for path in media.iterdir()] == ["mine.ogg"]


def test_what_is_classified_is_what_is_played(tmp_path):
    """The first second of a tone and noise is classified as the tone alone is."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 32000)
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 32000)
    sounds = []
    for name, signal in (("long", np.concatenate([tone, noise])), ("short", tone)):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / f"{name}_original.wav", signal, 32000)
        sounds.append(bring_sound(tmp_path / name, tmp_path / "media", ["MiniYamNet"], 1.0, []))
    long, short = sounds
    assert long.top_labels == short.top_labels
    assert (long.duration_s, long.shown_s, short.duration_s) == (2.0, 1.0, 1.0)


def test_the_page_says_what_is_cut(make, data, generated):
    said = "The first 0.5 of 1.0 seconds: shown, played and classified"
    assert said in make(data, generated, "--longest_s", 0.5).text
    assert "The first" not in make(data, generated).text


def test_names_are_escaped(make, data, generated, tmp_path):
    assert "été & <nuit> #1" in make(data, generated).text
    assert "<nuit>" not in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["index.html", "media/street_original.ogg", "media"])
def test_a_folder_that_holds_something_else_is_left_as_it_is(call_script, tmp_path, data, generated, name):
    mine = tmp_path / "report" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("precious <title>my page</title>")
    arguments = ("--data_path", data, "--generated_audio", generated, "--output", mine.parent)
    if "/" in name:
        arguments = (*arguments[:-1], mine.parent.parent)
    code, _, stderr = call_script("make_report.py", *arguments)
    assert (code, "was not written by this script" in stderr) == (2, True), stderr
    assert mine.read_text() == "precious <title>my page</title>"
    assert [path for path in (tmp_path / "report").rglob("*") if path.is_file()] == [mine]


def test_a_report_that_was_stopped_goes_on(make, data, generated, tmp_path, call_script, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("spectral_transcoder.report.sounds.write_picture", stop)
        patched.setattr("spectral_transcoder.models.classifiers.available_classifiers", lambda: [])
        arguments = ("--data_path", data, "--generated_audio", generated, "--output", tmp_path / "report")
        assert call_script("make_report.py", *arguments)[0] == 130
    assert "It is being made" in (tmp_path / "report" / "index.html").read_text()
    assert any((tmp_path / "report" / "media").iterdir())
    assert "It is being made" not in make(data, generated).text

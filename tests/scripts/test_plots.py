"""The two plot scripts as a user runs them, and what their figures hold."""

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure
from matplotlib.image import imread

from spectral_transcoder.signal import mel_plots
from spectral_transcoder.signal.audio import write_wav
from spectral_transcoder.signal.mel_plots import mel_centres_hz, plot_mels
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS, YAMNET_MELS
from spectral_transcoder.synthetic_city.demo_street import street_scene


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    path = tmp_path_factory.mktemp("sounds") / "street.wav"
    write_wav(path, street_scene(2.0), 32000)
    return path


def test_the_papers_figure(tmp_path, run_script, street):
    arguments = ("--audio", street, "--start_s", 0.5, "--output", tmp_path)
    finished = run_script("plot_spectro_dcase2023.py", *arguments)
    assert finished.returncode == 0, finished.stderr
    assert names(tmp_path) == ["spectro_dcase2023_PANN_street.png"]
    assert "download_pretrained_models.py --models transcoders" in finished.stdout
    image = imread(tmp_path / "spectro_dcase2023_PANN_street.png")
    assert image.std() > 0.05


def test_the_figure_of_yamnets_mels(tmp_path, call_script, street):
    arguments = ("--audio", street, "--classifier", "YamNet", "--output", tmp_path)
    code, _, _ = call_script("plot_spectro_dcase2023.py", *arguments)
    assert not code
    assert names(tmp_path) == ["spectro_dcase2023_YamNet_street.png"]


@pytest.mark.parametrize(
    ("script", "arguments", "status"),
    [
        ("plot_spectro_dcase2023.py", ["--start_s", "2.5"], 2),
        ("plot_spectro_dcase2023.py", ["--start_s", "1.99999"], 2),
        ("plot_spectro_dcase2023.py", ["--classifier", "VGGish"], 2),
        ("plot_spectro_dcase2023.py", ["--audio", "nothing.wav"], 1),
        ("plot_band_centres.py", ["--audio", "nothing.wav"], 1),
    ],
    ids=["beyond the end", "less than a sample left", "classifier", "missing", "missing too"],
)
def test_wrong_use_is_one_line(tmp_path, call_script, street, script, arguments, status):
    code, _, stderr = call_script(script, "--audio", street, *arguments, "--output", tmp_path)
    assert code == status, stderr
    (line,) = stderr.splitlines()
    assert line.startswith("error: ")
    assert arguments[1] in line
    assert not names(tmp_path)


def test_band_centres_of_a_sound(tmp_path, call_script, street):
    code, _, stderr = call_script("plot_band_centres.py", "--audio", street, "--output", tmp_path)
    assert not code, stderr
    assert names(tmp_path) == ["band_centres_street.png"]


def test_figures_go_to_results_by_default(project, run_script):
    assert run_script("plot_band_centres.py").returncode == 0
    assert "band_centres.png" in names(project / "results")


@pytest.mark.parametrize(
    ("front_end", "to_mel"),
    [
        (PANN_MELS, lambda hz: hz / (200 / 3) if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)),
        (YAMNET_MELS, lambda hz: 2595 * np.log10(1 + hz / 700)),
    ],
    ids=["Slaney", "HTK"],
)
def test_mel_centres_are_evenly_spaced_on_their_scale(front_end, to_mel):
    centres = mel_centres_hz(front_end)
    mels = [to_mel(hz) for hz in (front_end.fmin, *centres, front_end.fmax)]
    np.testing.assert_allclose(np.diff(mels), np.diff(mels).mean(), rtol=1e-6)


def test_panels_share_one_colour_scale(tmp_path, monkeypatch):
    """All panels are drawn between the same two levels, at most 80 dB apart, over their true duration."""
    drawn = []
    monkeypatch.setattr(mel_plots, "save", lambda figure, path: drawn.append(figure))
    rng = np.random.default_rng(0)
    panels = {"true Mels": rng.uniform(-70, 10, (101, 64)), "PINV": rng.uniform(-90, 30, (201, 64))}
    plot_mels(panels, PANN_MELS, tmp_path / "a.png", "title")
    (figure,) = drawn
    assert isinstance(figure, Figure)
    images = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(images) == 2
    assert images[0].get_clim() == images[1].get_clim()
    low, high = images[0].get_clim()
    assert high == pytest.approx(panels["PINV"].max())
    assert high - low == pytest.approx(80)
    np.testing.assert_array_equal(images[0].get_array(), panels["true Mels"].T)


def test_a_picture_of_silence(tmp_path):
    plot_mels({"silence": np.full((3, 64), -100.0)}, PANN_MELS, tmp_path / "a.png", "silence")
    assert names(tmp_path) == ["a.png"]


def test_a_sound_named_like_no_other(tmp_path, call_script):
    """Spaces and accents in names."""
    path = tmp_path / "été à Nantes.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 9000), 8000)
    code, _, stderr = call_script("plot_band_centres.py", "--audio", path, "--output", tmp_path / "out")
    assert not code, stderr
    assert names(tmp_path / "out") == ["band_centres_été à Nantes.png"]


@pytest.mark.parametrize("script", ["plot_spectro_dcase2023.py", "plot_band_centres.py"])
@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "another file"])
def test_a_figure_is_never_written_over_what_it_did_not_write(tmp_path, call_script, street, script, kind):
    sound = tmp_path / "street.wav"
    sound.write_bytes(street.read_bytes())
    name = {"plot_spectro_dcase2023.py": "spectro_dcase2023_PANN", "plot_band_centres.py": "band_centres"}
    output = tmp_path / "out" / f"{name[script]}_street.png"
    output.parent.mkdir()
    if kind == "symbolic link":
        output.symlink_to(sound)
    elif kind == "hard link":
        output.hardlink_to(sound)
    else:
        output.write_text("precious")
    before = output.read_bytes()
    code, _, stderr = call_script(script, "--audio", sound, "--output", output.parent)
    assert code == 2, stderr
    assert stderr.count("\n") == 1
    assert str(output) in stderr
    assert (output.read_bytes(), sound.read_bytes()) == (before, street.read_bytes())
    assert output.is_symlink() == (kind == "symbolic link")

"""generate_audio.py and make_demo_sound.py as a user runs them, in a fresh clone and with models."""

import shutil

import numpy as np
import pytest
import soundfile

from spectral_transcoder.evaluation.regeneration import (
    format_classes,
    regenerate,
    top_classes,
    transcoders_for,
)
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.signal.audio import read_audio

SR = 32000
WITHOUT_MODELS = [
    "generated_from_groundtruth_mel.wav",
    "generated_from_pinv.wav",
    "generated_from_pinv_texture.wav",
    "original.wav",
]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def outputs(stem, kinds=WITHOUT_MODELS):
    return sorted([f"{stem}_{kind}" for kind in kinds] + [f"{stem}_spectrograms.png"])


def assert_one_line_error(ended, status, *words):
    """Assert that a script ended with this status and one line on stderr, which says these words."""
    code, _, stderr = ended
    assert code == status, stderr
    lines = [line for line in stderr.splitlines() if line]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture
def sound(tmp_path):
    """A function that writes a short sound below tmp_path."""

    def write(name, duration_s=0.4, sr=SR, n_channels=1):
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(0).uniform(-0.5, 0.5, (round(duration_s * sr), n_channels))
        soundfile.write(path, samples, sr)
        return path

    return write


def test_the_demo_of_a_fresh_clone(project, run_script):
    """A bare name is made in audio/, found there, and its sounds lie in generated_audio/."""
    made = run_script("make_demo_sound.py", "demo_street.wav", "--duration_s", 1)
    assert made.returncode == 0, made.stderr
    info = soundfile.info(project / "audio/demo_street.wav")
    assert (info.samplerate, info.channels, info.frames) == (SR, 1, SR)

    finished = run_script("generate_audio.py", "demo_street.wav")
    assert finished.returncode == 0, finished.stderr
    folder = project / "generated_audio/demo_street"
    assert names(folder) == outputs("demo_street")
    for path in folder.glob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (SR, 1, SR, "PCM_16")
        assert np.abs(soundfile.read(path)[0]).max() > 0.05
    original = soundfile.read(folder / "demo_street_original.wav")[0]
    assert np.abs(original).max() == pytest.approx(1, abs=1e-3)
    assert (folder / "demo_street_spectrograms.png").read_bytes().startswith(b"\x89PNG")
    assert "download_pretrained_models.py --models transcoders" in finished.stdout
    assert "download_pretrained_models.py --models YamNetMobile" in finished.stdout


def test_the_demo_sound_is_reproducible(tmp_path, call_script):
    for name, seed in (("a.wav", 0), ("b.wav", 0), ("c.wav", 1)):
        path = tmp_path / name
        code, _, _ = call_script("make_demo_sound.py", path, "--duration_s", 0.5, "--seed", seed)
        assert not code
    contents = [(tmp_path / name).read_bytes() for name in ("a.wav", "b.wav", "c.wav")]
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.wav", "--duration_s", "0"],
        ["x.wav", "--duration_s", "nan"],
        ["x.wav", "--duration_s", "1e-6"],
        ["x"],
        ["x.flac"],
    ],
    ids=["no duration", "nan", "no sample", "no suffix", "another format"],
)
def test_wrong_demo_sounds_are_refused(tmp_path, call_script, arguments):
    ended = call_script("make_demo_sound.py", tmp_path / arguments[0], *arguments[1:])
    assert_one_line_error(ended, 2, *(["ends in .wav or .ogg"] if len(arguments) == 1 else []))
    assert not names(tmp_path)


@pytest.mark.parametrize("further", [[], ["--place", "park"]], ids=["street", "place"])
def test_a_seed_below_nought_is_refused(tmp_path, call_script, further):
    code, _, message = call_script("make_demo_sound.py", tmp_path / "x.wav", "--seed", -1, *further)
    assert (code, "--seed" in message) == (2, True)


def test_suffixes_are_recognised_whatever_their_case(tmp_path, call_script):
    assert not call_script("make_demo_sound.py", tmp_path / "x.OGG", "--duration_s", 0.5)[0]
    assert soundfile.info(tmp_path / "x.OGG").subtype == "VORBIS"


def test_below_a_plain_file_nothing_can_be_written(tmp_path, call_script):
    (tmp_path / "plain").write_text("")
    ended = call_script("make_demo_sound.py", tmp_path / "plain" / "x.wav", "--duration_s", 0.5)
    assert_one_line_error(ended, 1, "plain")


def test_files_of_every_kind_in_one_run(tmp_path, run_script, sound):
    """Paths, a folder, stereo at 8 kHz, one sample; of three broken ones each is told, the rest is done."""
    sound("in folder/long.flac", 1.7, 44100)
    sound("in folder/stereo.wav", 0.4, 8000, 2)
    (tmp_path / "sounds/in folder/notes.txt").write_text("no sound")
    tiny = sound("tiny.wav", 1 / SR)
    text = tmp_path / "sounds/text.wav"
    text.write_text("no sound")
    cut = sound("cut.wav")
    cut.write_bytes(cut.read_bytes()[:1000])
    output = tmp_path / "out"
    finished = run_script(
        "generate_audio.py",
        tmp_path / "sounds/in folder",
        text,
        "tiny.wav",
        cut,
        *("--output", output, "--n_iter", 2),
        cwd=tiny.parent,
    )
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "text.wav" in errors[0]
    assert "cut.wav" in errors[1]
    assert names(output) == ["long", "stereo", "tiny"]
    for stem, n_samples in (("long", round(1.7 * SR)), ("stereo", round(0.4 * SR)), ("tiny", 1)):
        assert names(output / stem) == outputs(stem)
        assert soundfile.info(output / stem / f"{stem}_original.wav").frames == n_samples
        regenerated = soundfile.info(output / stem / f"{stem}_generated_from_pinv.wav").frames
        assert regenerated == max(1, n_samples // 320 * 320)


def test_two_files_of_one_name_are_refused(tmp_path, call_script, sound):
    paths = sound("one/a.wav"), sound("two/a.flac")
    ended = call_script("generate_audio.py", *paths, "--output", tmp_path / "out")
    assert_one_line_error(ended, 2, "called a")
    assert not (tmp_path / "out").exists()


def test_an_unknown_file_ends_before_anything_is_written(tmp_path, call_script, sound):
    ended = call_script("generate_audio.py", sound("a.wav"), "b.wav", "--output", tmp_path / "out")
    assert_one_line_error(ended, 1, "b.wav")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [["--device", "abacus"], ["--n_iter", "-1"]], ids=str)
def test_an_option_out_of_range_is_refused(tmp_path, call_script, sound, option):
    ended = call_script("generate_audio.py", sound("a.wav"), "--output", tmp_path / "out", *option)
    assert_one_line_error(ended, 2, option[0])
    assert not (tmp_path / "out").exists()


@pytest.mark.shared
def test_with_published_models_and_a_real_classifier(shared, project, run_script, tmp_path):
    """What a user has after download_pretrained_models.py: CNN sounds, and ten classes in columns."""
    clone = tmp_path / "clone"
    shutil.copytree(project, clone, ignore=shutil.ignore_patterns("audio", "generated_audio", "results"))
    shutil.copytree(shared / "reference/published_transcoders", clone / "reference_models")
    (clone / "pretrained_models").mkdir()
    shutil.copy(shared / "pretrained/yamnet_mobile_relu6.pth", clone / "pretrained_models")
    (clone / "audio").mkdir()
    clip = read_audio(shared / "audio/tau2020/park-london-96-2684-a.wav")
    soundfile.write(clone / "audio/park.wav", clip.samples[: 2 * clip.sr], clip.sr)

    finished = run_script(clone / "generate_audio.py", "park.wav", "--n_iter", 2)
    assert finished.returncode == 0, finished.stderr
    kinds = [*WITHOUT_MODELS, "generated_from_cnn_mels.wav", "generated_from_transcoder.wav"]
    assert names(clone / "generated_audio/park") == outputs("park", kinds)
    for said in (
        "CNN-logits for PANN, published",
        "CNN-mels for PANN, published",
        "YamNetMobile finds in park",
    ):
        assert said in finished.stdout
    assert "download_pretrained_models.py" not in finished.stdout
    table = finished.stdout.split("YamNetMobile finds")[1].splitlines()
    ranks = [line.split()[0] for line in table if line.strip()[:1].isdigit()]
    assert ranks[:10] == [str(rank) for rank in range(1, 11)]


@pytest.mark.shared
def test_ten_first_classes(shared):
    classifier = load_classifier("YamNetMobile", shared / "pretrained/yamnet_mobile_relu6.pth")
    transcoders, _ = transcoders_for("YamNetMobile", shared / "reference/published_transcoders")
    recording = read_audio(shared / "audio/tau2020/street_traffic-milan-1094-42444-a.wav")
    classes = top_classes(recording, classifier, transcoders)
    # CNN-logits of YamNet serve YamNet alone
    assert list(classes) == ["true Mels", "PINV", "PINV with texture"]
    scores = classifier.scores(classifier.record.front_end.classifier_input(recording.at(16000))).mean(axis=0)
    best = sorted(range(521), key=lambda index: -scores[index])[:10]
    assert [label for label, _ in classes["true Mels"]] == [classifier.record.labels[i] for i in best]
    for column in classes.values():
        assert len(column) == 10
        assert [score for _, score in column] == sorted((score for _, score in column), reverse=True)
    assert "Vehicle" in [label for label, _ in classes["true Mels"][:3]]
    assert len(format_classes(classes).splitlines()) == 11


@pytest.mark.parametrize("sound_kind", ["silence", "clipped"])
def test_silence_and_clipping_are_regenerated(tmp_path, sound_kind):
    samples = np.zeros(9000) if sound_kind == "silence" else np.sign(np.sin(np.arange(9000) / 7))
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    transcoders, _ = transcoders_for("PANN", tmp_path)
    written = regenerate(read_audio(tmp_path / "a.wav"), transcoders, tmp_path / "out", n_iter=2)
    assert sorted(path.name for path in written) == outputs("a") == names(tmp_path / "out/a")
    loudest = np.abs(soundfile.read(tmp_path / "out/a/a_generated_from_pinv.wav")[0]).max()
    assert loudest < 1e-2 if sound_kind == "silence" else loudest > 0.1

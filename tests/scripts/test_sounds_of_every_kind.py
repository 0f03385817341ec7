"""Scripts that read sounds: names that are no text, channels that cancel, outputs over inputs, damaged files."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT
from tests.helpers.made_corpora import write_urbansound8k

SR = 16000


def samples(n_channels=1, duration_s=1.2):
    """Return (n, n_channels) noise."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (round(duration_s * SR), n_channels))


def run_on_a_plain_terminal(*command):
    """Run a script where only ASCII can be printed: (exit status, stdout, stderr)."""
    finished = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    return finished.returncode, finished.stdout.decode("ascii"), finished.stderr.decode("ascii")


@pytest.mark.parametrize("name", [b"\xe9t\xe9.wav", "\u5927\u8857.wav".encode()], ids=["latin-1", "Chinese"])
@pytest.mark.parametrize(
    ("script", "option"), [("plot_band_centres.py", ["--audio"]), ("generate_audio.py", ["--n_iter", "1"])]
)
def test_names_that_no_terminal_can_print(tmp_path, name, script, option):
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123
        soundfile.write(file, samples(), SR, format="WAV")
    output = tmp_path / "out"
    status, printed, message = run_on_a_plain_terminal(script, *option, path, "--output", output)
    assert (status, "Traceback" in message) == (0, False), message
    assert str(output) in printed
    assert list(output.rglob("*.png"))


def test_a_damaged_file_of_such_a_name_is_one_line(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xe9.wav"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"RIFF")
    status, _, message = run_on_a_plain_terminal("plot_band_centres.py", "--audio", path)
    assert (status, message.count("\n")) == (1, 1)
    assert "\\xe9.wav" in message


@pytest.mark.parametrize("script", ["plot_band_centres.py", "plot_spectro_dcase2023.py"])
def test_channels_that_cancel(tmp_path, call_script, script):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples() * [1, -1], SR)
    arguments = (script, "--audio", path, "--output", tmp_path)
    assert "its channels cancel" in call_script(*arguments)[2]
    code, _, message = call_script(*arguments, "--channel", "1")
    assert (code or 0, message) == (0, "")
    code, _, message = call_script(*arguments, "--channel", "3")
    assert (code, message.count("\n")) == (1, 1)
    assert "there is no channel 3" in message


def test_a_dataset_of_one_channel(tmp_path, call_script):
    """The levels are those of the channel, and the dataset of another is another one, by either option's name."""
    for index in range(8):
        soundfile.write(tmp_path / f"{index}.wav", samples(duration_s=2) * [1, -1], SR)
    arguments = ("exp_train_model/create_mel_tho_dataset.py", "--layout", "folder", "--jobs", 1)
    arguments += ("--audio_dataset_path", tmp_path, "--output_path", tmp_path / "out")
    assert not call_script(*arguments, "--dataset_name", "a", "--channel", 2)[0]
    levels = np.load(tmp_path / "out/a/a_train_third_octave_data.npy")
    assert levels[:, :7, 10:20].min() > -40  # dB; the mean of both is silence, -154 dB
    code, _, message = call_script(*arguments, "--dataset", "a")
    assert code == 1
    assert "reading.channel is 2 there" in message
    message = call_script(*arguments, "--dataset", "b")[2]
    assert message.count("its channels cancel") == 8


def test_class_outputs_of_channels_that_cancel(tmp_path, call_script):
    clips = dict.fromkeys(("1-0-0-0.wav", "2-1-0-0.wav"), (1, 2, SR, 1))
    corpus = write_urbansound8k(tmp_path / "URBAN-SOUND-8K", clips)
    soundfile.write(corpus / "audio" / "1-0-0-0.wav", samples() * [1, -1], SR)
    arguments = ("exp_classif_eval/create_logit_dataset.py", "--audio_dataset_name", "URBAN-SOUND-8K")
    arguments += ("--audio_dataset_path", corpus, "--output_path", tmp_path / "out", "--jobs", 1)
    message = call_script(*arguments, "--classifier", "MiniYamNet", "--transcoder", "self")[2]
    assert message.count("its channels cancel") == 1


def test_sounds_to_learn_from_whose_channels_cancel(tmp_path, call_script):
    for index in range(4):
        soundfile.write(tmp_path / f"{index}.wav", samples() * [1, -1], SR)
    message = call_script(
        *("distill_classifier.py", tmp_path, "--teacher", "MiniYamNet", "--output", tmp_path / "made.pth"),
        *("--seconds", "24", "--epochs", "1"),
    )[2]
    assert message.count("its channels cancel") == 4


def test_outputs_are_not_written_over_inputs(tmp_path, call_script):
    path, output = tmp_path / "a.wav", tmp_path / "out/a"
    soundfile.write(path, samples(), SR)
    before = path.read_bytes()
    output.mkdir(parents=True)
    (output / "a_original.wav").symlink_to(path)
    code, _, message = call_script("generate_audio.py", path, "--output", tmp_path / "out", "--n_iter", 1)
    assert (code, message.count("\n")) == (2, 1)
    assert path.read_bytes() == before


def test_sounds_that_are_not_ours_are_not_replaced(tmp_path, call_script):
    path, foreign = tmp_path / "a.wav", tmp_path / "out/a/a_original.wav"
    soundfile.write(path, samples(), SR)
    foreign.parent.mkdir(parents=True)
    soundfile.write(foreign, samples(), SR)
    before = foreign.read_bytes()
    arguments = ("generate_audio.py", path, "--output", tmp_path / "out", "--n_iter", 1)
    code, _, message = call_script(*arguments)
    assert (code, message.count("\n")) == (2, 1) and "was not written by this script" in message
    assert foreign.read_bytes() == before
    foreign.unlink()
    assert not call_script(*arguments)[0]
    assert not call_script(*arguments)[0]  # its own sounds are replaced


def test_a_dataset_of_a_name_that_is_no_text(tmp_path, call_script):
    """The table of clips, which is written last, has the byte that is no text as an escape."""
    for index in range(8):
        path = os.fsencode(tmp_path) + b"/\xe9%d.wav" % index
        with open(path, "wb") as file:  # noqa: PTH123
            soundfile.write(file, samples(), SR, format="WAV")
    code, _, message = call_script(
        *("exp_train_model/create_mel_tho_dataset.py", "--layout", "folder", "--jobs", 1),
        *("--audio_dataset_path", tmp_path, "--output_path", tmp_path / "out", "--dataset_name", "a"),
    )
    assert not code, message
    assert "\\udce93.wav" in (tmp_path / "out/a/a_split.csv").read_text()


def test_a_demo_sound_replaces_itself_and_nothing_else(tmp_path, call_script):
    path = tmp_path / "a.wav"
    demo = ("make_demo_sound.py", path, "--duration_s", 0.5)
    assert not call_script(*demo)[0]
    assert not call_script(*demo)[0]
    soundfile.write(path, samples(), SR)
    before = path.read_bytes()
    code, _, message = call_script(*demo)
    assert (code, message.count("\n")) == (2, 1)
    assert path.read_bytes() == before
    assert not call_script(*demo, "--force")[0]


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of 16 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    "command",
    [
        ("make_demo_sound.py", "{}/a.wav"),
        ("plot_band_centres.py", "--output", "{}"),
        ("make_city.py", "TAU", "--clips", "8", "--jobs", "1", "--output", "{}"),
        ("generate_audio.py", "{}/../a.wav", "--n_iter", "1", "--output", "{}"),
    ],
    ids=lambda command: command[0],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(full_disk, call_script, command):
    soundfile.write(full_disk.parent / "a.wav", samples(duration_s=3), SR)
    code, _, message = call_script(*(word.format(full_disk) for word in command))
    lines = [line for line in message.splitlines() if line.startswith("error: ")]
    assert (code, len(lines), "Traceback" in message) == (1, 1, False), message
    assert "no space left" in lines[0]
    assert not [path for path in full_disk.rglob("*") if path.name.startswith(".") and path.is_file()]


def test_a_replayed_sound_is_of_one_channel(tmp_path, call_script):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples() * [1, -1], SR, subtype="FLOAT")
    arguments = ("replay_levels.py", path, "--from_audio", "--speed", 1e9)
    code, silent, message = call_script(*arguments)
    assert (code or 0, "its channels cancel" in message) == (0, True)
    code, printed, message = call_script(*arguments, "--channel", 2)
    assert (code or 0, message) == (0, "")
    loudest = [max(map(float, text.splitlines()[1].split(",")[1:])) for text in (silent, printed)]
    assert loudest[1] > 60 > 0 > loudest[0]  # dB, 88 at full scale

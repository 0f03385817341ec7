"""What scripts share: where data lie, how they end."""

import argparse
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import AudioError, UsageError
from spectral_transcoder.utils.paths import PROJECT_ROOT


@pytest.mark.parametrize(
    ("ending", "status"),
    [(None, 0), (3, 3), (AudioError("deaf"), 1), (UsageError("how?"), 2), (KeyboardInterrupt(), 130)],
    ids=["well", "own status", "failure", "wrong usage", "Ctrl-C"],
)
def test_exit_status(ending, status, capsys):
    def main():
        if isinstance(ending, BaseException):
            raise ending
        return ending

    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    assert (ended.value.code or 0) == status
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert message == (f"error: {ending}\n" if isinstance(ending, AudioError | UsageError) else message)


def test_an_error_under_a_progress_bar_has_a_line_of_its_own(capsys):
    def main():
        bar = tqdm(total=2)  # that nobody closes
        bar.update()
        raise AudioError("deaf")

    with pytest.raises(SystemExit, match="1"):
        cli.run(main)
    assert "error: deaf" in capsys.readouterr().err.splitlines()


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 / 0)


def test_an_error_of_the_system_with_a_file_is_one_line(tmp_path, capsys):
    (tmp_path / "plain").write_text("")
    for main in (
        lambda: (tmp_path / "plain" / "below").mkdir(),
        lambda: (tmp_path / "plain").mkdir(),
        lambda: (tmp_path / "nothing").read_text(),
    ):
        with pytest.raises(SystemExit, match="1"):
            cli.run(main)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {tmp_path}")
        assert "give another" in line


def test_an_error_of_the_system_without_a_file_keeps_its_traceback():
    def main():
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        cli.run(main)


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (cli.positive, "12", 12),
        (cli.positive, "0", None),
        (cli.positive, "-2", None),
        (cli.positive, "1.5", None),
        (cli.seed, "0", 0),
        (cli.seed, "-1", None),
        (cli.seed, str(2**32), None),
        (cli.comma_list, "a, b,a", ["a", "b"]),
        (cli.comma_list, " ,", None),
    ],
)
def test_types_of_options(option, text, value):
    if value is None:
        with pytest.raises(argparse.ArgumentTypeError, match=f"{text}.*: expected"):
            option(text)
    else:
        assert option(text) == value


@pytest.mark.parametrize("name", ["abacus", "meta", "cuda:", "cuda:x", "cpu:GPU"])
def test_what_is_no_device_is_wrong_usage(name):
    with pytest.raises(argparse.ArgumentTypeError, match=f"{name}: expected cpu or cuda"):
        cli.device_name(name)


def test_a_device_that_is_not_here_is_wrong_usage():
    assert cli.choose_device("cpu") == "cpu"
    assert cli.choose_device(None) in ("cpu", "cuda")
    with pytest.raises(UsageError, match=r"--device cuda:99: .*expected cpu or cuda"):
        cli.choose_device(cli.device_name("cuda:99"))


def test_words_of_an_option_are_joined_by_either_sign(capsys):
    parser = cli.Parser("Try this.")
    group = parser.add_argument_group("group")
    group.add_argument("--from_audio", action="store_true")
    parser.add_argument("--offset", type=float)
    parser.add_argument("--window_s")
    parser.add_argument("--mel_time", action=argparse.BooleanOptionalAction)
    for word, value in (("--mel-time", True), ("--no-mel_time", False), ("--no_mel_time", False)):
        assert parser.parse_args([word]).mel_time is value
    for words in (["--from-audio", "--window-s=a-b"], ["--from_audio", "--window_s", "a-b"]):
        options = parser.parse_args([*words, "--offset", "-88"])
        assert (options.from_audio, options.window_s, options.offset) == (True, "a-b", -88)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--from-video"])
    assert capsys.readouterr().err == (
        "error: unrecognized arguments: --from_video (--help shows the options)\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_file_name_is_printed_on_any_terminal(encoding):
    """A name with a letter that the terminal lacks, and one that is no text at all."""
    program = (
        "import os\nfrom spectral_transcoder.utils import cli\n"
        "cli.run(lambda: print('\\u03c3', os.fsdecode(b'\\xe9.wav')))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert finished.stdout.decode(encoding) == ("σ" if encoding == "utf-8" else "\\u03c3") + " \\udce9.wav\n"


def test_a_reader_that_leaves_early_is_no_error():
    program = (
        "from spectral_transcoder.utils import cli\n"
        "cli.run(lambda: [print('line') for _ in range(100_000)] and 0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.parametrize(
    "script",
    [
        "make_report.py",
        "exp_train_model/create_mel_tho_dataset.py",
        "exp_train_model/main_doce_training.py",
        "exp_train_model/plot_training_curve.py",
        "exp_train_model/plot_hits_by_label.py",
        "exp_train_model/export_experiment_results.py",
        "exp_train_model/compare_teachers.py",
        "exp_train_model/launch_experiment/launch_exp_py.py",
        "exp_train_model/launch_experiment/slurms_create.py",
        "exp_classif_eval/create_logit_dataset.py",
        "exp_classif_eval/main_doce_score.py",
        "exp_classif_eval/plot_classes.py",
        "exp_classif_eval/presence_table.py",
    ],
)
def test_data_lie_in_the_project_wherever_a_script_is_called(script, call_script, monkeypatch):
    def end_with_the_default(parser, argv=None):
        raise SystemExit(parser.get_default("data_path"))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", end_with_the_default)
    assert call_script(script)[0] == PROJECT_ROOT / "spectral_transcoder_data"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_what_is_printed_is_one_line():
    program = "from spectral_transcoder.utils import cli\ncli.run(lambda: print('line'))"
    with open("/dev/full", "w") as full:  # noqa: PTH123
        finished = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert line.startswith("error: no space left")

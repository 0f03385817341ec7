"""What scripts share: where data lie, how they end."""

import argparse
import errno
import subprocess
import sys

import pytest

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
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told == (f"error: {ending}\n" if isinstance(ending, AudioError | UsageError) else told)


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


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta"])
def test_devices_that_are_not_here_are_wrong_usage(name):
    assert cli.usable_device("cpu") == "cpu"
    with pytest.raises(UsageError, match=f"--device {name}: .*expected cpu or cuda"):
        cli.usable_device(name)


def test_a_reader_that_leaves_early_is_no_error():
    program = "from spectral_transcoder.utils import cli\ncli.run(lambda: [print('line') for _ in range(100_000)] and 0)"
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

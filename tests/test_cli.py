"""How scripts end."""

import subprocess
import sys

import pytest

from spectral_transcoder import cli
from spectral_transcoder.errors import AudioError, UsageError


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


def test_a_reader_that_leaves_early_is_no_error():
    program = (
        "from spectral_transcoder import cli\ncli.run(lambda: [print('line') for _ in range(100_000)] and 0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141

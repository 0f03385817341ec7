"""What a command takes is its own, not its caller's."""

import sys

import pytest

from benchmarks.measured_command import run_measured

MB = 10**6


def run_python(code):
    return run_measured([sys.executable, "-c", code])


def test_memory_is_that_of_the_command_whatever_its_caller_holds():
    held = bytearray(b"x" * (300 * MB))
    small, large = run_python("pass"), run_python(f"bytearray(b'x' * {200 * MB})")
    assert small.peak_bytes < 50 * MB < 200 * MB < large.peak_bytes < 600 * MB
    assert len(held) == 300 * MB


def test_processor_time_is_not_that_of_waiting():
    assert run_python("import time; time.sleep(1)").cpu_s < 0.7
    busy = run_python("import time\nwhile time.process_time() < 1: pass\nprint('done')")
    assert 0.9 < busy.cpu_s < 2
    assert busy.printed == "done\n"


def test_a_command_that_fails_is_named_with_what_it_printed():
    with pytest.raises(SystemExit, match=r"(?s)-c import sys.* failed:.*no levels"):
        run_python("import sys; print('no levels', file=sys.stderr); sys.exit(3)")

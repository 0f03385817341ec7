"""A disk that fills, a folder that is read-only, a clock that jumps, no room in /dev/shm, no HOME.

Every script ends in one line, leaves no half-written file, and goes on when the cause is gone.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.helpers.every_script import COMMANDS, WITHOUT_FILES, make_world, redirect, words
from tests.helpers.small_disk import FILLER, small_disk
from tests.scripts.test_command_lines import SCRIPTS

FULL = ("no space left", "are free", "free:")  # said where it fills, or where it is seen beforehand
UNPACKED = ".unpacked.json"
JUMPS_S = (0.0, -3600.0, 86400.0, -365 * 86400.0, 30.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """What all commands read."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def disk(tmp_path):
    """A disk of a size that the test chooses."""
    with small_disk(tmp_path / "disk", "64m") as mounted:
        if mounted is None:
            pytest.skip("a small disk can be mounted by root alone")
        yield mounted


def test_every_script_has_a_command():
    assert sorted([*COMMANDS, *WITHOUT_FILES]) == SCRIPTS


def check_one_line(code, printed, message, expected):
    """Fail unless a script ended with status 1 and said why in one line."""
    lines = [line for line in message.splitlines() if line.startswith("error: ")]
    failed = [line for line in printed.splitlines() if "failed" in line]  # settings of experiments
    assert code == 1, printed + message
    assert "Traceback" not in printed + message
    assert len(lines) == 1 or (not lines and failed), printed + message
    assert any(word in line for word in expected for line in [*lines, *failed]), printed + message


def unfinished(disk):
    """Return hidden files that a writer left, but for locks and the list of what was unpacked."""
    return [
        path for path in disk.files() if path.name.startswith(".") and path.name not in (".lock", UNPACKED)
    ]


@pytest.mark.parametrize("script", COMMANDS)
def test_a_full_disk_and_a_read_only_one(script, world, disk, call_script, monkeypatch):
    redirect(monkeypatch, disk.folder)
    command = (script, *words(script, world, disk.folder))
    disk.become("size=16k")
    disk.fill()
    check_one_line(*call_script(*command), expected=FULL)
    assert not unfinished(disk)
    (disk.folder / FILLER).unlink()
    disk.become("size=64m", "ro")
    check_one_line(*call_script(*command), expected=("Read-only file system",))
    disk.become("rw")
    code, printed, message = call_script(*command)
    assert not code, printed + message
    assert disk.files() and not unfinished(disk)


@pytest.mark.slow
@pytest.mark.parametrize("script", COMMANDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_disk_that_fills_on_the_way(script, share, world, disk, call_script, monkeypatch):
    """A disk with room for a part of what is written; afterwards there are the files of an undisturbed run."""
    redirect(monkeypatch, disk.folder)
    command = (script, *words(script, world, disk.folder))
    assert not call_script(*command)[0]
    expected = [path.relative_to(disk.folder) for path in disk.files()]
    used = shutil.disk_usage(disk.folder).used
    disk.clear()
    disk.become(f"size={max(16384, int(share * used))}")
    code, printed, message = call_script(*command)
    if code:  # what is written last may be more than what lies there in the end, or less
        check_one_line(code, printed, message, expected=FULL)
    assert not unfinished(disk)
    disk.become("size=64m")
    code, printed, message = call_script(*command)
    assert not code, printed + message
    assert [path.relative_to(disk.folder) for path in disk.files()] == expected


@pytest.mark.parametrize("script", ["classify_thirdo.py", "replay_levels.py"])
def test_a_full_disk_under_rows_that_are_printed(script, world):
    further = ["--follow", "--scores", "classes"] if script == "classify_thirdo.py" else []
    arguments = words(script, world, "nowhere")
    arguments = arguments[: arguments.index("-o")] if "-o" in arguments else arguments
    with open("/dev/full", "w") as full:  # noqa: PTH123
        finished = subprocess.run(
            [sys.executable, script, *arguments, *further],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    check_one_line(finished.returncode, "", finished.stderr, expected=("no space left",))


@pytest.mark.parametrize("script", [*COMMANDS, "replay_levels.py"])
def test_a_clock_that_jumps(script, world, tmp_path, call_script, monkeypatch):
    """Each look at the clock finds it set back, or forward: nothing waits for it, and nothing fails."""
    redirect(monkeypatch, tmp_path)
    true_time, jumps, slept = time.time, itertools.cycle(JUMPS_S), []
    monkeypatch.setattr(time, "time", lambda: true_time() + next(jumps))
    monkeypatch.setattr("tqdm.std.time", time.time)
    monkeypatch.setattr(time, "sleep", slept.append)
    code, printed, message = call_script(script, *words(script, world, tmp_path))
    assert not code, printed + message
    assert sum(slept) < 60


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "/proc/nonexistent"], ids=["unset", "not there"])
@pytest.mark.parametrize("script", [*COMMANDS, "replay_levels.py"])
def test_without_a_home(script, home, world, tmp_path):
    kept = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "HOME")
    environment = {name: value for name, value in os.environ.items() if name not in kept}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if home is None else {"HOME": home})
    program = (
        "import sys, runpy, pathlib, pytest\n"
        "from tests.helpers.every_script import redirect\n"
        "redirect(pytest.MonkeyPatch(), pathlib.Path(sys.argv[1]))\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, tmp_path, script, *words(script, world, tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr


FULL_SHM = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && head -c 4096 /dev/zero > /dev/shm/full && exec "$@"'


def run_with_full_shm(*command):
    """Run a command that has a /dev/shm of its own, and full."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "--mount", "true"], check=False).returncode
    ):
        pytest.skip("a /dev/shm of its own can be mounted by root alone")
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL_SHM, "sh", sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", ["make_city.py", "exp_train_model/create_mel_tho_dataset.py"])
def test_no_room_in_shared_memory(script, world, tmp_path):
    """Several processes need semaphores, which lie in /dev/shm; one process does not, and goes on."""
    command = [word.replace("--jobs 1", "") for word in words(script, world, tmp_path)]
    command[command.index("--jobs") + 1] = "2"
    refused = run_with_full_shm(script, *command)
    check_one_line(refused.returncode, refused.stdout, refused.stderr, expected=("/dev/shm",))
    command[command.index("--jobs") + 1] = "1"
    alone = run_with_full_shm(script, *command)
    assert alone.returncode == 0, alone.stderr


@pytest.mark.parametrize(
    "script", ["exp_train_model/main_doce_training.py", "exp_classif_eval/main_doce_score.py"]
)
def test_settings_side_by_side_need_no_shared_memory(script, world, tmp_path):
    command = words(script, world, tmp_path)
    command.insert(command.index("-c") + 1, "2")
    finished = run_with_full_shm(script, *command)
    assert finished.returncode == 0, finished.stdout + finished.stderr

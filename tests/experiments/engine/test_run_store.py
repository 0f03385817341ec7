"""Records and locks of settings: what is pending, running, done or failed, as the files on disk tell."""

import errno
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from spectral_transcoder.experiments.engine import run_store
from spectral_transcoder.experiments.engine.run_store import RunningElsewhere, RunRecord, RunStore, State
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.utils import locks
from spectral_transcoder.utils.errors import SpectralTranscoderError
from tests.helpers.toy_experiment import build

HOLD = """
import fcntl, sys
with open(sys.argv[1], "a") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("mine", flush=True)
    sys.stdin.read()
"""


class Chain:
    """The two first steps of a chain of the toy experiment, and its store."""

    def __init__(self, folder, scale=1.0):
        self.experiment = build(SimpleNamespace(data_path=folder, scale=scale))
        self.store = RunStore(self.experiment)
        self.train, self.evaluate = (
            select(self.experiment.plans, f"deep/size=1+rate=-3+step={step}")[0]
            for step in ("train", "evaluate")
        )

    def finish(self, setting):
        self.store.finish(setting, self.store.start(setting), 1.0)

    def states(self):
        return self.store.state(self.train), self.store.state(self.evaluate)


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path)


def test_a_setting_is_locked_in_a_data_folder_that_is_not_there_yet(tmp_path):
    chain = Chain(tmp_path / "not" / "yet" / "there")
    with chain.store.locked(chain.train):
        chain.finish(chain.train)
    assert chain.states() == (State.DONE, State.PENDING)


def test_a_setting_goes_from_pending_to_done_or_failed(chain):
    assert chain.states() == (State.PENDING, State.PENDING)
    with chain.store.locked(chain.train):
        record = chain.store.start(chain.train)
        assert chain.store.state(chain.train) is State.RUNNING
        chain.store.fail(chain.train, record, 0.5, "Traceback …\n  in step\nValueError: why\n")
    state, record = chain.store.look(chain.train)
    assert (state, record.error, record.duration_s) == (State.FAILED, "ValueError: why", 0.5)
    chain.finish(chain.train)
    assert chain.states() == (State.DONE, State.PENDING)


def test_a_setting_whose_process_was_killed_is_pending(chain):
    chain.store.start(chain.train)  # and no lock
    assert chain.store.state(chain.train) is State.PENDING


def test_what_was_made_from_other_data_or_an_earlier_step_is_outdated(chain, tmp_path):
    chain.finish(chain.train)
    chain.finish(chain.evaluate)
    assert chain.states() == (State.DONE, State.DONE)
    other = Chain(tmp_path, scale=2.0)
    assert other.states() == (State.PENDING, State.PENDING)
    assert other.store.is_outdated(other.evaluate)
    chain.finish(chain.train)  # again: the evaluation is of the model before
    assert chain.states() == (State.DONE, State.PENDING)
    assert not RunStore(chain.experiment).is_outdated(chain.train)


def test_a_result_without_a_step_before_it_is_one(chain):
    """As of weights that were trained elsewhere; once that step runs here, the result is of other weights."""
    chain.finish(chain.evaluate)
    assert chain.states() == (State.PENDING, State.DONE)
    chain.finish(chain.train)
    assert chain.states() == (State.DONE, State.PENDING)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"plan": "deep"}'])
def test_a_damaged_record_is_none(chain, content):
    chain.finish(chain.train)
    (path,) = chain.store.folder.glob("*.json")
    path.write_text(content)
    assert chain.store.record(chain.train) is None
    assert chain.store.state(chain.train) is State.PENDING


def test_records_of_earlier_versions_are_read(chain):
    chain.finish(chain.train)
    (path,) = chain.store.folder.glob("*.json")
    content = json.loads(path.read_text())
    content["configuration"] = {"origin": "abc"} | content.pop("provenance")
    path.write_text(json.dumps(content))
    assert chain.store.record(chain.train).provenance == {"outputs": "abc", "scale": 1.0}


def test_a_chain_that_another_process_holds_runs_elsewhere(chain, monkeypatch):
    monkeypatch.setattr(run_store, "LOCK_PAUSE_S", 0.0)
    with chain.store.locked(chain.train):
        chain.store.start(chain.train)
    (lock,) = chain.store.folder.glob("*.lock")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(RunningElsewhere), chain.store.locked(chain.evaluate):
            pass
        assert chain.store.state(chain.train) is State.RUNNING
        other.stdin.close()
    assert chain.store.state(chain.train) is State.PENDING


def test_a_file_system_without_locks_is_an_error_that_says_so(chain, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "lockf", no_locks)
    with (
        pytest.raises(SpectralTranscoderError, match="without locks"),
        chain.store.locked(chain.train),
    ):
        pass


def test_two_records_never_have_the_same_name(chain):
    runs = {RunRecord("deep", "a", {}, None).run for _ in range(100)}
    assert len(runs) == 100

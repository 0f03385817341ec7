"""What the launcher submits, before an sbatch that keeps what it is asked and a queue that is always empty."""

import itertools
import os
import shutil

import pytest

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.slurm.job_files import REFERENCE_FILE, JobFile
from spectral_transcoder.slurm.launcher import Launcher, last_line
from tests.helpers.clones import LAUNCH, ROOT, WHERE
from tests.helpers.made_corpora import write_clip

ORACLE = f"reference/{WHERE}+transcoder=oracle"
MLP = f"mlp/{WHERE}+epoch=1+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp"


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """Put SLURM's commands before the real ones, and return what gives the submissions so far."""
    asked = tmp_path / "asked"
    asked.touch()
    commands = {"sbatch": f'echo "$@" >> {asked}; wc -l < {asked}', "squeue": "true"}
    for name, line in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return lambda: asked.read_text().splitlines()


@pytest.fixture
def remake(tmp_path):
    """Make the dataset `made`, each time of one more sound."""
    sounds, seeds = tmp_path / "sounds", itertools.count()

    def make(n_more=1):
        for seed in itertools.islice(seeds, n_more):
            write_clip(sounds / f"{seed}.wav", 1, seed)
        corpus = folder_corpus(sounds, "made")
        create_dataset(corpus, tmp_path / "data", ChunkAnalysis(), jobs=1, force=True)

    make(6)
    return make


@pytest.fixture
def launcher(tmp_path, remake, sbatch):
    """The launcher of a reference job and another."""
    options = ("--data_path", str(tmp_path))
    common = {"options": options, "array": None, "modules": (), "environment": None, "local": ""}
    reference = JobFile(REFERENCE_FILE, "reference", (ORACLE,), **common)
    return Launcher([reference, JobFile(tmp_path / "mlp.slurm", "mlp", (MLP,), **common)])


def compute(launcher, selector, error=None):
    """Leave the records of a chain behind: all steps done, or the last one failed."""
    *first, last = select(launcher.experiment.plans, selector)
    for setting in first:
        launcher.store.finish(setting, launcher.store.start(setting), 1.0)
    record = launcher.store.start(last)
    if error:
        launcher.store.fail(last, record, 1.0, error)
    else:
        launcher.store.finish(last, record, 1.0)


def states(launcher):
    """Return the state of each chain with the first words of its detail."""
    return [(chain.state.value, chain.detail.partition(":")[0]) for chain in launcher.chains()]


def test_what_is_out_of_date_is_pending_and_submitted(launcher, sbatch, remake, capsys):
    launcher.launch()
    for selector in (ORACLE, MLP):
        compute(launcher, selector)
    assert states(launcher) == [("done", "")] * 2
    remake()
    assert states(launcher) == [("pending", "out of date")] * 2
    assert launcher.launch() == 0
    assert "2 submitted" in capsys.readouterr().out
    reference, other = sbatch()[2:]
    assert "--dependency=afterok:3" in other
    assert "--dependency" not in reference


def test_what_fails_to_renew_what_is_out_of_date_has_failed(launcher, sbatch, remake):
    launcher.launch()
    for selector in (ORACLE, MLP):
        compute(launcher, selector)
    remake()
    launcher.launch()
    assert states(launcher) == [("failed", "never started")] * 2  # cancelled: the queue is empty
    compute(launcher, ORACLE)
    compute(launcher, MLP, error="no memory")
    assert [state for state, _ in states(launcher)] == ["done", "failed"]
    launcher.launch()
    assert len(sbatch()) == 4
    launcher.launch(resubmit=True)
    assert len(sbatch()) == 5


def test_a_job_to_which_slurm_gave_the_id_again_is_another(launcher, sbatch, tmp_path):
    launcher.launch()
    launched = launcher.chains()
    squeue, where = tmp_path / "squeue", "\x1f/elsewhere\x1f"
    for file, queued in ((tmp_path / "mlp.slurm", True), ("/elsewhere/other.slurm", False)):
        job = f"\x1e{launched[1].last_job}\x1fRUNNING\x1fNone\x1fx{where}{file}"
        squeue.write_text(f"#!/bin/sh\necho '{job}'\n")
        assert (launcher.chains()[1].queued is not None) == queued


def test_the_last_line_of_a_log_of_a_progress_bar(tmp_path):
    """A bar returns to its line's start, and a killed task leaves thousands of them."""
    log = tmp_path / "1.log"
    log.write_bytes(b"classifier: x\n" + b"".join(b"\r%d%% of it" % share for share in range(100)))
    assert last_line(str(log)) == "99% of it"
    log.write_bytes(b"\r5% of it\rerror: no memory\r\n")
    assert last_line(str(log)) == "error: no memory"


def test_the_status_of_one_file(launcher, capsys):
    launcher.status({launcher.files[1].path})
    message = capsys.readouterr().out
    assert MLP in message
    assert ORACLE not in message
    assert "1 chain of settings: 1 pending" in message


def test_only_job_files_of_the_last_call_are_submitted(sbatch, clone):
    clone.create("-s", MLP)
    (path,) = (clone.folder / LAUNCH / "slurms").glob("*.slurm")
    copy = shutil.copy(path, clone.folder / "copy.slurm")
    for wrong in ("nosuch.slurm", ROOT / "README.md", copy):
        assert f"error: {wrong}: expected" in clone.launch(path, wrong, status=2)
    assert sbatch() == []
    assert "1 submitted" in clone.launch(path)
    assert sbatch()[0].endswith(str(path))


def test_a_status_resubmits_nothing(clone):
    message = clone.launch("--status", "--resubmit", status=2)
    assert "--resubmit: not allowed with argument --status" in message

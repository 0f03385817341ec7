"""Experiment 1 on a real SLURM cluster of one node, from the README's commands."""

import subprocess

import pytest
import torch
from matplotlib.image import imread
from torchvision.models import efficientnet_b7

from spectral_transcoder.experiments.transcoding.plans import MEL_DATASETS
from spectral_transcoder.models.end_to_end import EFFICIENTNETS
from tests.helpers.clones import (
    LAUNCH,
    PAPERS_TABLE,
    ROOT,
    WHERE,
    fields,
    slurm,
    wait_for_empty_queue,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.usefixtures("cluster")]
REFERENCE = LAUNCH / "jean_zay_slurm_reference.slurm"
SIZES = "dilation=1+epoch=20+kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"
LONG = f"cnn/{WHERE}+{SIZES}"
LONG_TRAINED = f"classifier=YamNetMobile+dataset=made+{SIZES}+step=train+transcoder=cnn_pinv+ts=0"
SMALL_SIZES = "dilation=1+epoch=50+kernel_size=3+learning_rate=-3+nb_channels=16+nb_layers=1"
SMALL = f"cnn/{WHERE}+{SMALL_SIZES}+step=train"
SMALL_TRAINED = f"classifier=YamNetMobile+dataset=made+{SMALL_SIZES}+step=train+transcoder=cnn_pinv+ts=0"
# appended to training/loop.py: 50 epochs last 100 s, as long on a fast machine as on one that is busy
PACED = """

import time  # noqa: E402

at_once = TrainingRun.epoch


def paced(run, epoch):
    end = time.monotonic() + 2
    losses = at_once(run, epoch)
    time.sleep(max(0, end - time.monotonic()))
    return losses


TrainingRun.epoch = paced
"""
SHORT = f"mlp/{WHERE}+epoch=1+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp"
JEAN_ZAY = (
    "--account",
    "abc@v100",
    "--partition",
    "gpu_p13",
    "--constraint",
    "v100-32g",
    "--qos",
    "qos_gpu-t3",
)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """A job may see other cores than what runs beside it, and sums of floats depend on the number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_jean_zays_headers_are_accepted(clone):
    subprocess.run(["sbatch", "--test-only", ROOT / REFERENCE], check=True, cwd=ROOT)
    clone.create(*PAPERS_TABLE, *JEAN_ZAY, "--mail", "me@example.org", "--sbatch=--mem=4G")
    files = [clone.folder / REFERENCE, *(clone.folder / LAUNCH / "slurms").glob("*.slurm")]
    assert len(files) == 6
    for path in files:
        subprocess.run(["sbatch", "--test-only", path], check=True, cwd=clone.folder)


def test_the_arrays_of_a_whole_plan_are_accepted(clone):
    clone.create("-s", "cnn/dataset=" + "+".join(MEL_DATASETS), "--array", "8")
    files = list((clone.folder / LAUNCH / "slurms").glob("*.slurm"))
    assert len(files) == 6
    for path in files:
        subprocess.run(["sbatch", "--test-only", path], check=True, cwd=clone.folder)


def test_the_papers_table_where_one_setting_fails_first(clone):
    clone.create(*PAPERS_TABLE)
    reference = clone.run(REFERENCE).split()[1].rstrip(":")
    # the reference job is in the queue: it is not submitted again, and the others wait for it
    message = clone.launch()
    assert "5 submitted" in message
    assert message.count(f", after {reference}: ") == message.count("submitted ") == 5
    others = {job for (plan, _), (_, job) in clone.states().items() if plan != "reference"}
    wait_for_empty_queue()

    started = {job: fields(job)["StartTime"] for job in others}
    assert min(started.values()) >= fields(reference)["EndTime"]
    states = {key: state for key, (state, _) in clone.states().items()}
    # the weights of EfficientNet-B7 are not there, and compute nodes fetch nothing: it fails alone
    assert states.pop(("ts", "effnet_b7")) == "failed"
    assert len(states) == 6
    assert set(states.values()) == {"done"}
    assert "download_pretrained_models.py --models effnet_b7" in clone.launch("--status")

    torch.save(efficientnet_b7(weights=None).state_dict(), clone.models / EFFICIENTNETS["effnet_b7"][1])
    assert "0 submitted" in clone.launch()
    assert "1 submitted" in clone.launch("--resubmit")
    wait_for_empty_queue()
    assert {state for state, _ in clone.states().values()} == {"done"}
    assert "0 submitted" in clone.launch("--resubmit")

    clone.run("exp_train_model/export_experiment_results.py", *PAPERS_TABLE)
    assert imread(clone.folder / "export" / "results_training_YamNetMobile.png").shape[1] > 1000


def test_a_job_that_is_warned_of_its_time_limit_goes_on_to_the_same_weights(clone):
    """In an array, of which the other task is left alone."""
    clone.create("-s", f"{LONG},{SHORT}", "--array")
    assert "4 submitted" in clone.launch()
    jobs = {selector.partition("/")[0]: job for selector, job in clone.jobs().items()}
    wait_until((clone.results / "model" / f"{LONG_TRAINED}_training_state").exists)
    slurm("scancel", "--batch", "--signal=USR1", jobs["cnn"])
    wait_until(lambda: fields(jobs["cnn"])["Restarts"] == "1")
    wait_for_empty_queue()
    assert fields(jobs["mlp"])["Restarts"] == "0"
    assert {state for state, _ in clone.states().values()} == {"done"}
    log = clone.log_of(jobs["cnn"])
    assert "was stopped by SIGUSR1: requeued" in log
    assert log.count("training: epoch ") <= 20  # those before the signal were not trained again
    expected = undisturbed_model(clone, f"{LONG}+step=train")
    assert (clone.results / "model" / f"{LONG_TRAINED}_model").read_bytes() == expected


def test_a_job_that_slurm_itself_tells_of_its_time_limit_goes_on_to_the_same_weights(clone):
    """60 to 90 s after the start: SLURM looks every 30 s, and one period ahead."""
    expected = undisturbed_model(clone, SMALL)
    with (clone.folder / "spectral_transcoder" / "training" / "loop.py").open("a") as file:
        file.write(PACED)
    clone.create("-s", SMALL, "--time", "3", "--notice_s", "90")
    (path,) = (clone.folder / LAUNCH / "slurms").glob("*.slurm")
    job = slurm("sbatch", "--parsable", path, cwd=clone.folder)
    wait_for_empty_queue()
    message = fields(job)
    assert (message["TimeLimit"], message["JobState"]) == ("00:03:00", "COMPLETED")
    assert int(message["Restarts"]) >= 1  # more on a slow machine
    log = (clone.folder / message["StdOut"]).read_text()
    assert log.count("was stopped by SIGUSR1: requeued") == int(message["Restarts"])
    assert log.count("training: epoch ") <= 50  # no epoch was trained twice
    assert (clone.results / "model" / f"{SMALL_TRAINED}_model").read_bytes() == expected


def undisturbed_model(clone, selector):
    """Train without SLURM, in a folder beside the clone, and return the model's bytes."""
    results = clone.folder.parent / "undisturbed"
    arguments = ["--dataset_path", clone.data, "--models_path", clone.models, "--data_path", results]
    clone.run("exp_train_model/main_doce_training.py", "-s", selector, "-c", *arguments)
    (path,) = results.rglob("*_model")
    return path.read_bytes()


def test_what_is_cancelled_stays_so_until_it_is_submitted_again(clone):
    clone.create("-s", LONG)
    # submitted by hand, from somewhere in the project: the launcher finds it in the queue
    by_hand = slurm("sbatch", "--parsable", "--hold", REFERENCE.name, cwd=clone.folder / LAUNCH)
    assert f", after {by_hand}: cnn" in clone.launch()
    slurm("scancel", by_hand)
    wait_for_empty_queue()
    assert clone.states()["cnn", "cnn_pinv"][0] == "failed"
    assert "never started" in clone.launch("--status")

    assert "2 submitted" in clone.launch()  # the reference, which no launcher had submitted
    assert "1 submitted" in clone.launch("--resubmit")
    wait_until((clone.results / "model" / f"{LONG_TRAINED}_training_state").exists)
    state, job = clone.states()["cnn", "cnn_pinv"]
    assert state == "running"
    slurm("scancel", job)
    wait_for_empty_queue()
    assert fields(job)["JobState"] == "CANCELLED"
    assert clone.states()["cnn", "cnn_pinv"] == ("failed", job)


def test_a_job_on_two_devices(clone):
    clone.create("-s", SHORT, "--devices", "2", "--gpus", "1", "--cpus", "10")
    assert "3 submitted" in clone.launch()
    wait_for_empty_queue()
    assert {state for state, _ in clone.states().values()} == {"done"}


def test_two_launchers_at_once_submit_each_setting_once(clone):
    clone.create(*PAPERS_TABLE)
    launchers = [clone.start(LAUNCH / "launch_exp_slurms.py") for _ in range(2)]
    message = "".join(launcher.communicate()[0] for launcher in launchers)
    assert [launcher.returncode for launcher in launchers] == [0, 0], message
    queued = slurm("squeue", "--noheader", "--format=%i").split()
    slurm("scancel", *queued)
    assert message.count("submitted ") == len(queued) == len(set(clone.jobs().values())) == 6
    wait_for_empty_queue()

"""The script that makes datasets: its options, what it prints, and what it refuses."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spectral_transcoder.datasets.chunks import open_dataset
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import MissingFileError
from tests.helpers.made_corpora import (
    TAU_NAMES,
    write_damaged_sounds,
    write_noises,
    write_tau_corpus,
    write_tau_lists,
)

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = [sys.executable, str(ROOT / "exp_train_model/create_mel_tho_dataset.py")]


def run_script(*options):
    # one process unless a test says more: others have to import everything first
    return subprocess.run(
        [*SCRIPT, "--jobs", "1", *map(str, options)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tau(tmp_path_factory):
    """A small corpus in TAU's layout."""
    return write_tau_corpus(tmp_path_factory.mktemp("tau"))


def test_the_script_makes_verifies_and_replaces_a_dataset(tau, tmp_path):
    options = ["--audio_dataset_path", tau, "--output_path", tmp_path, "--jobs", 2]
    made = run_script(*options)
    assert made.returncode == 0, made.stderr
    assert "Dcase-Task1-full: 7 clips, train 5, valid 1, eval 1" in made.stdout
    folder = tmp_path / "Dcase-Task1-full"
    for array, shape in (
        ("third_octave_data", (10, 8, 29)),
        ("mels_pann_data", (10, 101, 64)),
        ("mels_yamnet_data", (10, 96, 64)),
    ):
        values = np.load(folder / f"Dcase-Task1-full_train_{array}.npy")
        assert values.shape == shape
        assert values.dtype == np.float32
    with (folder / "Dcase-Task1-full_split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [name for name in TAU_NAMES if name.endswith("-a.wav")]
    assert sorted(row["split"] for row in rows) == ["eval"] + ["train"] * 5 + ["valid"]
    assert all(row["chunks"] == "2" for row in rows)
    assert not (folder / "unfinished").exists()

    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run_script(*options)
    assert again.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written

    refused = run_script(*options, "--edges", "sensor")
    assert refused.returncode == 1
    assert "third_octaves.edges is 'dcase2023' there, 'sensor' here" in refused.stderr
    assert "--force" in refused.stderr
    forced = run_script(*options, "--edges", "sensor", "--force")
    assert forced.returncode == 0, forced.stderr
    assert open_dataset(tmp_path, folder.name).third_octaves.edges == "sensor"


def test_test_dataset_below_a_data_path(tau, tmp_path):
    made = run_script("--audio_dataset_path", tau, "--data_path", tmp_path, "--dataset_type", "test")
    assert made.returncode == 0, made.stderr
    assert (
        sum(
            count["clips"]
            for count in open_dataset(tmp_path / "data", "Dcase-Task1-TEST").manifest["counts"].values()
        )
        == 9
    )


def test_urban_has_frames_of_the_mels_by_default(tmp_path):
    names = [f"park-london-{index}-{index}-a.wav" for index in range(5)]
    write_tau_corpus(tmp_path / "tau", names, duration_s=1)
    made = run_script(
        "--audio_dataset_path", tmp_path / "tau", "--output_path", tmp_path, "--dataset_type", "urban"
    )
    assert made.returncode == 0, made.stderr
    assert open_dataset(tmp_path, "Dcase-Task1-urban").split("train").mel_time(PANN_MELS).shape == (
        3,
        101,
        29,
    )


def test_levels_every_second_are_a_dataset_of_their_own(tau, tmp_path):
    """One level for each second and band: the mean power of the second, its ends faded by the window."""
    options = ("--audio_dataset_path", tau, "--output_path", tmp_path, "--dataset_name", "a")
    for more in (("--period", 1), ()):
        made = run_script(*options, *more)
        assert made.returncode == 0, made.stderr
    every_second, every_125_ms = (open_dataset(tmp_path, name) for name in ("a-1s", "a"))
    assert every_second.third_octaves == ThirdOctaves(frame_length=32000, hop_length=32000)
    train = every_second.split("train")
    assert train.third_octaves.shape == (10, 1, 29)
    frames = 10 ** (every_125_ms.split("train").third_octaves / 10)
    difference = train.third_octaves[:, 0] - 10 * np.log10(frames.mean(1))
    assert np.abs(np.median(difference, axis=0))[10:].max() < 1.5  # dB; from 200 Hz, bands of several bins
    again = run_script(*options[:4], "--dataset_name", "a-1s", "--period", 1)
    assert again.returncode == 0, again.stderr
    missing = pytest.raises(MissingFileError, match="--dataset_name b --period 1")
    with missing:
        open_dataset(tmp_path, "b-1s")


def test_a_missing_corpus_is_reported(tmp_path):
    missing = run_script("--audio_dataset_path", tmp_path / "nowhere")
    assert missing.returncode == 1
    assert "python3 download_datasets.py --dataset TAU" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_more_sound_of_the_same_recordings(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=9, duration_s=2.5)
    where = ["--layout", "folder", "--audio_dataset_path", sounds, "--output_path", tmp_path / "data"]
    more = ["--shifts", 1, "--mixtures", 10, "--mixture_db", -6, 0, "--backgrounds", sounds, "--equalise"]
    made = run_script(*where, *more)
    assert made.returncode == 0, made.stderr
    # each of 7 clips: 2 s as recorded, 2 equalised, 2 shifted, 2 over another; 10 s of mixtures
    assert "train: 7 clips, 66 seconds, 52 of them made" in made.stdout
    refused = run_script(*where, *more[:-1])
    assert refused.returncode == 1
    assert "variations.equalised is True there, False here" in refused.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--layout", "folder"],
        ["--layout", "folder", "--audio_dataset_path", ".", "--split_by_city"],
        ["--group_by", "-"],
        ["--exclude_files", "park"],
        ["--mixture_db", 6, -10],
        ["--mixtures", -1],
        ["--n_bands", 40],
        ["--period", 0.5],
        ["--period", 1, "--hop_length", 16000],
        ["--dataset_name", "street-1s"],
        ["--jobs", 0],
        ["--seed", -1],
    ],
)
def test_wrong_options_are_reported(options, tau, tmp_path):
    corpus = [] if "--layout" in options else ["--audio_dataset_path", tau]
    wrong = run_script(*corpus, "--output_path", tmp_path, *options)
    assert wrong.returncode == 2
    assert "error: " in wrong.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("offset_db", value) for value in ("nan", "inf", 1e6)),
        *(("lowest_band", value) for value in (-60, 10**9)),
        ("hop_length", 64000),
        ("frame_length", 64000),
        *(("seed", value) for value in (-1, 2**32)),
    ],
)
def test_numbers_that_make_no_sense_are_refused(option, value, tau, tmp_path, call_script):
    script = "exp_train_model/create_mel_tho_dataset.py"
    where = ["--audio_dataset_path", tau, "--output_path", tmp_path, "--jobs", 1]
    code, _, message = call_script(script, *where, f"--{option}", value)
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert re.search(rf"error: .*{option}\b.*expected", message)


@pytest.mark.shared
def test_the_real_clips_in_taus_layout(shared, tmp_path):
    clips = sorted((shared / "audio/tau2020").glob("*.wav"))
    tau = write_tau_lists(tmp_path / "tau", [clip.name for clip in clips], n_train=4)
    for clip in clips:
        (tau / "audio" / clip.name).symlink_to(clip)
    made = run_script("--audio_dataset_path", tau, "--output_path", tmp_path)
    assert made.returncode == 0, made.stderr
    counts = open_dataset(tmp_path, "Dcase-Task1-full").manifest["counts"]
    assert counts == {
        "train": {"clips": 4, "chunks": 40},
        "valid": {"clips": 1, "chunks": 10},
        "eval": {"clips": 1, "chunks": 10},
    }


def test_unreadable_clips_are_listed_and_left_out(tmp_path):
    damaged = write_damaged_sounds(tmp_path / "sounds")
    made = run_script(
        "--layout", "folder", "--audio_dataset_path", damaged, "--output_path", tmp_path, "--dataset_name", "mine"
    )  # fmt: skip
    assert made.returncode == 1
    assert "1 clip is shorter than a second and left out" in made.stdout
    assert "4 clips could not be read" in made.stderr
    assert "cut.wav is no whole sound" in made.stderr
    dataset = open_dataset(tmp_path, "mine")
    skipped = {clip["file"]: clip["unreadable"] for clip in dataset.manifest["skipped"]}
    assert skipped == {
        "short.wav": False,
        "text.wav": True,
        "cut.wav": True,
        "00-inside.flac": True,
        "90-inside.flac": True,
    }
    assert not (tmp_path / "mine" / "unfinished").exists()


def test_another_sensor_has_other_bands_and_one_second_levels(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=6, duration_s=1)
    made = run_script(
        "--layout", "folder", "--audio_dataset_path", sounds, "--output_path", tmp_path, "--lowest_band", -9,
        "--n_bands", 20, "--frame_length", 32000, "--hop_length", 32000, "--offset_db", 94.5,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    dataset = open_dataset(tmp_path, "sounds-1s")
    expected = ThirdOctaves(lowest_band=-9, n_bands=20, frame_length=32000, hop_length=32000, offset_db=94.5)
    assert dataset.third_octaves == expected
    assert dataset.split("train").third_octaves.shape[1:] == (1, 20)

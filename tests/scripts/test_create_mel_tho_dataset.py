import csv
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, open_dataset
from spectral_transcoder.datasets.creation import files, run
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.variations import Variations
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import DatasetError, MissingFileError
from spectral_transcoder.utils.locks import sole_writer
from tests.helpers.made_corpora import (
    TAU_NAMES,
    same_files,
    write_clip,
    write_noises,
    write_tau_corpus,
    write_tau_lists,
)
from tests.helpers.peak_memory import run_measured

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


def test_a_missing_corpus_is_told(tmp_path):
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
def test_wrong_options_are_told(options, tau, tmp_path):
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
    code, _, told = call_script(script, *where, f"--{option}", value)
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert re.search(rf"error: .*{option}\b.*expected", told)


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


@pytest.fixture
def damaged(tmp_path):
    """Twelve good clips, and others: too short, no sound, cut off, damaged inside so that its header is fine."""
    sounds = write_noises(tmp_path / "sounds", n_clips=12, duration_s=2)
    write_clip(sounds / "short.wav", 0.9)
    (sounds / "text.wav").write_text("no sound")
    whole = write_clip(sounds / "cut.wav", 2).read_bytes()
    (sounds / "cut.wav").write_bytes(whole[:-1000])
    for index, name in enumerate(("00-inside.flac", "90-inside.flac")):
        content = bytearray(write_clip(sounds / name, 3, index).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        (sounds / name).write_bytes(content)
    return sounds


def test_unreadable_clips_are_listed_and_left_out(damaged, tmp_path):
    made = run_script(
        "--layout", "folder", "--audio_dataset_path", damaged, "--output_path", tmp_path, "--dataset_name", "mine"
    )  # fmt: skip
    assert made.returncode == 1
    assert "1 clips are shorter than a second" in made.stdout
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


def test_what_remains_is_as_if_the_damaged_had_never_been_there(damaged, tmp_path):
    corpus = folder_corpus(damaged, "mine")
    create_dataset(corpus, tmp_path, jobs=1)
    analysis = ChunkAnalysis()
    dataset = open_dataset(tmp_path, "mine")
    for split in map(dataset.split, ("train", "valid", "eval")):
        for index, fname in enumerate(split.fnames):
            file, _, second = fname.rpartition("_")
            arrays = analysis.arrays(read_audio(damaged / file), 0, 2)
            np.testing.assert_array_equal(
                split.third_octaves[index], arrays["third_octave_data"][int(second)]
            )
            np.testing.assert_array_equal(split.mels(PANN_MELS)[index], arrays["mels_pann_data"][int(second)])


def test_a_corpus_without_a_readable_second_is_refused(tmp_path):
    for index in range(9):
        write_clip(tmp_path / "short" / f"{index}.wav", 0.5)
    with pytest.raises(DatasetError, match=r"train has no clip with a whole second .*shorter than a second"):
        create_dataset(folder_corpus(tmp_path / "short"), tmp_path)


def test_clips_of_any_length_rate_and_channels(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=6, duration_s=1.999)
    soundfile.write(sounds / "silence.wav", np.zeros(8000), 8000)
    soundfile.write(sounds / "stereo.flac", 0.1 * np.ones((48000 * 61, 2)), 48000)
    write_clip(sounds / "odd.ogg", 3.2, sr=22050)
    create_dataset(folder_corpus(sounds), tmp_path, jobs=1)
    dataset = open_dataset(tmp_path, "sounds")
    assert sum(count["chunks"] for count in dataset.manifest["counts"].values()) == 6 + 1 + 61 + 3
    for split in map(dataset.split, ("train", "valid", "eval")):
        silent = np.char.startswith(split.fnames, "silence")
        np.testing.assert_allclose(split.third_octaves[silent], -154, atol=1e-3)
        assert np.isfinite(split.third_octaves).all()


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


def test_the_number_of_processes_changes_no_bit(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=9, duration_s=2)
    for jobs in (1, 3):
        create_dataset(folder_corpus(sounds), tmp_path / str(jobs), jobs=jobs)
    assert same_files(tmp_path / "1/sounds", tmp_path / "3/sounds")


def test_a_full_disk_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    sounds = write_noises(tmp_path / "sounds", n_clips=6, duration_s=1)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6 - 1000, 1000)
    )
    with pytest.raises(DatasetError, match=r"needs 0.00 GB, 0.00 GB are free: .*--output_path"):
        create_dataset(folder_corpus(sounds), tmp_path)


def test_two_processes_do_not_make_one_dataset(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=6, duration_s=1)
    (tmp_path / "data/sounds").mkdir(parents=True)
    with sole_writer(tmp_path / "data/sounds"), pytest.raises(DatasetError, match="another process"):
        create_dataset(folder_corpus(sounds), tmp_path / "data")


def test_unknown_and_damaged_files_are_not_taken_for_a_dataset(tmp_path):
    corpus = folder_corpus(write_noises(tmp_path / "sounds", n_clips=6, duration_s=1))
    path = tmp_path / "data/sounds/sounds_train_third_octave_data.npy"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"from elsewhere")
    with pytest.raises(DatasetError, match="unknown origin"):
        create_dataset(corpus, tmp_path / "data", jobs=1)
    create_dataset(corpus, tmp_path / "data", jobs=1, force=True)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(DatasetError, match=r"sounds_train_third_octave_data.npy is missing or damaged"):
        create_dataset(corpus, tmp_path / "data", jobs=1)


def test_a_corpus_that_changed_is_told(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=6, duration_s=1)
    create_dataset(folder_corpus(sounds), tmp_path / "data", jobs=1)
    write_clip(sounds / "new.wav", 1)
    with pytest.raises(DatasetError, match="clips_sha256"):
        create_dataset(folder_corpus(sounds), tmp_path / "data", jobs=1)


class Killed(BaseException):
    """Stands for a kill, at a place that the test chooses."""


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        *((place, None) for place in ("write_rows", "compact", "describe_file", "replace", "fsync")),
        ("write_rows", Variations(shifts=1, mixtures=20, equalised=True)),
    ],
)
def test_stopped_anywhere_it_ends_with_the_same_files(damaged, tmp_path, monkeypatch, place, wanted):
    corpus = folder_corpus(damaged, "mine")
    create_dataset(corpus, tmp_path / "undisturbed", jobs=1, variations=wanted)
    owner = {"replace": Path, "fsync": os, "write_rows": files}.get(place, run)
    original, stops, manifest = getattr(owner, place), 0, None
    monkeypatch.setattr(run, "SAVE_EVERY_S", 0)
    while manifest is None:
        left = 2**stops

        def stop_after_some(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(owner, place, stop_after_some)
            try:
                manifest = create_dataset(corpus, tmp_path / "stopped", jobs=1, variations=wanted)
            except Killed:
                stops += 1
    assert stops > 2
    assert same_files(tmp_path / "undisturbed/mine", tmp_path / "stopped/mine")


def wait_for_arrays(folder, process):
    """Wait until a creation has made its empty arrays, before which a kill has nothing to lose; return when."""
    while not (folder / "unfinished/settings.json").exists() and process.poll() is None:
        time.sleep(0.01)
    return time.monotonic()


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("n_clips", "more", "n_made"),
    # each of the training split's 23 once more, half a second later, and mixtures of 10 s
    [(120, [], 0), (30, ["--shifts", "1", "--mixtures", "100", "--equalise"], 2 * 23 + 10)],
)
def test_killed_at_ten_random_moments_it_ends_with_the_same_files(tmp_path, n_clips, more, n_made):
    sounds = write_noises(tmp_path / "sounds", n_clips, duration_s=10, sr=44100)
    (sounds / "0-text.wav").write_text("no sound")
    command = [*SCRIPT, "--layout", "folder", "--audio_dataset_path", sounds, "--jobs", "2", *more]
    command += ["--output_path"]
    undisturbed = subprocess.Popen([*command, tmp_path / "undisturbed"])
    begun = wait_for_arrays(tmp_path / "undisturbed/sounds", undisturbed)
    assert undisturbed.wait() == 1
    duration_s = time.monotonic() - begun
    moments, finished_clips = random.Random(0), []
    for _ in range(5):
        for _ in range(2):
            process = subprocess.Popen([*command, tmp_path / "killed"])
            wait_for_arrays(tmp_path / "killed/sounds", process)
            time.sleep(moments.uniform(0, duration_s))
            process.send_signal(signal.SIGKILL)
            process.wait()
            log = tmp_path / "killed/sounds/unfinished/finished_clips.jsonl"
            finished_clips.append(len(log.read_text().splitlines()) if log.exists() else None)
        assert subprocess.run([*command, tmp_path / "killed"], check=False).returncode == 1
        assert same_files(tmp_path / "undisturbed/sounds", tmp_path / "killed/sounds")
        shutil.rmtree(tmp_path / "killed")
    print(f"clips on record when it was killed: {finished_clips}")
    assert any(n_done and n_done < n_clips + n_made for n_done in finished_clips)


PEAK_MEMORY = """
import resource, sys
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.creation import files, run
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.variations import Variations
wanted = Variations(shifts=1, mixtures=int(sys.argv[3]), equalised=True)
create_dataset(folder_corpus(sys.argv[1]), sys.argv[2], jobs=2, variations=wanted)
for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(whose).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_memory_is_that_of_one_clip_however_many_there_are(tmp_path):
    peaks_mb = {}
    for n_clips in (100, 1000):
        sounds = write_noises(tmp_path / f"sounds{n_clips}", n_clips, duration_s=4)
        command = [sys.executable, "-c", PEAK_MEMORY, sounds, tmp_path, 4 * n_clips]
        printed, _ = run_measured(command, cwd=ROOT)
        peaks_mb[n_clips] = [float(line) for line in printed.split()]
    print(f"peak memory in MB of the parent and the largest worker: {peaks_mb}")
    # 900 clips more, with what is made of them, are 650 MB of arrays
    for few, many in zip(peaks_mb[100], peaks_mb[1000], strict=True):
        assert many - few < 60

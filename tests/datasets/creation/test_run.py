"""Datasets end as the same files however often their creation is stopped, and damaged sounds are left out."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.measured_command import run_measured
from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, open_dataset
from spectral_transcoder.datasets.creation import files, run
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.variations import Variations
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.locks import sole_writer
from tests.helpers.made_corpora import (
    same_files,
    write_clip,
    write_damaged_sounds,
    write_noises,
)

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = [sys.executable, str(ROOT / "exp_train_model/create_mel_tho_dataset.py")]


@pytest.fixture
def damaged(tmp_path):
    return write_damaged_sounds(tmp_path / "sounds")


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


def test_the_number_of_processes_changes_no_bit(tmp_path):
    sounds = write_noises(tmp_path / "sounds", n_clips=9, duration_s=2)
    for jobs in (1, 3):
        create_dataset(folder_corpus(sounds), tmp_path / str(jobs), jobs=jobs)
    assert same_files(tmp_path / "1/sounds", tmp_path / "3/sounds")


def test_a_full_disk_is_reported_before_anything_is_computed(tmp_path, monkeypatch):
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


def test_a_corpus_that_changed_is_reported(tmp_path):
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
        printed = run_measured(command, cwd=ROOT).printed
        peaks_mb[n_clips] = [float(line) for line in printed.split()]
    print(f"peak memory in MB of the parent and the largest worker: {peaks_mb}")
    # 900 clips more, with what is made of them, are 650 MB of arrays
    for few, many in zip(peaks_mb[100], peaks_mb[1000], strict=True):
        assert many - few < 60

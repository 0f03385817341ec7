import json

import numpy as np
import pytest

from benchmarks.plain import plain_arrays
from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis, DatasetSplit, mel_freq, open_dataset
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.signal.audio import peak_normalise, read_audio
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS, PANN_MELS, YAMNET_MELS
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError
from tests.helpers.made_corpora import write_clip, write_noises

FLOOR_DB = -100  # below, in the bands that the sound's own rate leaves empty, float32 decides


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data folder with the dataset `noises`, third octaves at the Mel's frames included, and its sounds."""
    root = tmp_path_factory.mktemp("made")
    sounds = write_noises(root / "noises", n_clips=9, duration_s=2.3)
    create_dataset(folder_corpus(sounds), root / "data", ChunkAnalysis(mel_time=True), jobs=1)
    return root / "data", sounds


@pytest.mark.parametrize("sr", [16000, 44100])
def test_values_are_those_of_plain_loops_and_librosa(tmp_path, sr):
    path = write_clip(tmp_path / "street.wav", 2.6, sr=sr)
    arrays = ChunkAnalysis().arrays(read_audio(path), 0, 2)
    for array, expected in plain_arrays(path, ThirdOctaves()).items():
        assert arrays[array].dtype == np.float32
        assert arrays[array].shape == expected.shape
        np.testing.assert_allclose(
            np.maximum(arrays[array], FLOOR_DB), np.maximum(expected, FLOOR_DB), atol=0.02
        )


@pytest.mark.shared
def test_values_of_a_real_clip(shared):
    path = sorted((shared / "audio/tau2020").glob("*.wav"))[0]
    arrays = ChunkAnalysis().arrays(read_audio(path), 0, 10)
    for array, expected in plain_arrays(path, ThirdOctaves()).items():
        np.testing.assert_allclose(arrays[array], expected, atol=0.02)


def test_the_mels_of_further_front_ends_are_made_when_asked_for(tmp_path):
    recording = read_audio(write_clip(tmp_path / "street.wav", 2.6))
    assert "mels_efficientat_data" not in ChunkAnalysis().shapes
    asked = ChunkAnalysis(front_ends=("PANN", "EfficientAT"))
    assert set(asked.shapes) == {"third_octave_data", "mels_pann_data", "mels_efficientat_data"}
    found = asked.arrays(recording, 0, 2)["mels_efficientat_data"]
    assert found.shape == (2, 100, 128)
    for second, mels in enumerate(found):
        signal = recording.at(32000)[second * 32000 :][:32000]
        np.testing.assert_array_equal(mels, EFFICIENTAT_MELS.mels(signal))
    with pytest.raises(UsageError, match="PANN, YamNet, EfficientAT"):
        ChunkAnalysis(front_ends=("PANN", "VGGish"))


def test_a_dataset_without_the_mels_asked_for_names_the_command(made):
    with pytest.raises(MissingFileError, match="--front_ends PANN,YamNet,EfficientAT --force"):
        open_dataset(made[0], "noises").split("train").mels(EFFICIENTAT_MELS)
    with pytest.raises(MissingFileError, match="--front_ends PANN,YamNet --force"):  # none of them twice
        DatasetSplit("train", {}).mels(YAMNET_MELS)


def test_parameters_of_the_published_front_ends_are_those_of_the_version_before(made):
    """Datasets that were made before there was a third front end verify as complete."""
    mels = open_dataset(made[0], "noises").manifest["parameters"]["mels"]
    fields = ("name", "sr", "window_length", "hop_length", "n_fft", "n_mels", "fmin", "fmax", "htk", "norm")
    fields += ("power", "log", "chunk_frames", "patches")
    assert mels == {
        "PANN": dict(
            zip(
                fields,
                ("PANN", 32000, 1024, 320, 1024, 64, 50, 14000, False, "slaney", 2, "db", 101, False),
                strict=True,
            )
        ),
        "YamNet": dict(
            zip(
                fields,
                ("YamNet", 16000, 400, 160, 512, 64, 125, 7500, True, None, 1, "ln", 96, True),
                strict=True,
            )
        ),
    }


def test_mel_time_frames_are_centred_on_the_mels(tmp_path):
    record = ThirdOctaves()
    recording = read_audio(write_clip(tmp_path / "street.wav", 1.5, sr=44100))
    levels = ChunkAnalysis(mel_time=True).arrays(recording, 0, 1)["third_octave_frames_data"]
    assert levels.shape == (1, 101, 29)
    padded = np.pad(recording.at(record.sr)[: record.sr], record.frame_length // 2, mode="reflect")
    for frame in (0, 1, 50, 100):  # frame k is centred on 10·k ms
        power = np.abs(np.fft.rfft(padded[320 * frame :][:4096] * record.window)) ** 2
        power = [power[first : last + 1].sum() for first, last in record.band_bins]
        expected = 10 * np.log10(2 * np.array(power) / np.mean(record.window**2) / 4096**2) + 26
        np.testing.assert_allclose(levels[0, frame], expected, atol=0.02)


def test_mel_time_needs_whole_samples():
    with pytest.raises(UsageError, match="22050"):
        ChunkAnalysis(ThirdOctaves(sr=22050, n_bands=25), mel_time=True)


@pytest.mark.parametrize("n_frames", [101, 96])
def test_mel_freq_averages_in_time(n_frames):
    mels = np.random.default_rng(0).standard_normal((3, n_frames, 64)).astype(np.float32)
    averaged = mel_freq(mels, 8)
    bounds = [(i * n_frames // 8, -(-(i + 1) * n_frames // 8)) for i in range(8)]
    expected = np.stack([mels[:, first:last].mean(axis=1) for first, last in bounds], axis=1)
    np.testing.assert_allclose(averaged, expected, atol=1e-6)


def test_a_dataset_is_read_as_it_was_made(made):
    data, sounds = made
    dataset = open_dataset(data, "noises")
    assert dataset.third_octaves == ThirdOctaves()
    seen = set()
    for name in SPLITS:
        split = dataset.split(name)
        assert len(split) == dataset.manifest["counts"][name]["chunks"]
        for index, fname in enumerate(split.fnames):
            file, _, second = fname.rpartition("_")
            signals = {
                record.sr: peak_normalise(read_audio(sounds / file).at(record.sr))
                for record in (PANN_MELS, YAMNET_MELS)
            }
            chunk = slice(int(second) * 32000, (int(second) + 1) * 32000)
            np.testing.assert_allclose(
                split.third_octaves[index], ThirdOctaves().levels(signals[32000][chunk]), atol=1e-3
            )
            for record in (PANN_MELS, YAMNET_MELS):
                chunk = slice(int(second) * record.sr, (int(second) + 1) * record.sr)
                expected = record.mels(signals[record.sr][chunk])[: record.chunk_frames]
                np.testing.assert_allclose(split.mels(record)[index], expected, atol=1e-3)
            seen.add(fname)
        assert split.mel_time(PANN_MELS).shape == (len(split), 101, 29)
        assert split.mel_time(YAMNET_MELS).shape == (len(split), 96, 29)
    assert seen == {f"{index // 3}-{index}.wav_{second}" for index in range(9) for second in range(2)}


def test_reading_is_by_memory_map(made):
    split = open_dataset(made[0], "noises").split("train")
    assert isinstance(split.third_octaves, np.memmap)
    assert not split.mels(PANN_MELS).flags.writeable


def test_missing_datasets_name_the_command(tmp_path):
    with pytest.raises(MissingFileError, match=r"create_mel_tho_dataset.py --dataset_type urban"):
        open_dataset(tmp_path, "Dcase-Task1-urban")
    with pytest.raises(MissingFileError, match=r"--dataset_type full --split_by_city"):
        open_dataset(tmp_path, "Dcase-Task1-full-by-city")
    (tmp_path / "mine" / "unfinished").mkdir(parents=True)
    with pytest.raises(MissingFileError, match=r"unfinished: .* --dataset_name mine goes on"):
        open_dataset(tmp_path, "mine")


def test_unknown_splits_and_missing_variants_are_refused(tmp_path):
    sounds = write_noises(tmp_path / "plain", n_clips=9, duration_s=1)
    create_dataset(folder_corpus(sounds), tmp_path, jobs=1)
    dataset = open_dataset(tmp_path, "plain")
    with pytest.raises(UsageError, match="train, valid, eval"):
        dataset.split("test")
    with pytest.raises(MissingFileError, match="--mel_time"):
        dataset.split("train").mel_time(PANN_MELS)


@pytest.fixture
def copied(made, tmp_path):
    """A copy of the dataset, to be damaged."""
    for path in (made[0] / "noises").iterdir():
        (tmp_path / "noises").mkdir(exist_ok=True)
        (tmp_path / "noises" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "noises"


def test_files_that_disagree_with_the_manifest_are_refused(copied):
    path = copied / "noises_eval_third_octave_data.npy"
    np.save(path, np.zeros((1, 8, 29), np.float32))
    with pytest.raises(DatasetError, match=r"noises_eval.*shape \(1, 8, 29\).*--force"):
        open_dataset(copied.parent, "noises").split("eval")
    path.write_bytes(b"no array")
    with pytest.raises(DatasetError, match="missing or damaged"):
        open_dataset(copied.parent, "noises").split("eval")
    path.unlink()
    with pytest.raises(DatasetError, match="missing or damaged"):
        open_dataset(copied.parent, "noises").split("eval")


def test_a_changed_manifest_is_refused(copied):
    path = copied / "noises_manifest.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["third_octaves"]["offset_db"] = 0
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match="fingerprint"):
        open_dataset(copied.parent, "noises")
    path.write_text("{")
    with pytest.raises(DatasetError, match="no manifest"):
        open_dataset(copied.parent, "noises")


def test_the_fingerprint_tells_datasets_apart_not_places(made, tmp_path):
    data, sounds = made
    elsewhere = write_noises(tmp_path / "noises", n_clips=9, duration_s=2.3)
    same = create_dataset(folder_corpus(elsewhere), tmp_path, ChunkAnalysis(mel_time=True), jobs=1)
    other = create_dataset(
        folder_corpus(sounds, "other", seed=1), tmp_path, ChunkAnalysis(mel_time=True), jobs=1
    )
    expected = open_dataset(data, "noises").provenance
    assert same["fingerprint"] == expected
    assert other["fingerprint"] != expected

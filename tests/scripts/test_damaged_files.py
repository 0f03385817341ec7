"""Every script that reads sounds or levels, with a damaged file of each kind: a result, or a line that names it."""

import io
import struct
import time

import h5py
import numpy as np
import pytest
import soundfile
import torch

from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.sensors.results import LEVEL_COLUMNS
from tests.helpers.made_corpora import write_noises, write_urbansound8k

SR = 16000
LONGEST_S = 10  # of processor time, on a busy machine too
NAME = "damaged"


def wav(samples, **options):
    """Return the bytes of a wav."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SR, format="WAV", **options)
    return buffer.getvalue()


NOISE = 0.1 * np.random.default_rng(0).standard_normal(2 * SR)
SOUNDS = {
    "empty": b"",
    "text": b"time,level\n1,2\n" * 100,
    "no sound at all": bytes(range(256)) * 20,
    "noughts": bytes(5000),
    "header alone": wav(NOISE)[:30],
    "no sample": wav(NOISE[:0]),
    "cut in half": wav(NOISE)[:SR],
    "not a number": wav(np.where(np.arange(2 * SR) == 99, np.nan, NOISE), subtype="FLOAT"),
    "more than 4 GB promised": wav(NOISE)[:40] + struct.pack("<I", 0x7FFF0000) + wav(NOISE)[44:],
    "a rate of nought": wav(NOISE)[:24] + struct.pack("<I", 0) + wav(NOISE)[28:],
    "no channel": wav(NOISE)[:22] + struct.pack("<H", 0) + wav(NOISE)[24:],
    "cut ogg": (lambda file: (soundfile.write(file, NOISE, SR, format="OGG"), file.getvalue()[:3000])[1])(
        io.BytesIO()
    ),
}


ROW = ["a", "0.0", "1.0", *["60.0"] * len(LEVEL_COLUMNS), "true"]
HEADER = ",".join(["sensor", "epoch_s", "duration_s", *LEVEL_COLUMNS, "traffic_present"]).encode() + b"\n"
LINE = ",".join(ROW).encode() + b"\n"
ROWS = 50 * LINE


def hdf5(**datasets):
    """Return the bytes of an HDF5 file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return buffer.getvalue()


LEVELS = {
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "no bands": b"epoch,name\n1,a\n2,b\n",
    "header alone": b"epoch,20,25,31.5,40,50,63,80,100,125,160,200\n",
    "not one number": b"epoch,20,25,31.5,40,50,63,80,100,125,160,200\n" + b"a," * 11 + b"b\n",
    "HDF5 cut": hdf5(a=np.zeros((100, 29)))[:700],
    "HDF5 of something else": hdf5(pictures=np.zeros((4, 4))),
    "npy of objects": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    + b" " * 60,
    "gzip cut": b"\x1f\x8b\x08\x00\x00\x00",
    "zip cut": b"PK\x03\x04\x14\x00",
}


@pytest.fixture
def checked(call_script):
    """Run a script with a damaged file: it ends soon, with a line of an error that names the file, or with a result."""

    def check(script, *arguments):
        start = time.process_time()
        code, said, complained = call_script(script, *arguments)
        assert time.process_time() - start < LONGEST_S
        assert "Traceback" not in said + complained
        lines = [line.rpartition("\r")[2] for line in complained.splitlines()]
        lines = [line for line in lines if line.startswith(("error: ", "left out: "))]
        assert code in (None, 0, 1, 2)
        assert all(len(line) < 2000 for line in lines)
        if code:
            assert any(NAME in line for line in lines), complained
        return code or 0

    return check


@pytest.fixture
def teacher(tmp_path):
    """Weights of a teacher that nobody trained."""
    path = tmp_path / "teacher.pth"
    torch.save(CLASSIFIERS["YamNetMobile"].build().state_dict(), path)
    return path


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize(
    "command",
    [
        ("plot_band_centres.py", "--audio", "{sound}", "--output", "{out}"),
        (
            "plot_spectro_dcase2023.py",
            "--audio",
            "{sound}",
            "--output",
            "{out}",
            "--classifier",
            "MiniYamNet",
        ),
        ("generate_audio.py", "{sound}", "--output", "{out}", "--n_iter", "0"),
        ("classify_thirdo.py", "{sound}", "--from_audio", "-o", "{out}/a.csv", "--classifier", "MiniYamNet"),
        ("replay_levels.py", "{sound}", "--from_audio", "--speed", "1e9"),
        ("calibrate_presence.py", "{sound}", "--classifier", "MiniYamNet", "--output", "{out}"),
    ],
    ids=lambda command: command[0],
)
def test_scripts_that_take_a_sound(tmp_path, checked, kind, command):
    sound = tmp_path / f"{NAME}.wav"
    sound.write_bytes(SOUNDS[kind])
    assert checked(*(word.format(sound=sound, out=tmp_path / "out") for word in command)) == 1


def test_scripts_that_take_many_sounds_go_on_without_the_damaged_ones(tmp_path, checked):
    """One run of each for all kinds together: good sounds are used, and the status says that others were not."""
    folder, few = write_noises(tmp_path / "sounds", 40, 1.2), write_noises(tmp_path / "few", 2, 1.2)
    for number, content in enumerate(SOUNDS.values()):
        for sounds in (folder, few):
            (sounds / f"{NAME}-{number}.wav").write_bytes(content)
    dataset = ("--layout", "folder", "--audio_dataset_path", folder, "--output_path", tmp_path / "data")
    assert checked("exp_train_model/create_mel_tho_dataset.py", *dataset, "--jobs", 1) == 1
    assert (tmp_path / "data/sounds/sounds_manifest.json").is_file()
    assert checked("generate_audio.py", few, "--output", tmp_path / "out", "--n_iter", 0) == 1
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_distillation_goes_on_without_damaged_sounds(tmp_path, checked, teacher):
    folder = write_noises(tmp_path / "sounds", 2, 1.5)
    for number, content in enumerate(SOUNDS.values()):
        (folder / f"{NAME}-{number}.wav").write_bytes(content)
    options = ("--teacher_weights", teacher, "--seconds", 8, "--epochs", 1, "--output", tmp_path / "mine.pth")
    assert checked("distill_classifier.py", folder, *options) == 1
    assert (tmp_path / "mine.json").is_file()


def test_a_labelled_corpus_with_damaged_clips(tmp_path, checked):
    clips = {f"{10 + number}-3-0-0.wav": (1, 1.0, SR, 1) for number in range(len(SOUNDS) + 2)}
    corpus = write_urbansound8k(tmp_path / "URBAN-SOUND-8K", clips)
    for number, content in enumerate(SOUNDS.values()):
        (corpus / "audio" / f"{10 + number}-3-0-0.wav").write_bytes(content)
    damaged = corpus.rename(tmp_path / NAME)
    where = ("--audio_dataset_path", damaged, "--data_path", tmp_path / "data", "--jobs", 1)
    options = ("--audio_dataset_name", "URBAN-SOUND-8K", "--classifier", "MiniYamNet", "--transcoder", "self")
    assert checked("exp_classif_eval/create_logit_dataset.py", *options, *where) == 1
    assert len(list((tmp_path / "data/data/URBAN-SOUND-8K-LOGITS").glob("*_gt.npy"))) == 2


def test_folds_with_damaged_clips_are_laid_out(tmp_path, checked):
    fold = tmp_path / NAME / "fold1"
    fold.mkdir(parents=True)
    (fold / "10-3-0-0.wav").write_bytes(wav(NOISE))
    for number, content in enumerate(SOUNDS.values()):
        (fold / f"{11 + number}-3-0-0.wav").write_bytes(content)
    assert checked("exp_classif_eval/lay_out_urbansound8k.py", tmp_path / NAME, tmp_path / "out") == 1
    assert (tmp_path / "out/audio/10-3-0-0.wav").is_file()


def test_damaged_recordings_of_an_experiment_fail_in_one_line(tmp_path, call_script):
    folder = tmp_path / "made"
    folder.mkdir()
    names = [f"{NAME}-{number}.wav" for number in range(len(SOUNDS))]
    for name, content in zip(names, SOUNDS.values(), strict=True):
        (folder / name).write_bytes(content)
    rows = [f"{name},{number / len(names)}" for number, name in enumerate(names)]
    (folder / "time_of_presence.csv").write_text("\n".join(["recording,traffic", *rows]) + "\n")
    where = ("--recordings", folder, "--data_path", tmp_path / "data")
    select = ("-s", "sound/classifier=MiniYamNet+transcoder=pinv", "-c", "-p")
    code, said, complained = call_script("exp_presence/main_doce_presence.py", *where, *select)
    assert code == 1
    assert f"{NAME}-0.wav" in said + complained
    assert "Traceback" not in said + complained


def test_a_report_leaves_damaged_sounds_out(tmp_path, checked, monkeypatch):
    monkeypatch.setattr("spectral_transcoder.models.classifiers.available_classifiers", lambda: [])
    for number, content in enumerate(SOUNDS.values()):
        path = tmp_path / "generated" / f"{NAME}-{number}" / f"{NAME}-{number}_original.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    options = ("--data_path", tmp_path, "--sounds", len(SOUNDS), "--output", tmp_path / "out")
    assert checked("make_report.py", "--generated_audio", tmp_path / "generated", *options) == 0
    assert NAME in (tmp_path / "out/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "row", [b"a,b\n", b"a,x,y,z,1,1,1,1\n", b"\xff\n", b'"', b"a,0,1,60,61,60,59,maybe\n"]
)
def test_results_with_a_row_that_is_none(tmp_path, checked, row):
    file = tmp_path / f"{NAME}.csv"
    file.write_bytes(HEADER + ROWS + row + ROWS)
    assert checked("plot_presence.py", file, "--output", tmp_path / "out") == (1 if row else 0)


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize(
    "command",
    [
        ("classify_thirdo.py", "{file}", "--offset=-88", "-o", "{out}.csv", "--classifier", "MiniYamNet"),
        ("replay_levels.py", "{file}", "--speed", "1e9"),
        ("plot_presence.py", "{file}", "--output", "{out}"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("suffix", [".csv", ".h5"])
def test_scripts_that_take_levels_or_results(tmp_path, checked, kind, command, suffix):
    file = tmp_path / f"{NAME}{suffix}"
    file.write_bytes(LEVELS[kind])
    assert checked(*(word.format(file=file, out=tmp_path / "out") for word in command)) == 1

import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from spectral_transcoder.datasets.creation.plan import read_header
from spectral_transcoder.signal.audio import open_sound, read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.signal.sound_files import find_sounds
from spectral_transcoder.utils.errors import AudioError

SR = 44100
DURATION_S = 2
FREQUENCY = 1000
LARGEST_FRAME = 2048  # samples, of the codecs here

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def encode(path, *options, n_channels=1):
    """Let ffmpeg write a sine, with other ffmpeg options before the file's name."""
    sine = f"sine=frequency={FREQUENCY}:sample_rate={SR}:duration={DURATION_S}"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-f",
        "lavfi",
        "-i",
        sine,
        "-ac",
        str(n_channels),
        *options,
    ]
    subprocess.run([*command, f"file:{path}"], check=True)
    return path


def loudest_frequency(samples, sr):
    return np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * sr / len(samples)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.AAC", "a.wma", "a.mka", "a.mp4", "a.ac3", "-i b: 100%é.m4a"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_sine_has_its_length_and_frequency(tmp_path, monkeypatch, name, n_channels):
    monkeypatch.chdir(tmp_path)
    encode(tmp_path / name, n_channels=n_channels)
    assert find_sounds(tmp_path).files == (name,)
    recording = read_audio(name)
    assert recording.sr == SR
    assert abs(len(recording.samples) - DURATION_S * SR) <= LARGEST_FRAME
    assert loudest_frequency(recording.samples, SR) == pytest.approx(FREQUENCY, abs=1)
    assert read_header(tmp_path / name) == (len(recording.samples), SR, None)
    with open_sound(name) as sound:
        assert sound.read().shape == (len(recording.samples), n_channels)
    assert read_audio(name, Reading(channel=n_channels)).sr == SR


@needs_ffmpeg
def test_what_is_no_sound_is_refused_in_a_line_that_names_it(tmp_path):
    path = tmp_path / "talk.m4a"
    path.write_bytes(b"no sound at all" * 100)
    with pytest.raises(
        AudioError, match=r"talk\.m4a cannot be decoded by ffmpeg \(Invalid data found"
    ) as error:
        read_audio(path)
    assert "\n" not in str(error.value)
    assert read_header(path)[2] == str(error.value)


@needs_ffmpeg
def test_a_sound_that_was_cut_off_is_refused_unless_that_is_accepted(tmp_path):
    whole = encode(tmp_path / "whole.m4a", "-movflags", "faststart")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    with pytest.raises(AudioError, match=r"cut\.m4a cannot be decoded"):
        read_audio(cut)
    recording = read_audio(cut, Reading(accept_truncated=True))
    assert 0.5 < recording.duration_s < DURATION_S
    assert len(recording.remarks) == 1
    assert "cut.m4a is truncated" in recording.remarks[0]
    assert not read_audio(whole, Reading(accept_truncated=True)).remarks


@needs_ffmpeg
def test_a_playlist_does_not_make_other_addresses_be_read(tmp_path):
    path = tmp_path / "list.aac"
    path.write_text("#EXTM3U\n#EXTINF:2,\nhttp://localhost:9/a.aac\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match=r"list\.aac cannot be decoded"):
        read_audio(path)


def test_what_soundfile_reads_needs_no_ffmpeg(tmp_path, monkeypatch):
    """A wav under another name is read as it always was, and the same with and without ffmpeg."""
    path = tmp_path / "a.m4a"
    samples = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
    soundfile.write(path, samples, SR, "FLOAT", format="WAV")
    np.testing.assert_array_equal(read_audio(path).samples, samples)
    monkeypatch.setenv("PATH", str(tmp_path))
    np.testing.assert_array_equal(read_audio(path).samples, samples)


def test_without_ffmpeg_such_a_sound_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x1cftypM4A " * 100)
    assert "ffmpeg" in find_sounds(tmp_path).left_out["a.m4a"]
    with pytest.raises(AudioError, match=r"a\.m4a cannot be read as audio"):
        read_audio(path)


def counting_ffmpeg(folder, monkeypatch):
    """Put an ffmpeg before the real one that notes its calls; return the file of a line for each."""
    calls, script = folder / "calls.txt", folder / "bin" / "ffmpeg"
    script.parent.mkdir()
    calls.touch()
    script.write_text(f'#!/bin/sh\necho called >> "{calls}"\nexec "{shutil.which("ffmpeg")}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return calls


@needs_ffmpeg
def test_what_is_kept_is_decoded_once_and_again_when_the_file_has_changed(tmp_path, monkeypatch):
    calls, keep = counting_ffmpeg(tmp_path, monkeypatch), tmp_path / "decoded"
    path = encode(tmp_path / "a.m4a")
    n_encoded = len(calls.read_text().split())
    reading = Reading(decoded_in=keep)
    assert reading == Reading()  # the samples are the same
    first = read_audio(path, reading).samples
    np.testing.assert_array_equal(read_audio(path, reading).samples, first)
    np.testing.assert_array_equal(read_audio(path).samples, first)
    assert len(calls.read_text().split()) - n_encoded == 2  # the last one did not look there
    assert [kept.suffix for kept in sorted(keep.iterdir())] == [".txt", ".wav"]

    cut = path.read_bytes()[:-2000]
    path.write_bytes(cut)
    for _ in range(2):
        with pytest.raises(AudioError, match=r"a\.m4a cannot be decoded"):
            read_audio(path, reading)
    monkeypatch.setattr("spectral_transcoder.signal.ffmpeg.MOST_KEPT_BYTES", 0)
    other = encode(tmp_path / "b.m4a")
    read_audio(other, reading)
    assert len(list(keep.glob("*.wav"))) == 1


@needs_ffmpeg
def test_what_is_wrong_with_a_sound_is_kept_with_it(tmp_path):
    whole = encode(tmp_path / "whole.m4a", "-movflags", "faststart")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    reading = Reading(accept_truncated=True, decoded_in=tmp_path / "decoded")
    remarks = [read_audio(cut, reading).remarks for _ in range(2)]
    assert remarks[0] == remarks[1] == read_audio(cut, Reading(accept_truncated=True)).remarks
    assert len(remarks[0]) == 1


@needs_ffmpeg
def test_a_dataset_decodes_each_sound_once_and_leaves_nothing_of_that(tmp_path, monkeypatch, call_script):
    (tmp_path / "sounds").mkdir()
    for index in range(8):
        encode(tmp_path / "sounds" / f"{index}.m4a", n_channels=2)
    calls = counting_ffmpeg(tmp_path, monkeypatch)
    arguments = ("--layout", "folder", "--audio_dataset_path", tmp_path / "sounds", "--jobs", 1)
    arguments += ("--output_path", tmp_path / "out")
    code, _, complained = call_script("exp_train_model/create_mel_tho_dataset.py", *arguments)
    assert not code, complained
    assert len(calls.read_text().split()) == 8
    assert not [path for path in (tmp_path / "out/sounds").iterdir() if path.is_dir()]

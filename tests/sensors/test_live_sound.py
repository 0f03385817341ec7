"""Sounds that are still being written: every kind of WAV, when they began, pauses in which some is missing."""

import io
import os
import time

import numpy as np
import pytest
import soundfile

from spectral_transcoder.sensors import frame_checks
from spectral_transcoder.sensors.follow import live_windows
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES
from spectral_transcoder.sensors.live_sound import LiveSound
from spectral_transcoder.sensors.live_source import Stop, follow_bytes
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.standard_input import StandardInput
from spectral_transcoder.sensors.windows import Windowing
from spectral_transcoder.utils.errors import AudioError


def wav_bytes(sound, sr, subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sr, subtype, format="WAV")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("source", "sensor", "file"),
    [("-", "", "standard input"), ("/a/caf\udce9.wav", "caf\\xe9", "/a/caf\\xe9.wav")],
)
def test_names_of_a_sound_are_text(source, sensor, file):
    live = LiveSound(source, ReadOptions(start_s=100.0), Findings())
    assert live.open(iter([wav_bytes(np.zeros(32000, np.float32), 32000)]))
    block = next(live.blocks())
    assert (block.sensor, block.file) == (sensor, file)


def levels_of_sound(chunks, source="-"):
    live = LiveSound(source, ReadOptions(start_s=100.0), Findings())
    assert live.open(iter(chunks))
    blocks = list(live.blocks())
    return np.concatenate([block.levels_db for block in blocks]), np.concatenate(
        [block.epoch_s for block in blocks]
    )


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "DOUBLE"])
def test_sounds_of_every_kind_of_samples(subtype):
    sound = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    content = wav_bytes(sound, 32000, subtype)
    levels, _ = levels_of_sound([content])
    expected = THIRD_OCTAVES.levels(soundfile.read(io.BytesIO(content), dtype="float32")[0]) - 26
    np.testing.assert_allclose(levels, expected[: len(levels)], atol=0.01)


@pytest.mark.parametrize(("sr", "subtype", "tolerance"), [(32000, "PCM_16", 0.05), (48000, "FLOAT", 0.3)])
def test_a_sound_that_is_being_recorded(sr, subtype, tolerance):
    sound = np.random.default_rng(0).normal(0, 0.1, (3 * sr, 2)).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sr, subtype, format="WAV")
    data = buffer.getvalue()
    live = LiveSound("-", ReadOptions(start_s=100.0), Findings())
    assert live.open(iter([data[i : i + 1000] for i in range(0, len(data), 1000)]))
    blocks = list(live.blocks())
    levels = np.concatenate([block.levels_db for block in blocks])
    if sr == 32000:
        expected = THIRD_OCTAVES.levels(sound.mean(1)) - 26
        np.testing.assert_allclose(levels, expected[: len(levels)], atol=tolerance)
    assert len(levels) >= 22
    np.testing.assert_allclose(np.concatenate([block.epoch_s for block in blocks])[:2], [100, 100.125])
    with pytest.raises(AudioError, match="no header of a WAV"):
        LiveSound("-", ReadOptions(), Findings()).open(iter([b"\0" * 100]))


@pytest.mark.parametrize("source", ["-", "growing.wav"])
def test_chunks_of_a_wav_beside_its_samples_are_no_sound(source):
    """A title with the word data before them; behind them, pictures and marks, in a wav from a pipe."""
    sound = np.random.default_rng(0).normal(0, 0.01, 64000).astype(np.float32)
    plain = wav_bytes(sound, 32000)
    title = b"LIST" + (18).to_bytes(4, "little") + b"INFOINAM" + (5).to_bytes(4, "little") + b"data!\0"
    start = plain.index(b"data")
    behind = b"LIST" + (40000).to_bytes(4, "little") + bytes(range(1, 251)) * 160
    whole = plain[:start] + title + plain[start:] + (behind if source == "-" else b"")
    levels, _ = levels_of_sound([whole[i : i + 777] for i in range(0, len(whole), 777)], source)
    expected = THIRD_OCTAVES.levels(soundfile.read(io.BytesIO(plain), dtype="float32")[0]) - 26
    np.testing.assert_allclose(levels, expected[: len(levels)], atol=0.01)
    assert len(levels) == (64000 - THIRD_OCTAVES.frame_length) // THIRD_OCTAVES.hop_length + 1


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_does_not_know_its_length(size):
    sound = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    content = wav_bytes(sound, 32000)
    start = content.index(b"data")
    content = content[: start + 4] + size.to_bytes(4, "little") + content[start + 8 :]
    assert len(levels_of_sound([content])[0]) == 15


def test_sound_that_is_missing_is_a_gap(monkeypatch):
    """A recorder that is stopped for a minute; a pause after which nothing is missing is none."""
    content = wav_bytes(np.random.default_rng(0).normal(0, 0.1, 4 * 32000).astype(np.float32), 32000)
    start = content.index(b"data") + 8
    pieces = [content[:start], *(content[i : i + 64000] for i in range(start, len(content), 64000))]
    now = iter([1000.0, 1003.0, 1064.0])  # the header, then what follows each pause
    monkeypatch.setattr(time, "time", lambda: next(now))
    live = LiveSound("-", ReadOptions(), findings := Findings())
    head, *seconds = pieces
    assert live.open(iter([head, seconds[0], seconds[1], b"", seconds[2], b"", seconds[3]]))
    windows = list(live_windows(live.blocks(), Windowing(1, 1, 0), findings))
    starts = np.concatenate([batch.epoch_s for batch in windows])
    np.testing.assert_allclose(starts[:2], [1000, 1001])
    assert starts[-1] == pytest.approx(1063)
    assert findings.kinds[frame_checks.GAP].n_ranges == 1


def test_a_sound_begins_when_it_was_recorded_not_when_the_models_are_loaded(piped):
    """Its first second arrives at once, others while nobody takes them: a pipe holds a second, a recorder no more."""
    content = wav_bytes(np.random.default_rng(0).normal(0, 0.1, 5 * 32000).astype(np.float32), 32000)
    began_s = time.time()
    arriving = StandardInput(pauses=True)
    for start in range(0, len(content), 64000):
        piped.write(content[start : start + 64000])  # would wait for ever if nobody read
    time.sleep(0.5)
    live = LiveSound("-", ReadOptions(), Findings(), standard_input=arriving)
    piped.close()
    assert live.open(follow_bytes("-", Stop(), sound=True, standard_input=arriving))
    first_s = next(live.blocks()).epoch_s[0]
    assert began_s - 1.1 < first_s < began_s + 0.3


def test_a_sound_in_a_file_ends_when_it_was_written(tmp_path):
    path = tmp_path / "growing.wav"
    path.write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32), 32000))
    os.utime(path, (5000, 5000))
    live = LiveSound(path, ReadOptions(), Findings())
    assert live.open(iter([path.read_bytes()]))
    assert next(live.blocks()).epoch_s[0] == pytest.approx(4998)

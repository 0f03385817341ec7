"""Every format that soundfile writes: whole, cut, or with a header that promises the impossible."""

import contextlib
import io

import numpy as np
import pytest
import soundfile

from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.reading import Reading
from spectral_transcoder.utils.errors import AudioError
from tests.helpers.noisy_sounds import N_FRAMES, SR, noisy_sound

ACCEPTING = Reading(accept_truncated=True)
# formats whose headers do not say how much there is: a cut between two frames cannot be seen
WITHOUT_LENGTH = {"PAF", "PVF", "IRCAM", "XI"}
# formats of which libsndfile opens nothing that was cut, or makes up what is missing
UNREADABLE_WHEN_CUT = {
    ("HTK", "PCM_16"),
    ("VOC", "PCM_U8"),
    *(("SDS", f"PCM_{bits}") for bits in ("S8", "16", "24")),
    *(("CAF", f"ALAC_{bits}") for bits in ("16", "20", "24", "32")),
}


def writable():
    """Return every (format, subtype) that soundfile writes; SD2 keeps its header in a second file."""
    found = []
    for kind in sorted(soundfile.available_formats().keys() - {"RAW", "SD2"}):
        for subtype in soundfile.available_subtypes(kind):
            with contextlib.suppress(soundfile.SoundFileError):
                soundfile.SoundFile(io.BytesIO(), "w", SR, 1, subtype, format=kind).close()
                found.append((kind, subtype))
    return found


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), writable())
def test_every_format_that_was_cut(tmp_path, kind, subtype, n_channels):
    """Whole, it is read; cut in half, it is refused, or read as far as it goes: the beginning of the whole."""
    path = tmp_path / "a.sound"
    try:
        soundfile.write(path, noisy_sound(n_channels), SR, subtype=subtype, format=kind)
        expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    except soundfile.SoundFileError:
        pytest.skip("soundfile does not read back what it writes so")
    np.testing.assert_allclose(read_audio(path).samples, expected, atol=1e-6)
    np.testing.assert_allclose(read_audio(path, ACCEPTING).samples, expected, atol=1e-6)
    assert not read_audio(path, ACCEPTING).remarks

    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    if kind in WITHOUT_LENGTH:
        return
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)
    if kind == "OGG":  # half of so short a one is less than its head
        return
    if (kind, subtype) in UNREADABLE_WHEN_CUT:
        with pytest.raises(AudioError, match=r"a\.sound"):
            read_audio(path, ACCEPTING)
        return
    recording = read_audio(path, ACCEPTING)
    n_read = len(recording.samples)
    assert 0.25 * N_FRAMES < n_read < 0.95 * N_FRAMES
    beginning = slice(0, n_read if subtype.startswith(("PCM", "FLOAT", "DOUBLE")) else n_read - 4096)
    np.testing.assert_allclose(recording.samples[beginning], expected[:n_read][beginning], atol=1e-3)
    assert "truncated" in recording.remarks[0]


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG"])
@pytest.mark.parametrize("missing", [1, 2, 40])
def test_the_last_bytes_are_missed(tmp_path, kind, missing):
    path = tmp_path / "a.sound"
    soundfile.write(path, noisy_sound(), SR, format=kind)
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)


@pytest.mark.parametrize(
    "content",
    [
        b"OggS" + bytes(4),
        b"riff\x2e\x91\xcf\x11" + bytes(32) + b"fmt " + bytes(12) + b"\xff" * 8,
        b"caff" + bytes(40),
        b"MATLAB 5.0 MAT-file" + bytes(60),
    ],
    ids=["Ogg", "Wave64", "CAF", "MATLAB 5"],
)
def test_headers_that_end_or_promise_the_impossible(tmp_path, content):
    path = tmp_path / "a.sound"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.sound"):
        read_audio(path)


def test_an_empty_file_is_reported_as_such(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match=r"a\.wav is empty"):
        read_audio(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(b"no sound at all")
    with pytest.raises(AudioError, match=r"\(Error opening Format not recognised|\(Format not recognised"):
        read_audio(tmp_path / "b.wav")

"""What arrives: signals that end it, files that take the place of the one that is followed."""

import os
import signal
import threading
import time
from unittest.mock import patch

import pytest

from spectral_transcoder.sensors import live_source
from spectral_transcoder.sensors.live_source import Stop, follow_bytes, is_replaced
from spectral_transcoder.utils.errors import AudioError, MissingFileError


def test_a_signal_that_comes_twice_at_once_is_one():
    """`timeout` sends it to the process and to its group."""
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        time.sleep(0.6)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("way", ["moved", "emptied"])
def test_another_file_begins_behind_an_empty_chunk(tmp_path, way):
    """What the old one got after the last look, before it was moved, is given too."""
    growing, stop = tmp_path / "today.csv", Stop()
    growing.write_bytes(b"one\n")
    chunks = follow_bytes(growing, stop)
    found = [next(chunks)]
    if way == "moved":
        growing.rename(tmp_path / "yesterday.csv")
    growing.write_bytes(b"2\n")
    found += [next(chunks), next(chunks)]
    stop.asked = True
    assert [*found, *chunks] == [b"one\n", b"", b"2\n"]


def test_what_takes_the_place_may_be_gone_when_the_rest_is_read(tmp_path):
    """The rest of the old file takes a while to classify, and the next may be moved away by then."""
    growing, stop = tmp_path / "today.csv", Stop()
    growing.write_bytes(b"one\n")
    chunks = follow_bytes(growing, stop)
    found = [next(chunks)]
    growing.rename(tmp_path / "yesterday.csv")
    growing.write_bytes(b"2\n")
    with (tmp_path / "yesterday.csv").open("ab") as old, patch.object(live_source, "is_replaced", late(old)):
        found.append(next(chunks))
    growing.unlink()
    threading.Timer(0.3, growing.write_bytes, [b"3\n"]).start()
    found += [next(chunks), next(chunks)]
    stop.asked = True
    assert [*found, *chunks] == [b"one\n", b"rest\n", b"", b"3\n"]


def test_the_old_file_is_read_on_until_the_next_has_bytes(tmp_path):
    """The next is made first, and the writer is told afterwards: until then it adds to the old one."""
    growing, stop = tmp_path / "today.csv", Stop()
    growing.write_bytes(b"one\n")
    chunks = follow_bytes(growing, stop)
    found = [next(chunks)]
    growing.rename(tmp_path / "yesterday.csv")
    growing.touch()
    threading.Timer(5, setattr, [stop, "asked", True]).start()  # where it waits for the next in vain
    threading.Timer(0.3, (tmp_path / "yesterday.csv").write_bytes, [b"one\ntwo\n"]).start()
    found.append(next(chunks))
    growing.write_bytes(b"3\n")
    found += [next(chunks), next(chunks)]
    stop.asked = True
    assert [*found, *chunks] == [b"one\n", b"two\n", b"", b"3\n"]


def test_what_takes_the_place_may_be_gone_when_it_is_opened(tmp_path):
    growing, stop = tmp_path / "today.csv", Stop()
    growing.write_bytes(b"one\n")
    chunks = follow_bytes(growing, stop)
    found = [next(chunks)]
    growing.rename(tmp_path / "yesterday.csv")
    threading.Timer(0.3, growing.write_bytes, [b"2\n"]).start()
    with patch.object(live_source, "is_replaced", lambda path, file: True):
        found += [next(chunks), next(chunks)]
    stop.asked = True
    assert [*found, *chunks] == [b"one\n", b"", b"2\n"]


def late(old):
    """Return `is_replaced`, after whose answer the old file gets a last line."""

    def answer(path, file):
        replaced = is_replaced(path, file)
        old.write(b"rest\n")
        old.flush()
        return replaced

    return answer


def test_a_sound_that_is_cut_while_it_is_followed_is_refused(tmp_path):
    growing = tmp_path / "street.wav"
    growing.write_bytes(b"RIFF" * 10)
    chunks = follow_bytes(growing, Stop(), sound=True)
    assert next(chunks) == b"RIFF" * 10
    growing.write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"street\.wav was cut or replaced while it was followed"):
        next(chunks)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"no file at .*today\.csv"):
        next(follow_bytes(tmp_path / "today.csv", Stop()))

"""Sounds that libsndfile does not decode, such as m4a, aac and wma: the program ffmpeg decodes them."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from spectral_transcoder.utils.errors import AudioError

# Sounds and films with sound that libsndfile does not decode.
FFMPEG_SUFFIXES = frozenset(
    (
        *(".3gp", ".aac", ".ac3", ".alac", ".amr", ".ape", ".dts", ".m4a", ".m4b", ".mka", ".mkv", ".mov"),
        *(".mp2", ".mp4", ".mpc", ".mpga", ".ra", ".tta", ".weba", ".webm", ".wma", ".wv"),
    )
)
LOCAL_FILES_ONLY = ("-protocol_whitelist", "file")  # a file may name others, also on the network
DECODER = r"^\[[^\]]* @ 0x[0-9a-f]+\] "  # begins a line of ffmpeg with an address, another one in each run


def ffmpeg_installed() -> bool:
    """Return whether the program ffmpeg is there."""
    return shutil.which("ffmpeg") is not None


@contextlib.contextmanager
def decoded(path: Path, accept_truncated: bool = False) -> Iterator[tuple[Path, str | None]]:
    """Decode a sound, or the sound of a film, and yield a temporary wav, and what is wrong with the sound.

    Parameters
    ----------
    path : Path
        The file.
    accept_truncated : bool
        Whether what can be decoded of a damaged file is used.

    Yields
    ------
    wav : Path
        All channels at their own rate, 32-bit float; it vanishes afterwards.
    fault : str or None
        The last error that ffmpeg met and went on from, only where that is accepted.

    Raises
    ------
    AudioError
        ffmpeg cannot decode it; the message ends with what ffmpeg says last.
    """
    with tempfile.TemporaryDirectory(prefix="decoded-") as folder:
        wav = Path(folder) / "decoded.wav"
        command = ["ffmpeg", "-v", "error", "-nostdin", *(() if accept_truncated else ("-xerror",))]
        command += [*LOCAL_FILES_ONLY, "-i", _address(path)]
        command += ["-f", "wav", "-rf64", "auto", "-c:a", "pcm_f32le", _address(wav)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        message = _last_message(os.fsdecode(done.stderr), path)
        if done.returncode:
            raise AudioError(
                f"{path} cannot be decoded by ffmpeg ({message or f'exit status {done.returncode}'}): "
                "give a sound that is whole, or a wav, flac, ogg or mp3 file"
            )
        yield wav, message


def _address(path: Path) -> str:
    """Return a path as ffmpeg takes it whatever characters it has: `-` may begin it, `:` be in it."""
    return f"file:{path.absolute()}"


def _last_message(text: str, path: Path) -> str | None:
    """Return the last line that ffmpeg wrote, if any, without the file's name and addresses in memory."""
    lines = text.replace(f"{_address(path)}: ", "").splitlines()
    return next((re.sub(DECODER, "", line).strip() for line in reversed(lines) if line.strip()), None)

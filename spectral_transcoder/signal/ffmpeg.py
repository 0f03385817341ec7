"""Sounds that libsndfile does not decode, such as m4a, aac and wma: the program ffmpeg decodes them."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from spectral_transcoder.utils.errors import AudioError
from spectral_transcoder.utils.files import atomic_path

# Sounds and films with sound that libsndfile does not decode.
FFMPEG_SUFFIXES = frozenset(
    (
        *(".3gp", ".aac", ".ac3", ".alac", ".amr", ".ape", ".dts", ".m4a", ".m4b", ".mka", ".mkv", ".mov"),
        *(".mp2", ".mp4", ".mpc", ".mpga", ".ra", ".tta", ".weba", ".webm", ".wma", ".wv"),
    )
)
LOCAL_FILES_ONLY = ("-protocol_whitelist", "file")  # a file may name others, also on the network
MOST_KEPT_BYTES = 4 << 30  # of decoded sounds: about two hours of stereo
DECODER = r"^\[[^\]]* @ 0x[0-9a-f]+\] "  # begins a line of ffmpeg with an address, another one in each run


def ffmpeg_installed() -> bool:
    """Return whether the program ffmpeg is there."""
    return shutil.which("ffmpeg") is not None


@contextlib.contextmanager
def decoded(
    path: Path, accept_truncated: bool = False, keep_in: Path | None = None
) -> Iterator[tuple[Path, str | None]]:
    """Decode a sound, or the sound of a film, and yield a temporary wav, and what is wrong with the sound.

    Parameters
    ----------
    path : Path
        The file.
    accept_truncated : bool
        Whether what can be decoded of a damaged file is used.
    keep_in : Path, optional
        Keep the wav in this folder, unless `MOST_KEPT_BYTES` are there already, and take it from there the next time.

    Yields
    ------
    wav : Path
        All channels at their own rate, 32-bit float; it vanishes afterwards where it is not kept.
    fault : str or None
        The last error that ffmpeg met and went on from, only where that is accepted.

    Raises
    ------
    AudioError
        ffmpeg cannot decode it; the message ends with what ffmpeg says last.
    """
    kept = None if keep_in is None else keep_in / f"{_identity(path)}-{int(accept_truncated)}.wav"
    if kept is not None and kept.is_file():
        yield kept, _message_beside(kept)
    elif kept is not None and _bytes_in(kept.parent) < MOST_KEPT_BYTES:
        with atomic_path(kept, flush=False) as temporary:
            message = _decode(path, temporary, accept_truncated)
            kept.with_suffix(".txt").write_text(message or "", "utf-8", "surrogateescape")
        yield kept, message
    else:
        with tempfile.TemporaryDirectory(prefix="decoded-") as folder:
            wav = Path(folder) / "decoded.wav"
            yield wav, _decode(path, wav, accept_truncated)


def _decode(path: Path, wav: Path, accept_truncated: bool) -> str | None:
    """Write what ffmpeg decodes of a sound to a wav; return the last of its complaints; see `decoded`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *(() if accept_truncated else ("-xerror",))]
    command += [*LOCAL_FILES_ONLY, "-i", _address(path)]
    command += ["-f", "wav", "-rf64", "auto", "-c:a", "pcm_f32le", _address(wav)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    message = _last_message(os.fsdecode(done.stderr), path)
    if done.returncode:
        raise AudioError(
            f"{path} cannot be decoded by ffmpeg ({message or f'exit status {done.returncode}'}): "
            "give a sound that is whole, or a wav, flac, ogg or mp3 file"
        )
    return message


def _identity(path: Path) -> str:
    """Return a name that no other file has, nor this one once it was changed."""
    status = path.stat()
    stated = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(stated.encode()).hexdigest()[:32]


def _message_beside(wav: Path) -> str | None:
    return wav.with_suffix(".txt").read_text("utf-8", "surrogateescape") or None


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder)) if folder.is_dir() else 0


def _address(path: Path) -> str:
    """Return a path as ffmpeg takes it whatever characters it has: `-` may begin it, `:` be in it."""
    return f"file:{path.absolute()}"


def _last_message(text: str, path: Path) -> str | None:
    """Return the last line that ffmpeg wrote, if any, without the file's name and addresses in memory."""
    lines = text.replace(f"{_address(path)}: ", "").splitlines()
    return next((re.sub(DECODER, "", line).strip() for line in reversed(lines) if line.strip()), None)

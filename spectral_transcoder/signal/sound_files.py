"""Finding sounds: in a folder with all folders below it, or by names. What cannot be read is listed with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spectral_transcoder.signal.audio import readable_suffixes
from spectral_transcoder.signal.ffmpeg import FFMPEG_SUFFIXES
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.folders import files_below


@dataclass(frozen=True)
class SoundFiles:
    """The sounds below a folder.

    Attributes
    ----------
    files : tuple of str
        Those that can be read by their names: relative to the folder, with slashes, sorted.
    left_out : dict of str to str
        Why others are left out, by the name relative to the folder.
    """

    files: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def find_sounds(folder: Path) -> SoundFiles:
    """Return the sounds in a folder and the folders below it, those behind links too.

    Those that ffmpeg has to decode are left out where it is not installed. Hidden files and folders (`.DS_Store`,
    macOS's `._a.wav`) are passed over; see `files_below`.
    """
    files: list[str] = []
    left_out: dict[str, str] = {}
    readable = readable_suffixes()
    for path in files_below(folder):
        name, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        if suffix in readable:
            if path.is_file():
                files.append(name)
            else:
                what = "a link to a file that is not there" if path.is_symlink() else "no file of bytes"
                left_out[name] = f"{path}: {what}"
        elif suffix in FFMPEG_SUFFIXES:
            left_out[name] = (
                f"{path}: {suffix[1:]} is read only where ffmpeg is installed; install it, or convert the file with: "
                f"ffmpeg -i {path.name} {path.stem}.wav"
            )
    return SoundFiles(tuple(sorted(files)), dict(sorted(left_out.items())))


def find_audio(names: Sequence[str], folder: Path) -> list[Path]:
    """Return the sound files that `names` mean: files, folders of files, or bare names inside `folder`.

    Parameters
    ----------
    names : sequence of str
        Paths, or names inside `folder`. A path that exists wins over a bare name. Folders are searched as
        `find_sounds` does.
    folder : Path
        Where bare names are looked for.

    Raises
    ------
    MissingFileError
        A name is neither, or a folder holds no sound that can be read.
    """
    return list_audio(names, folder)[0]


def list_audio(names: Sequence[str], folder: Path) -> tuple[list[Path], list[str]]:
    """Return what `find_audio` does, and why other sounds in the folders that `names` mean are left out."""
    files: list[Path] = []
    left_out: list[str] = []
    for name in names:
        path = _existing(name, folder)
        if not path.is_dir():
            files.append(path)
            continue
        found = find_sounds(path)
        reasons = list(found.left_out.values())
        if not found.files:
            why = f"; left out: {reasons[0]}" if reasons else ""
            raise MissingFileError(f"the folder {path} holds no audio file that can be read{why}")
        files += [path / file for file in found.files]
        left_out += reasons
    return files, left_out


def _existing(name: str, folder: Path) -> Path:
    path = next((path for path in (Path(name), folder / name) if path.exists()), None)
    if path is None:
        raise MissingFileError(f"no audio file {name}: expected a path, or a name inside {folder}")
    return path

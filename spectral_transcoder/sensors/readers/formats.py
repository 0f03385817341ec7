"""Files of sensor levels: finding them, and which format one has, detected by its content."""

import glob
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from spectral_transcoder.sensors.readers import (
    cense_csv,
    cense_hdf5,
    cirrus,
    elastic_export,
    fast_to_ears,
    fast_to_wav,
    generic_table,
    larson_davis,
    nti_xl2,
)
from spectral_transcoder.sensors.readers.description import LevelsFile
from spectral_transcoder.sensors.readers.hdf5 import describe, find_datasets, open_hdf5
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.readers.table import TableFile, TableLayout
from spectral_transcoder.sensors.readers.text import TableHead, TextFile, open_text, read_head
from spectral_transcoder.sensors.records import PARTS, is_output
from spectral_transcoder.signal.audio import readable_suffixes
from spectral_transcoder.utils.errors import LevelsError, MissingFileError
from spectral_transcoder.utils.folders import files_below, is_hidden

LEVEL_SUFFIXES = {
    ".csv",
    ".txt",
    ".tsv",
    ".h5",
    ".hdf5",
    ".npy",
    ".csv.gz",
    ".txt.gz",
    ".tsv.gz",
    ".gz",
    ".zip",
}
SUFFIXES_BESIDE_OUTPUTS = {".json", ".png", ".part"}
HDF5_START, NPY_START = b"\x89HDF\r\n\x1a\n", b"\x93NUMPY"
SOUND_STARTS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM")
TABLES: tuple[Callable[[TableHead, ReadOptions], TableLayout | None], ...] = (
    nti_xl2.recognise,
    larson_davis.recognise,
    cirrus.recognise,
    elastic_export.recognise,
    fast_to_wav.recognise,
    cense_csv.recognise,
    generic_table.recognise,
)


def files_of(name: str | Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files that a name means: itself, those of a folder that have one of the suffixes, or of a pattern."""
    path = Path(name)
    if path.is_dir():
        below = files_below(path, skipped_suffixes=(PARTS,))
        return [file for file in below if file.suffix.lower() in suffixes and not is_output(file)]
    if path.exists():  # a name that exists is itself, whatever brackets and stars it has
        return [path]
    matches = (Path(match) for match in glob.glob(str(name), recursive=True))  # noqa: PTH207, absolute patterns too
    return [file for file in matches if not file.is_dir() and not passed_over(file)]


def find_files(names: Iterable[str | Path], from_audio: bool = False) -> list[Path]:
    """Return the files that names mean: files, folders or patterns such as `sensors/*.csv`, in natural order.

    Folders are searched with their sub-folders, through links too; hidden files, such as those that macOS and
    Windows leave, are passed over, and so are outputs of ours.

    Raises
    ------
    MissingFileError
        A name means no file.
    """
    suffixes = readable_suffixes() if from_audio else LEVEL_SUFFIXES
    found: list[Path] = []
    for name in names:
        files = files_of(name, suffixes)
        if not files:
            kind = "sounds" if from_audio else "files of levels"
            raise MissingFileError(f"no {kind} at {name}: expected a file, a folder of them, or a pattern")
        found += sorted(files, key=natural_order)
    return list(dict.fromkeys(found))


def not_looked_at(names: Iterable[str | Path], from_audio: bool = False) -> list[Path]:
    """Return the files in folders among `names` that are passed over, since their names do not end as such files' do.

    Without hidden ones, and those of the suffixes that are written beside outputs.
    """
    known = {*(readable_suffixes() if from_audio else LEVEL_SUFFIXES), *SUFFIXES_BESIDE_OUTPUTS}
    folders = [path for path in map(Path, names) if path.is_dir()]
    files = (file for folder in folders for file in files_below(folder, skipped_suffixes=(PARTS,)))
    return [file for file in files if file.suffix.lower() not in known and not is_output(file)]


def passed_over(path: Path) -> bool:
    """Whether a file is one that a system hides, or an output of ours."""
    return is_hidden(path) or is_output(path)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts 2020_2 before 2020_10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def open_levels(path: str | Path, options: ReadOptions | None = None) -> LevelsFile:
    """Detect the format of a file of levels and read its head; its rows are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        The file.
    options : ReadOptions, optional
        What the user says of files that do not say it.

    Returns
    -------
    LevelsFile
        With `path`, `description`, `n_rows` and `rows(findings)`.

    Raises
    ------
    MissingFileError
        No such file.
    LevelsError
        Not a file of levels; the message says what it is.
    """
    path, options = Path(path), options or ReadOptions()
    if not path.is_file():
        what = "a link to a file that is not there" if path.is_symlink() else "no file of levels"
        raise MissingFileError(f"{path}: {what}")
    with path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise LevelsError(f"{path} is empty: expected third-octave levels")
    if start.startswith(HDF5_START):
        return open_arrays(path, options)
    if start.startswith(NPY_START):
        return fast_to_ears.open_npy(path, options)
    if start.startswith(SOUND_STARTS):
        raise LevelsError(f"{path} is a sound, not a file of levels: use --from-audio")
    return open_table(open_text(path), options)


def open_arrays(path: Path, options: ReadOptions) -> LevelsFile:
    """Open an HDF5 of CENSE or of fast-to-ears; raise LevelsError for another, saying what it holds."""
    with open_hdf5(path) as file:
        datasets = find_datasets(file)
        shown = ", ".join(f"{name}: {describe(data)}" for name, data in list(datasets.items())[:3])
        for recognise in (fast_to_ears.recognise, cense_hdf5.recognise):
            if opened := recognise(path, datasets, options):
                return opened
    raise LevelsError(
        f"{path} is HDF5 and holds {shown or 'no dataset'}: expected /YEAR_MONTH/DAY/fast_125ms with rows of epoch, "
        "29 bands, leq and laeq (CENSE), or fast_125ms of (chunks, frames, 29) (fast-to-ears)"
    )


def open_table(text: TextFile, options: ReadOptions) -> TableFile:
    """Open a table of text in the first format that fits; raise LevelsError where none does."""
    head = read_head(text)
    of_the_user = options.columns or options.time_column
    layouts = (recognise(head, options) for recognise in ((TABLES[-1],) if of_the_user else TABLES))
    layout = next(layout for layout in layouts if layout is not None)
    stated = bool(options.timezone) or layout.format == "NTi XL2 log"
    return TableFile(head, layout, stated)

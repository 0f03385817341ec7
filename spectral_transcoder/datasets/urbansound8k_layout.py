"""UrbanSound8K from where it lies already, some folds of it or all, into the layout that experiments read."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import soundfile

from spectral_transcoder.datasets.labelled import LABELLED_CORPORA
from spectral_transcoder.downloads.datasets import (
    AUDIO_FOLDER,
    DURATION,
    recalculated_path,
    write_recalculated,
)
from spectral_transcoder.signal.audio import open_sound, readable_suffixes, writing_reported
from spectral_transcoder.utils.errors import (
    DatasetError,
    FullDiskError,
    MissingFileError,
    SpectralTranscoderError,
    UsageError,
)
from spectral_transcoder.utils.files import atomic_path, file_identity
from spectral_transcoder.utils.folders import is_hidden

NAME = r"(?P<recording>\d+)-(?P<class_id>\d+)-\d+-\d+\.wav"
TABLE = "UrbanSound8K.csv"
FOLDS = tuple(str(fold) for fold in range(1, 11))
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
PLACES = (
    ".",
    "audio",
    "UrbanSound8K/audio",
    "URBAN-SOUND-8K/audio",
)  # of fold1/ … in the folder that is given
Row = dict[str, str]


@dataclass(frozen=True)
class LaidOut:
    """What came of laying out clips.

    Attributes
    ----------
    counts : dict of str to int
        The number of clips by fold, those that were there before among them.
    left_out : dict of str to str
        Why clips could not be used, by their path.
    """

    counts: dict[str, int]
    left_out: dict[str, str]


def lay_out_urbansound8k(folder: str | Path, output: str | Path) -> LaidOut:
    """Lay out clips as the downloader leaves them, beside those that are there already.

    Hidden files are passed over. Clips that cannot be read, and whose names say nothing and are in no table, are
    left out.

    Parameters
    ----------
    folder : str or Path
        The folder that holds fold1/ … fold10/, or some of them, or a folder in which that one lies.
    output : str or Path
        The corpus's folder. Clips that are there are kept, and so are their rows of the table.

    Returns
    -------
    LaidOut

    Raises
    ------
    MissingFileError
        No fold with clips.
    DatasetError
        A folder of clips that is no fold; another table; no clip that can be used.
    FullDiskError
        The disk is full; the same call goes on.
    """
    folds, output = find_folds(Path(folder)), Path(output)
    clips = {f"{path.stem}.wav": path for path in clips_of(folds)}
    if not clips:
        raise MissingFileError(f"no clips in {folds}/fold1, … fold10: expected UrbanSound8K's folder audio/")
    fold_of = {name: fold_number(path.parent) for name, path in clips.items()}
    table = output / "metadata" / TABLE
    rows = {
        name: row for name, row in official_rows(table).items() if (output / AUDIO_FOLDER / name).is_file()
    }
    official = official_rows(folds.parent / "metadata" / TABLE)
    left_out = {}
    for name, path in clips.items():
        try:
            row = official.get(name) or rows.get(name) or row_of_name(name, fold_of[name])
            place(path, output / AUDIO_FOLDER / name)
            rows[name] = row
        except FullDiskError:
            raise
        except SpectralTranscoderError as error:
            left_out[str(path)] = str(error)
    if not rows:
        raise DatasetError(f"no clip in {folds} can be used; the first: {next(iter(left_out.values()))}")
    refuse_loss(table, rows, folds.parent / "metadata" / TABLE)
    write_tables(table, rows.values(), output / AUDIO_FOLDER)
    counts = Counter(row["fold"] for row in rows.values())
    return LaidOut({fold: counts[fold] for fold in sorted(counts, key=int)}, left_out)


def find_folds(folder: Path) -> Path:
    """Return the folder that holds fold1/ …: the one given, or one inside it."""
    return next((folder / place for place in PLACES if any((folder / place).glob("fold*/"))), folder)


def clips_of(folds: Path) -> list[Path]:
    """Return the sounds in the folds, in order, without hidden files."""
    paths, readable = sorted(folds.glob("fold*/*")), readable_suffixes()
    return [path for path in paths if path.suffix.lower() in readable and not is_hidden(path)]


def write_tables(table: Path, rows: Iterable[Row], audio_folder: Path) -> None:
    """Write the table of clips, and the one with true durations beside it."""
    with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_recalculated(table, audio_folder)


def fold_number(folder: Path) -> str:
    """Return the number of a fold's folder, as text; raise DatasetError where it is none of fold1 … fold10."""
    number = folder.name.removeprefix("fold")
    if number not in FOLDS:
        raise DatasetError(
            f"{folder} holds clips: expected {', '.join(f'fold{fold}' for fold in FOLDS)} only"
        )
    return number


def official_rows(path: Path) -> dict[str, Row]:
    """Return the rows of the published table, or of one like it, by clip; none where there is no table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(f"{path} is not the official table: it lacks {', '.join(sorted(missing))}")
        return {row["slice_file_name"]: {column: row[column] for column in COLUMNS} for row in reader}


def refuse_loss(table: Path, rows: Mapping[str, Row], source: Path) -> None:
    """Raise UsageError where a table that is there would lose what is not ours: further columns, rows of the source.

    Parameters
    ----------
    table : Path
        The table that will be written; its twin with durations lies beside it.
    rows : dict of str to dict
        What will be in it, by clip.
    source : Path
        The table of the clips that are laid out.
    """
    in_place = file_identity(table) is not None and file_identity(table) == file_identity(source)
    for path, columns in ((table, COLUMNS), (recalculated_path(table), (*COLUMNS, DURATION))):
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lost = [f"the column {name}" for name in reader.fieldnames or () if name not in columns]
            names = [row.get("slice_file_name") or "" for row in reader] if in_place else []
        lost += [f"the row {name}" for name in names if name not in rows]
        if lost:
            raise UsageError(f"{path} would lose {lost[0]}: choose another output")


def row_of_name(name: str, fold: str) -> Row:
    """Return the row of the table that a clip's name and fold give; other columns are empty."""
    classes = LABELLED_CORPORA["URBAN-SOUND-8K"].classes
    match = re.fullmatch(NAME, name)
    if not match or int(match["class_id"]) >= len(classes):
        raise DatasetError(
            f"fold{fold}/{name}: expected <recording>-<class>-<occurrence>-<slice>, or a table {TABLE}"
        )
    class_id = match["class_id"]
    row = dict.fromkeys(COLUMNS, "")
    known = {"fsID": match["recording"], "fold": fold, "classID": class_id}
    return row | known | {"slice_file_name": name, "class": classes[int(class_id)]}


def place(source: Path, target: Path) -> None:
    """Put a sound where it belongs, as wav, unless it is there; raise AudioError where it cannot be read."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_sound(source) as sound:
        if source.suffix.lower() != ".wav":
            with atomic_path(target, flush=False) as temporary, writing_reported(target):
                # float, so that nothing that was decoded is clipped or rounded
                soundfile.write(temporary, sound.read(), sound.samplerate, subtype="FLOAT")
            return
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        with atomic_path(target, flush=False) as temporary:
            temporary.write_bytes(source.read_bytes())

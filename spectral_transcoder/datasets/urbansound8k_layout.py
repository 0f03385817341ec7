"""UrbanSound8K from where it lies already, some folds of it or all, into the layout that experiments read."""

import csv
import os
import re
from collections import Counter
from pathlib import Path

import soundfile

from spectral_transcoder.datasets.labelled import LABELLED_CORPORA
from spectral_transcoder.downloads.datasets import AUDIO_FOLDER, write_recalculated
from spectral_transcoder.signal.audio import AUDIO_SUFFIXES, open_sound
from spectral_transcoder.utils.errors import DatasetError, MissingFileError
from spectral_transcoder.utils.files import atomic_path

NAME = r"(?P<recording>\d+)-(?P<class_id>\d+)-\d+-\d+\.wav"
TABLE = "UrbanSound8K.csv"
FOLDS = tuple(str(fold) for fold in range(1, 11))
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")


def lay_out_urbansound8k(folds, output):
    """Lay out clips as the downloader leaves them, beside those that are there already.

    Parameters
    ----------
    folds : str or Path
        The folder that holds fold1/ … fold10/, or some of them.
    output : str or Path
        The corpus's folder. Clips that are there are kept, and so are their rows of the table.

    Returns
    -------
    dict of str to int
        The number of clips by fold, those that were there among them.

    Raises
    ------
    MissingFileError
        No fold with clips.
    DatasetError
        A name that is not UrbanSound8K's, and no table; a folder of clips that is no fold; another table.
    AudioError
        A clip that has to be converted and cannot be read.
    """
    folds, output = Path(folds), Path(output)
    clips = {
        f"{path.stem}.wav": path
        for path in sorted(folds.glob("fold*/*"))
        if path.suffix.lower() in AUDIO_SUFFIXES
    }
    if not clips:
        raise MissingFileError(f"no clips in {folds}/fold1, … fold10: expected UrbanSound8K's folder audio/")
    fold_of = {name: fold_number(path.parent) for name, path in clips.items()}
    table = output / "metadata" / TABLE
    there = {
        name: row for name, row in official_rows(table).items() if (output / AUDIO_FOLDER / name).is_file()
    }
    official = official_rows(folds.parent / "metadata" / TABLE)
    rows = there | {
        name: official.get(name) or there.get(name) or row_of_name(name, fold_of[name]) for name in clips
    }
    for name, path in clips.items():
        place(path, output / AUDIO_FOLDER / name)
    with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())
    write_recalculated(table, output / AUDIO_FOLDER)
    counts = Counter(row["fold"] for row in rows.values())
    return {fold: counts[fold] for fold in sorted(counts, key=int)}


def fold_number(folder):
    """Return the number of a fold's folder, as text; raise DatasetError where it is none of fold1 … fold10."""
    number = folder.name.removeprefix("fold")
    if number not in FOLDS:
        raise DatasetError(
            f"{folder} holds clips: expected {', '.join(f'fold{fold}' for fold in FOLDS)} only"
        )
    return number


def official_rows(path):
    """Return the rows of the published table by clip, or of its like; none where there is no table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(f"{path} is not the official table: it lacks {', '.join(sorted(missing))}")
        return {row["slice_file_name"]: {column: row[column] for column in COLUMNS} for row in reader}


def row_of_name(name, fold):
    """Return a row of the table told from the clip's name and fold; what these do not tell is empty."""
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


def place(source, target):
    """Put a sound where it belongs, as wav, unless it is there."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix.lower() == ".wav":
        try:
            os.link(source, target)
            return
        except OSError:  # another disk, or one without links
            with atomic_path(target, flush=False) as temporary:
                temporary.write_bytes(source.read_bytes())
            return
    with open_sound(source) as sound, atomic_path(target, flush=False) as temporary:
        # float, so that nothing that was decoded is clipped or rounded
        soundfile.write(temporary, sound.read(dtype="float32"), sound.samplerate, subtype="FLOAT")

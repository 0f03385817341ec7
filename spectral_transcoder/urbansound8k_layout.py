"""UrbanSound8K from where it lies already, some folds of it or all, into the layout that experiments read."""

import csv
import os
import re
from collections import Counter
from pathlib import Path

import soundfile

from spectral_transcoder.audio import AUDIO_SUFFIXES, open_sound
from spectral_transcoder.downloads.datasets import AUDIO_FOLDER, write_recalculated
from spectral_transcoder.errors import DatasetError, MissingFileError
from spectral_transcoder.files import atomic_path
from spectral_transcoder.labelled_corpora import LABELLED_CORPORA

NAME = r"(?P<recording>\d+)-(?P<class_id>\d+)-\d+-\d+\.wav"
TABLE = "UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")


def lay_out_urbansound8k(folds, output):
    """Lay out clips as the downloader leaves them.

    Parameters
    ----------
    folds : str or Path
        The folder that holds fold1/ … fold10/, or some of them.
    output : str or Path
        The corpus's folder. Clips that are there are kept.

    Returns
    -------
    dict of str to int
        The number of clips by fold.

    Raises
    ------
    MissingFileError
        No fold with clips.
    DatasetError
        A name that is not UrbanSound8K's, and no table.
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
    rows = official_rows(folds.parent / "metadata" / TABLE)
    rows = [rows.get(name) or row_of_name(name, path.parent.name) for name, path in clips.items()]
    for name, path in clips.items():
        place(path, output / AUDIO_FOLDER / name)
    table = output / "metadata" / TABLE
    with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_recalculated(table, output / AUDIO_FOLDER)
    counts = Counter(row["fold"] for row in rows)
    return {fold: counts[fold] for fold in sorted(counts, key=int)}


def official_rows(path):
    """Return the rows of the published table by clip; none where there is no table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["slice_file_name"]: row for row in csv.DictReader(file)}


def row_of_name(name, folder):
    """Return a row of the table told from the clip's name; what that does not tell is empty."""
    classes = LABELLED_CORPORA["URBAN-SOUND-8K"].classes
    match = re.fullmatch(NAME, name)
    if not match or int(match["class_id"]) >= len(classes):
        raise DatasetError(
            f"{folder}/{name}: expected <recording>-<class>-<occurrence>-<slice>, or a table {TABLE}"
        )
    class_id = match["class_id"]
    row = dict.fromkeys(COLUMNS, "")
    known = {"fsID": match["recording"], "fold": folder.removeprefix("fold"), "classID": class_id}
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

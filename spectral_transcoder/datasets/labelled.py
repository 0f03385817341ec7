"""Labelled corpora of experiment 2, UrbanSound8K and SONYC-UST (docs/method.md, section 7).

A corpus is one record in `LABELLED_CORPORA`: where its table lies and how it is read.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from spectral_transcoder.datasets.names import N_FOLDS
from spectral_transcoder.models.labels import groupings
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT
from spectral_transcoder.utils.words import counted

AUDIO_FOLDER = "audio"
SHORTEST_S = 1.0
SHORT = "short"  # the part of clips that are left out
PRESENT = 0.5  # share of the annotators who heard a class
VERIFIED = 0  # the annotator whose votes count on the test split
TEST = "test"


@dataclass(frozen=True)
class CorpusRecord:
    """What a labelled corpus is.

    Attributes
    ----------
    name : str
        Its name in factor values, which is that of its folder too.
    table : str
        The file of labels, inside the corpus's folder.
    read : callable
        (path of the table, classes) -> (files, parts, labels), see `LabelledCorpus`.
    grouping : str
        The packaged grouping whose classes are the corpus's, in its order.
    single_label : bool
        Whether a clip has exactly one class.
    folds : bool
        Whether each part is tested with heads trained on the other ones; else "train" trains and "test" tests.
    """

    name: str
    table: str
    read: Callable[[str | Path, Sequence[str]], tuple[np.ndarray, np.ndarray, np.ndarray]]
    grouping: str
    single_label: bool
    folds: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its K classes."""
        return tuple(groupings()[self.grouping])

    @property
    def fetch_command(self) -> str:
        """The command that downloads the corpus."""
        return f"python3 download_datasets.py --dataset {self.name}"


@dataclass(frozen=True)
class LabelledCorpus:
    """Clips, and which classes people heard in them.

    Attributes
    ----------
    record : CorpusRecord
        Which corpus.
    files : np.ndarray
        (n,) str, names inside the folder of sounds.
    parts : np.ndarray
        (n,) str, the official part of each: fold "1" … "10", or "train", "validate", "test"; "short" for
        clips of no part, shorter than 1 s.
    labels : np.ndarray
        (n, K) float64: 1, 0, or NaN where nobody has voted.
    """

    record: CorpusRecord
    files: np.ndarray
    parts: np.ndarray
    labels: np.ndarray

    @property
    def folds(self) -> list[str]:
        """The folds that are here, in their order; SONYC-UST has none."""
        return sorted(set(self.parts) - {SHORT}, key=int) if self.record.folds else []

    def tested_parts(self, asked: list[str] | None = None) -> list[str]:
        """Return the parts that are scored: the folds asked for, by default all that are here; or the test split.

        Raises
        ------
        UsageError
            Folds are asked for that are not here, or of a corpus that has none.
        DatasetError
            There is no clip of these parts, or nobody has voted on any of them.
        """
        here = self.folds if self.record.folds else [TEST]
        if not np.isin(self.parts, here).any():
            what = "fold" if self.record.folds else f"split {TEST}"
            counts = ", ".join(f"{part} {count}" for part, count in Counter(self.parts.tolist()).items())
            raise DatasetError(
                f"{self.record.name} has no clip of the {what}, which is scored; there are: {counts or 'none'}. "
                f"The official table comes with: {self.record.fetch_command}"
            )
        asked = asked or here
        if not set(asked) <= set(here):
            choices = f"some of {', '.join(here)}" if self.record.folds else "none, since it has no folds"
            raise UsageError(f"test_folds {','.join(asked)} of {self.record.name}: expected {choices}")
        if np.isnan(self.labels[np.isin(self.parts, asked)]).all():
            raise DatasetError(
                f"no clip of {', '.join(asked)} of {self.record.name} has a vote that counts, on SONYC-UST that of "
                f"annotator {VERIFIED}. The official table comes with: {self.record.fetch_command}"
            )
        return asked

    def take(self, indices: np.ndarray) -> Self:
        """Return the corpus of some of the clips."""
        return type(self)(self.record, self.files[indices], self.parts[indices], self.labels[indices])

    def save(self, path: str | Path) -> None:
        """Write the clips as a csv: file, part and a column for each class, empty where nobody has voted."""
        table = pd.DataFrame(self.labels, columns=self.record.classes).astype("Int64")
        table.insert(0, "file", self.files)
        table.insert(1, "part", self.parts)
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False)

    @classmethod
    def load(cls, path: str | Path, record: CorpusRecord) -> Self:
        """Read what `save` wrote."""
        table = pd.read_csv(path, dtype={"file": str, "part": str})
        labels = table[list(record.classes)].to_numpy(np.float64)
        return cls(record, table["file"].to_numpy(str), table["part"].to_numpy(str), labels)


def read_urbansound8k(path: str | Path, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read UrbanSound8K's table with recomputed durations: files, folds and labels of one class each."""
    table = read_table(path, ["slice_file_name", "fold", "classID", "duration"])
    refuse_rows(
        path, table, ~table["classID"].isin(range(len(classes))), f"a classID of 0 … {len(classes) - 1}"
    )
    refuse_rows(path, table, ~table["fold"].isin(range(1, N_FOLDS + 1)), f"a fold of 1 … {N_FOLDS}")
    refuse_rows(path, table, table["duration"].isna(), "a duration")
    refuse_rows(path, table, table["slice_file_name"].duplicated(), "a name of their own")
    parts = table["fold"].astype(int).astype(str).where(table["duration"] >= SHORTEST_S, SHORT)
    labels = np.eye(len(classes))[table["classID"].to_numpy(int)]
    return table["slice_file_name"].to_numpy(str), parts.to_numpy(str), labels


def refuse_rows(path: str | Path, table: pd.DataFrame, wrong: pd.Series, expected: str) -> None:
    """Raise DatasetError naming the first clip whose row is wrong, where one is."""
    if wrong.any():
        first = table.loc[wrong, "slice_file_name"].iloc[0]
        raise DatasetError(
            f"{path}: {counted(wrong.sum(), 'row lacks', 'rows lack')} {expected}, the first is that of {first}"
        )


def read_sonyc_ust(path: str | Path, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read SONYC-UST's annotations, a row for each clip and annotator: files, splits and labels.

    A class is present when half of the votes or more say so. -1 is no vote; on the test split only the
    verified annotator votes.
    """
    columns = [f"{index}_{name}_presence" for index, name in enumerate(classes, start=1)]
    table = read_table(path, ["split", "audio_filename", "annotator_id", *columns])
    counted = table[(table["split"] != TEST) | (table["annotator_id"] == VERIFIED)]
    votes = counted[columns].where(counted[columns] >= 0)
    shares = votes.groupby(counted["audio_filename"]).mean()
    splits = table.groupby("audio_filename")["split"].first()
    shares = shares.reindex(splits.index)
    labels = (shares >= PRESENT).astype(float).where(shares.notna())
    return splits.index.to_numpy(str), splits.to_numpy(str), labels.to_numpy()


def read_table(path: str | Path, columns: list[str]) -> pd.DataFrame:
    """Return the columns of a csv.

    Raises
    ------
    DatasetError
        One of them is missing, there is no row, or the file is no csv.
    """
    try:
        table = pd.read_csv(path, usecols=columns)
    except (ValueError, pd.errors.ParserError) as error:
        raise DatasetError(f"{path} is not the official table: {error}") from error
    if table.empty:
        raise DatasetError(f"{path} lists no clip: expected the official table, with a row for each clip")
    return table


LABELLED_CORPORA = {
    record.name: record
    for record in (
        CorpusRecord(
            name="URBAN-SOUND-8K",
            table="metadata/UrbanSound8K_recalculated.csv",
            read=read_urbansound8k,
            grouping="urbansound8k",
            single_label=True,
            folds=True,
        ),
        CorpusRecord(
            name="SONYC-UST",
            table="annotations.csv",
            read=read_sonyc_ust,
            grouping="sonyc_ust",
            single_label=False,
            folds=False,
        ),
    )
}


def corpus_record(name: str) -> CorpusRecord:
    """Return the record of that name; raise UsageError naming the choices."""
    if name not in LABELLED_CORPORA:
        raise UsageError(f"labelled corpus {name!r}: expected one of {', '.join(LABELLED_CORPORA)}")
    return LABELLED_CORPORA[name]


def open_labelled_corpus(name: str, path: str | Path | None = None) -> tuple[LabelledCorpus, Path]:
    """Read the labels of a corpus.

    Parameters
    ----------
    name : str
        URBAN-SOUND-8K or SONYC-UST.
    path : str or Path, optional
        Its folder, or the folder that it lies in; the project's root by default.

    Returns
    -------
    LabelledCorpus
    Path
        The folder of its sounds.

    Raises
    ------
    MissingFileError
        There is no such corpus; the message names the command that fetches it.
    DatasetError
        Its table is not the official one.
    """
    record = corpus_record(name)
    path = Path(path or PROJECT_ROOT)
    folder = path / name if (path / name).is_dir() else path
    table = folder / record.table
    if not table.is_file():
        raise MissingFileError(
            f"no {name} at {path}: {table} is missing. Fetch it with: {record.fetch_command}; "
            "if it lies elsewhere, say where with --audio_dataset_path"
        )
    return LabelledCorpus(record, *record.read(table, record.classes)), folder / AUDIO_FOLDER

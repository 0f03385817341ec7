"""fast-to-ears arrays: `.h5` with a dataset `fast_125ms`, or `.npy`: (chunks, frames, 29) (docs/method.md, section 11).

They carry no times and no period: rows are taken to be 125 ms apart unless the user says otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import h5py
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import N_BANDS
from spectral_transcoder.sensors.readers.description import Description, Rows
from spectral_transcoder.sensors.readers.hdf5 import open_hdf5
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.words import counted

DATASET = "fast_125ms"
ROWS_PER_BLOCK = 4096


@dataclass(frozen=True)
class FastToEarsNpy:
    """An opened npy of frames.

    Attributes
    ----------
    path : Path
        The file.
    frames : np.ndarray
        (n_rows, 29) mapped from the file.
    description : Description
        What was understood of it.
    n_missing : int
        Rows that a cut file lacks.
    """

    path: Path
    frames: NDArray
    description: Description
    n_missing: int = 0

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(self.frames)

    def rows(self, findings: Findings) -> Iterator[Rows]:
        """Give its rows, one chunk after the other."""
        if self.n_missing:
            rows_are = counted(self.n_missing, "row is", "rows are")
            findings.note(f"{self.path}: it is cut, its last {rows_are} missing: what is there is read")
        for start in range(0, len(self.frames), ROWS_PER_BLOCK):
            yield Rows("", None, np.array(self.frames[start : start + ROWS_PER_BLOCK], dtype=np.float32))


@dataclass(frozen=True)
class FastToEarsHdf5:
    """An opened HDF5 of frames.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Name of its dataset.
    n_rows : int
        Rows of all chunks.
    description : Description
        What was understood of it.
    """

    path: Path
    name: str
    n_rows: int
    description: Description

    def rows(self, findings: Findings) -> Iterator[Rows]:
        """Give its rows, whole chunks at a time."""
        with open_hdf5(self.path) as file:
            chunks = file[self.name]
            frames = 1 if chunks.ndim == 2 else chunks.shape[1]
            step = max(1, ROWS_PER_BLOCK // frames)
            for start in range(0, len(chunks), step):
                block = chunks[start : start + step].reshape(-1, N_BANDS)
                yield Rows("", None, block.astype(np.float32))


def recognise(
    path: Path, datasets: Mapping[str, h5py.Dataset], options: ReadOptions
) -> FastToEarsHdf5 | None:
    """Return a fast-to-ears HDF5, opened; None where datasets have another layout."""
    names = [name for name in datasets if name.split("/")[-1] == DATASET]
    if len(names) != 1 or not is_chunks(datasets[names[0]].shape, datasets[names[0]].dtype):
        return None
    n_rows = datasets[names[0]].size // N_BANDS
    return FastToEarsHdf5(path, names[0], n_rows, description("fast-to-ears h5", options))


def open_npy(path: Path, options: ReadOptions) -> FastToEarsNpy:
    """Open a fast-to-ears npy: (chunks, frames, 29), or (frames, 29), one chunk after the other.

    Raises
    ------
    LevelsError
        Pickled objects, damaged, or of another shape.
    """
    try:
        with path.open("rb") as file:
            version = npy_format.read_magic(file)
            read_header = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
            shape, fortran, dtype = read_header.get(version, npy_format.read_array_header_2_0)(file)
            start = file.tell()
    except (ValueError, OSError, EOFError, SyntaxError, TokenError, TypeError, OverflowError) as error:
        raise LevelsError(f"{path} is a damaged npy file: {error}") from error
    if dtype.hasobject:
        raise LevelsError(f"{path} holds pickled Python objects, which are not opened: save plain numbers")
    if not is_chunks(shape, dtype) or fortran:
        raise LevelsError(
            f"{path} holds {tuple(shape)} of {dtype}: expected (chunks, frames, {N_BANDS}) numbers, in C order"
        )
    n_rows = int(np.prod(shape[:-1]))
    n_there = min(n_rows, (path.stat().st_size - start) // (N_BANDS * dtype.itemsize))
    if n_there <= 0:
        raise LevelsError(f"{path} is a truncated npy file: not one whole row is there")
    frames = np.memmap(path, dtype, "r", start, (n_there, N_BANDS))
    return FastToEarsNpy(path, frames, description("fast-to-ears npy", options), n_rows - n_there)


def description(name: str, options: ReadOptions) -> Description:
    """Return what is understood of arrays of frames: all bands, no times, the period that the user gives or 125 ms."""
    return Description(name, timed=False, weighting=options.weighting or "Z", period_s=options.period_s)


def is_chunks(shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether an array is (…, frames, 29) numbers, at least one frame."""
    return len(shape) in (2, 3) and shape[-1] == N_BANDS and 0 not in shape and dtype.kind in "fiu"

"""Datasets of experiment 1: third octaves and Mels of one-second chunks (docs/method.md, section 5).

A dataset is a folder of its own name, which `datasets.creation` writes and `open_dataset` reads:

    <name>_<train|valid|eval>_third_octave_data.npy          float32 (n_chunks, 8, 29), dB
    <name>_<train|valid|eval>_mels_pann_data.npy             float32 (n_chunks, 101, 64), dB
    <name>_<train|valid|eval>_mels_yamnet_data.npy           float32 (n_chunks, 96, 64), natural log
    <name>_<train|valid|eval>_mels_efficientat_data.npy      float32 (n_chunks, 100, 128), normalised ln; on demand
    <name>_<train|valid|eval>_third_octave_frames_data.npy   float32 (n_chunks, 101, 29), dB; on demand
    <name>_<train|valid|eval>_fnames.npy                     str (n_chunks,), <file>_<chunk index>
    <name>_split.csv                                         a row for each clip of the corpus
    <name>_variations.csv                                    a row for each sound made of others; on demand
    <name>_manifest.json                                     every parameter, counts, checksums
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.tau import TAU_DATASET_TYPES, tau_dataset_name
from spectral_transcoder.signal.audio import Recording
from spectral_transcoder.signal.framing import Array, split_seconds
from spectral_transcoder.signal.mel_spectrograms import (
    PANN_MELS,
    PUBLISHED_FRONT_ENDS,
    MelFrontEnd,
    front_end_named,
    reflect,
)
from spectral_transcoder.signal.names import EVERY_SECOND
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import DatasetError, MissingFileError, UsageError

CREATE_COMMAND = "python3 exp_train_model/create_mel_tho_dataset.py"
THIRD_OCTAVES = "third_octave_data"
MEL_TIME = "third_octave_frames_data"
FNAMES = "fnames"
UNFINISHED = "unfinished"  # the folder, inside the dataset's, of a creation under way


@dataclass(frozen=True)
class ChunkAnalysis:
    """What is computed of each chunk.

    Attributes
    ----------
    third_octaves : ThirdOctaves
        Bands, framing, offset.
    mel_time : bool
        Whether third octaves at the Mel's own frames are wanted too (`urban_mel_time`).
    front_ends : tuple of str
        Names of the front ends whose Mels are wanted.
    reading : Reading
        Which channel of the sounds is taken, and what is done with those that were cut off.

    Raises
    ------
    UsageError
        An unknown front end. Frames or hops of more than the second that is analysed; with `mel_time`,
        frames of 10 ms that are not a whole number of samples at the third octaves' rate.
    """

    third_octaves: ThirdOctaves = field(default_factory=ThirdOctaves)
    mel_time: bool = False
    front_ends: tuple[str, ...] = PUBLISHED_FRONT_ENDS
    reading: Reading = AS_USUAL

    def __post_init__(self) -> None:
        record = self.third_octaves
        _ = self.mel_records
        if max(record.frame_length, record.hop_length) > record.sr:
            raise UsageError(
                f"frame_length {record.frame_length}, hop_length {record.hop_length}: expected {record.sr} at most, "
                "since each second is analysed alone"
            )
        if self.mel_time and self.third_octaves.sr % PANN_MELS.frames_per_second:
            raise UsageError(
                f"third octaves at the Mel's frames need a rate that {PANN_MELS.frames_per_second} divides, "
                f"not {self.third_octaves.sr} Hz"
            )

    @property
    def mel_records(self) -> list[MelFrontEnd]:
        """The front ends whose Mels are wanted."""
        return [front_end_named(name) for name in self.front_ends]

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Array name -> shape of one chunk, (frames, bands)."""
        bands = self.third_octaves.n_bands
        shapes = {THIRD_OCTAVES: (self.third_octaves.frames_per_second, bands)}
        shapes |= {mels_array(record): (record.chunk_frames, record.n_mels) for record in self.mel_records}
        if self.mel_time:
            shapes[MEL_TIME] = (PANN_MELS.chunk_frames, bands)
        return shapes

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that the values depend on, for the manifest."""
        return {
            "third_octaves": asdict(self.third_octaves),
            "mels": {record.name: record.parameters for record in self.mel_records},
            "mel_time": self.mel_time,
            **({} if self.reading == AS_USUAL else {"reading": self.reading.to_dict()}),
        }

    def arrays(self, recording: Recording, first_s: int, last_s: int) -> dict[str, np.ndarray]:
        """Return array name -> (last_s - first_s, frames, bands) float32, each second analysed alone.

        Parameters
        ----------
        recording : Recording
            The whole clip: its peak, at each rate, is what it is normalised by.
        first_s, last_s : int
            The seconds that are wanted, `last_s` excluded; all of them whole.
        """

        def excerpt(sr: int) -> np.ndarray:
            return recording.at(sr)[first_s * sr : last_s * sr]

        signal = excerpt(self.third_octaves.sr)
        arrays = {THIRD_OCTAVES: self.third_octaves.levels(signal, framing="per_second")}
        for record in self.mel_records:
            arrays[mels_array(record)] = record.chunks(excerpt(record.sr))
        if self.mel_time:
            arrays[MEL_TIME] = mel_time_levels(self.third_octaves, signal)
        return arrays


def mels_array(front_end: MelFrontEnd) -> str:
    """Return the array name of a front end's Mels: mels_pann_data, mels_yamnet_data, mels_efficientat_data."""
    return f"mels_{front_end.name.lower()}_data"


def mel_time_levels(third_octaves: ThirdOctaves, signal: np.ndarray) -> np.ndarray:
    """Return third octaves at the Mel's own frames (`urban_mel_time`), each second analysed alone.

    Both front ends have a frame every 10 ms, the first centred on the first sample, and mirror the signal
    at its ends. So do these: the sensor's own frames (4096 samples, Tukey) every 10 ms. YamNet's are the
    first 96 of PANN's 101.

    Parameters
    ----------
    third_octaves : ThirdOctaves
        Its hop is replaced.
    signal : np.ndarray
        (n_seconds · sr,).

    Returns
    -------
    np.ndarray
        (n_seconds, 101, n_bands), dB.
    """
    record = replace(third_octaves, hop_length=third_octaves.sr // PANN_MELS.frames_per_second)
    seconds = reflect(split_seconds(torch.as_tensor(signal), record.sr), record.frame_length // 2)
    return record.levels(seconds)[:, : PANN_MELS.chunk_frames].numpy()


def mel_freq(mels: Array, n_frames: int) -> Array:
    """Average log Mels over time to `n_frames` (`urban_mel_freq`): 101 or 96 frames to the third octaves' 8.

    Frame i is the mean of the frames floor(i·T/n) to ceil((i+1)·T/n), the last excluded.

    Parameters
    ----------
    mels : np.ndarray or torch.Tensor
        (n_chunks, T, n_mels).
    n_frames : int
        How many remain.

    Returns
    -------
    np.ndarray or torch.Tensor, as given
        (n_chunks, n_frames, n_mels).
    """
    # a copy: memory maps are read-only, which torch warns of
    tensor = torch.tensor(mels) if isinstance(mels, np.ndarray) else mels
    averaged = torch.nn.functional.adaptive_avg_pool1d(tensor.mT, n_frames).mT
    return averaged.numpy() if isinstance(mels, np.ndarray) else averaged


@dataclass(frozen=True)
class DatasetSplit:
    """The chunks of one split, as memory maps: reading an index reads that chunk from the disk.

    Attributes
    ----------
    name : str
        "train", "valid" or "eval".
    arrays : dict of str to np.memmap
        Array name -> (n_chunks, frames, bands) float32; "fnames" -> (n_chunks,) str.
    """

    name: str
    arrays: dict[str, np.ndarray] = field(repr=False)

    def __len__(self) -> int:
        return len(self.fnames)

    @property
    def third_octaves(self) -> np.ndarray:
        """Third-octave levels in dB: (n_chunks, 8, 29) float32 with the published record."""
        return self.arrays[THIRD_OCTAVES]

    @property
    def fnames(self) -> np.ndarray:
        """`<file>_<chunk index>` of each chunk: (n_chunks,) str; chunks of a clip follow each other."""
        return self.arrays[FNAMES]

    def mels(self, front_end: MelFrontEnd) -> np.ndarray:
        """Return the log Mels of a front end: (n_chunks, chunk_frames, n_mels) float32.

        Raises
        ------
        MissingFileError
            The dataset was made without them.
        """
        if mels_array(front_end) not in self.arrays:
            wanted = ",".join(dict.fromkeys((*PUBLISHED_FRONT_ENDS, front_end.name)))
            raise MissingFileError(
                f"no {front_end.name} Mels in this dataset: make it with "
                f"{CREATE_COMMAND} --front_ends {wanted} --force"
            )
        return self.arrays[mels_array(front_end)]

    def mel_time(self, front_end: MelFrontEnd) -> np.ndarray:
        """Return third octaves at the Mel's frames: (n_chunks, chunk_frames, n_bands) float32, dB.

        Raises
        ------
        MissingFileError
            The dataset was made without them.
        """
        if MEL_TIME not in self.arrays:
            raise MissingFileError(
                f"no third octaves at the Mel's frames in this dataset: make it with {CREATE_COMMAND} --mel_time"
            )
        return self.arrays[MEL_TIME][:, : front_end.chunk_frames]


@dataclass(frozen=True)
class ChunkDataset:
    """A finished dataset.

    Attributes
    ----------
    folder : Path
        Its own folder.
    name : str
        Its name, the beginning of its files' names.
    manifest : dict
        The content of `<name>_manifest.json`.
    """

    folder: Path
    name: str
    manifest: dict[str, Any] = field(repr=False)

    @property
    def provenance(self) -> str:
        """A sha256 that changes with any parameter or value: what was computed from a dataset records it."""
        return self.manifest["fingerprint"]

    @property
    def third_octaves(self) -> ThirdOctaves:
        """The `ThirdOctaves` record that its levels were computed with."""
        return ThirdOctaves(**self.manifest["parameters"]["third_octaves"])

    def split(self, split: str) -> DatasetSplit:
        """Return a `DatasetSplit`.

        Raises
        ------
        UsageError
            An unknown split.
        DatasetError
            A file is missing, or is not as the manifest says.
        """
        if split not in SPLITS:
            raise UsageError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
        prefix = f"{self.name}_{split}_"
        files = [file for file in self.manifest["files"] if file.startswith(prefix)]
        return DatasetSplit(
            split, {file.removeprefix(prefix).removesuffix(".npy"): self._load(file) for file in files}
        )

    def _load(self, file: str) -> np.ndarray:
        """Return the memory map of a file that has the manifest's shape."""
        path, expected = self.folder / file, tuple(self.manifest["files"][file]["shape"])
        again = f"make the dataset again with {command_for(self.name)} --force"
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} is missing or damaged ({error}): {again}") from error
        if array.shape != expected:
            raise DatasetError(f"{path} has shape {array.shape}, the manifest says {expected}: {again}")
        return array


def open_dataset(data_folder: str | Path, name: str) -> ChunkDataset:
    """Open a dataset that `create_mel_tho_dataset.py` made.

    Parameters
    ----------
    data_folder : str or Path
        The folder of all datasets (the script's `--output_path`).
    name : str
        The dataset's name, e.g. `Dcase-Task1-full`.

    Returns
    -------
    ChunkDataset

    Raises
    ------
    MissingFileError
        There is none, or its creation has not ended; the message names the command.
    DatasetError
        Its manifest is damaged.
    """
    folder = Path(data_folder) / name
    manifest = read_manifest(folder, name)
    if manifest is None:
        command = command_for(name)
        if (folder / UNFINISHED).is_dir():
            raise MissingFileError(
                f"the dataset {name} in {data_folder} is unfinished: {command} goes on with it"
            )
        raise MissingFileError(f"no dataset {name} in {data_folder}: make it with {command}")
    return ChunkDataset(folder, name, manifest)


def command_for(name: str) -> str:
    """Return the command that makes a dataset."""
    if name.endswith(EVERY_SECOND):
        return f"{command_for(name.removesuffix(EVERY_SECOND))} --period 1"
    for dataset_type in TAU_DATASET_TYPES:
        if name == tau_dataset_name(dataset_type):
            return f"{CREATE_COMMAND} --dataset_type {dataset_type}"
        if name == tau_dataset_name(dataset_type, by_city=True):
            return f"{CREATE_COMMAND} --dataset_type {dataset_type} --split_by_city"
    return f"{CREATE_COMMAND} --layout folder --audio_dataset_path <folder of sounds> --dataset_name {name}"


def manifest_file(name: str) -> str:
    """Return the manifest's file name."""
    return f"{name}_manifest.json"


def read_manifest(folder: str | Path, name: str) -> dict[str, Any] | None:
    """Return the manifest in a dataset's folder, None where there is none; DatasetError if it is damaged."""
    path = Path(folder) / manifest_file(name)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        expected = provenance(manifest["parameters"], manifest["files"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is no manifest of a dataset ({error})") from error
    if manifest.get("fingerprint") != expected:
        raise DatasetError(f"{path} was changed after it was written: its fingerprint is another")
    return manifest


def provenance(parameters: dict[str, Any], files: dict[str, dict[str, Any]]) -> str:
    """Return the sha256 of a dataset's parameters and files: the same wherever it lies and whatever made it."""
    canonical = json.dumps({"parameters": parameters, "files": files}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()

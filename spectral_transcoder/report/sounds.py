"""Regenerated recordings for a page: small sound files, spectrograms on one scale, a classifier's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from matplotlib.image import imsave

from spectral_transcoder.evaluation.regeneration import top_classes, transcoders_for
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.registry import REGISTRY, describe
from spectral_transcoder.report.reading import readable
from spectral_transcoder.signal.audio import Recording, read_audio, resample, write_ogg
from spectral_transcoder.signal.mel_plots import DYNAMIC_RANGE_DB, mel_centres_hz
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.utils.files import atomic_path

ORIGINAL, GENERATED = "original", "generated_from_"
ORDER = {ORIGINAL: "recording"} | {entry.sound_name: entry.title for entry in REGISTRY}
PIXELS_PER_BAND = 4
N_CLASSES = 5
PICTURE_TICKS_HZ = (500, 2000, 8000)


@dataclass(frozen=True)
class Version:
    """One of the sounds that were made of a recording.

    Attributes
    ----------
    name, title : str
        Its name in the file's name, and its name for readers.
    audio, picture : str
        Addresses relative to the page's, quoted.
    duration_s : float
        Duration of the sound.
    """

    name: str
    title: str
    audio: str
    picture: str
    duration_s: float


@dataclass(frozen=True)
class TopLabels:
    """The labels that a classifier gives a recording.

    Attributes
    ----------
    classifier : str
        The classifier's name.
    classes : dict of str to list of (str, float)
        The highest labels with their scores, by the title of the Mels that were classified.
    models : list of str
        The trained transcoders that were used.
    """

    classifier: str
    classes: dict[str, list[tuple[str, float]]]
    models: list[str]


@dataclass(frozen=True)
class Sound:
    """A recording and all that was made of it.

    Attributes
    ----------
    name : str
        Name of the recording.
    versions : list of Version
        The recording itself first.
    top_labels : list of TopLabels
        Labels by each classifier whose weights are there.
    ticks : list of (float, str)
        Frequencies on the pictures' axis: their heights in percent, and their names.
    duration_s, shown_s : float
        Duration of the recording, and of the beginning of it that is shown, played and classified.
    """

    name: str
    versions: list[Version]
    top_labels: list[TopLabels]
    ticks: list[tuple[float, str]]
    duration_s: float
    shown_s: float


def find_sounds(folder: Path) -> list[Path]:
    """Return the folders of recordings that `generate_audio.py` left below `folder`, by name."""
    return sorted(
        path.parent
        for path in folder.glob(f"*/*_{ORIGINAL}.wav")
        if path.stem == f"{path.parent.name}_{ORIGINAL}"
    )


def bring_sound(
    folder: Path, media: Path, classifiers: Sequence[str], longest_s: float, left_out: list[str]
) -> Sound | None:
    """Write a recording's sounds and pictures to the page's folder, and return them as a `Sound`.

    Parameters
    ----------
    folder : Path
        `generated_audio/<name>`.
    media : Path
        Folder of the page's sounds and pictures.
    classifiers : list of str
        Names of the classifiers that classify it; their weights are there.
    longest_s : float
        Longer recordings are cut to this many seconds.
    left_out : list of str
        Gets a line for each file that cannot be read.

    Returns
    -------
    Sound or None
        None where the recording itself cannot be read.
    """
    recordings = read_versions(folder, left_out)
    if ORIGINAL not in recordings:
        left_out.append(f"{folder}: nothing of it is shown without its recording; regenerate it")
        return None
    whole_s = recordings[ORIGINAL].duration_s
    recordings = {name: beginning(recording, longest_s) for name, recording in recordings.items()}
    shown = recordings[ORIGINAL]
    labels = [classify_recording(shown, name) for name in classifiers]
    versions = write_versions(recordings, media, folder.name)
    return Sound(folder.name, versions, labels, frequency_ticks(), whole_s, shown.duration_s)


def write_versions(recordings: dict[str, Recording], media: Path, stem: str) -> list[Version]:
    """Write each version's sound and picture, all pictures on one scale, and return them as `Version`s.

    Parameters
    ----------
    recordings : dict of str to Recording
        The versions of one recording, by their names.
    media : Path
        Folder to write to.
    stem : str
        Beginning of the files' names.
    """
    signals = {
        name: resample(recording.samples, recording.sr, PANN_MELS.sr)
        for name, recording in recordings.items()
    }
    mels = {name: PANN_MELS.mels(signal) for name, signal in signals.items()}
    loudest_db = max(levels.max() for levels in mels.values())
    versions = []
    for name, signal in signals.items():
        file_name = f"{stem}_{name}"
        write_ogg(media / f"{file_name}.ogg", signal, PANN_MELS.sr)
        write_picture(media / f"{file_name}.png", mels[name], loudest_db)
        address = quote(f"{media.name}/{file_name}")
        versions.append(
            Version(
                name, ORDER.get(name, name), f"{address}.ogg", f"{address}.png", len(signal) / PANN_MELS.sr
            )
        )
    return versions


def read_versions(folder: Path, left_out: list[str]) -> dict[str, Recording]:
    """Return {name: Recording} of a recording's versions, itself first; damaged ones go to `left_out`."""
    paths = {name: version_path(folder, name) for name in ORDER}
    paths |= {name: path for name, path in others(folder).items() if name not in paths}
    there = [name for name, path in paths.items() if path.is_file()]
    return dict(readable(lambda name: (name, read_audio(paths[name])), there, left_out))


def version_path(folder: Path, name: str) -> Path:
    """Return where `generate_audio.py` puts a version of a recording."""
    return folder / f"{folder.name}_{name if name == ORIGINAL else GENERATED + name}.wav"


def others(folder: Path) -> dict[str, Path]:
    """Return {name: path} of the versions that this page knows no title for."""
    prefix = f"{folder.name}_{GENERATED}"
    return {path.stem.removeprefix(prefix): path for path in sorted(folder.glob(f"{prefix}*.wav"))}


def beginning(recording: Recording, longest_s: float) -> Recording:
    """Return the first seconds of a `Recording`."""
    return Recording(recording.samples[: int(longest_s * recording.sr)], recording.sr, recording.name)


def write_picture(path: Path, mels: np.ndarray, loudest_db: float) -> None:
    """Write log Mels as a picture, low frequencies below, from 80 dB under `loudest_db` up, atomically."""
    pixels = np.repeat(mels.T[::-1], PIXELS_PER_BAND, axis=0)
    with atomic_path(path) as temporary:
        imsave(
            temporary, pixels, vmin=loudest_db - DYNAMIC_RANGE_DB, vmax=loudest_db, cmap="magma", format="png"
        )


def frequency_ticks() -> list[tuple[float, str]]:
    """Return some frequencies with their heights on a picture of PANN's Mels, in percent from below."""
    centres = mel_centres_hz(PANN_MELS)
    heights = 100 * (np.interp(PICTURE_TICKS_HZ, centres, np.arange(len(centres))) + 0.5) / len(centres)
    names = [f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in PICTURE_TICKS_HZ]
    return list(zip(heights.tolist(), names, strict=True))


def classify_recording(recording: Recording, name: str) -> TopLabels:
    """Return the labels that a classifier gives a recording, on its true and on its transcoded Mels."""
    transcoders, paths = transcoders_for(name)
    classes = top_classes(recording, load_classifier(name), transcoders, N_CLASSES)
    return TopLabels(name, classes, [describe(path) for path in paths.values()])

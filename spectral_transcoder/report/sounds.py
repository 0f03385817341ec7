"""Regenerated recordings for a page: small sound files, spectrograms on one scale, classes that are heard."""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from matplotlib.image import imsave

from spectral_transcoder.evaluation.regeneration import TITLES, top_classes, transcoders_for
from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.models.registry import describe
from spectral_transcoder.report.reading import readable
from spectral_transcoder.signal.audio import Recording, read_audio, resample, write_ogg
from spectral_transcoder.signal.mel_plots import DYNAMIC_RANGE_DB, mel_centres_hz
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.utils.files import atomic_path

ORIGINAL, GENERATED = "original", "generated_from_"
ORDER = {ORIGINAL: "recording", **TITLES}
PIXELS_PER_BAND = 4
N_CLASSES = 5
PICTURE_TICKS_HZ = (500, 2000, 8000)


@dataclass(frozen=True)
class Version:
    """One of the sounds that were made of a recording.

    Attributes
    ----------
    name, title : str
        As in the file's name, and as a reader calls it.
    audio, picture : str
        Addresses relative to the page's, quoted.
    duration_s : float
        Of the sound.
    """

    name: str
    title: str
    audio: str
    picture: str
    duration_s: float


@dataclass(frozen=True)
class Heard:
    """What a classifier hears in a recording.

    Attributes
    ----------
    classifier : str
        Its name.
    classes : dict of str to list of (str, float)
        By the title of the Mels: the highest labels with their scores.
    models : list of str
        Which trained transcoders were used.
    """

    classifier: str
    classes: dict
    models: list


@dataclass(frozen=True)
class Sound:
    """A recording and all that was made of it.

    Attributes
    ----------
    name : str
        The recording's.
    versions : list of Version
        The recording itself first.
    heard : list of Heard
        By each classifier that was there.
    ticks : list of (float, str)
        Frequencies on the pictures' axis: how far up, in percent, and their names.
    duration_s, shown_s : float
        Of the recording, and of the beginning of it that is shown, played and heard.
    """

    name: str
    versions: list
    heard: list
    ticks: list
    duration_s: float
    shown_s: float


def find_sounds(folder):
    """Return the folders of recordings that `generate_audio.py` left below `folder`, by name."""
    return sorted(
        path.parent
        for path in folder.glob(f"*/*_{ORIGINAL}.wav")
        if path.stem == f"{path.parent.name}_{ORIGINAL}"
    )


def bring_sound(folder, media, classifiers, longest_s, left_out):
    """Write a recording's sounds and pictures to the page's folder, and return them as a `Sound`.

    Parameters
    ----------
    folder : Path
        `generated_audio/<name>`.
    media : Path
        Where the page's sounds and pictures go.
    classifiers : list of str
        Which are asked what they hear; their weights are there.
    longest_s : float
        What is longer is cut, in seconds.
    left_out : list of str
        Is told of what cannot be read.

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
    signals = {
        name: resample(recording.samples, recording.sr, PANN_MELS.sr)
        for name, recording in recordings.items()
    }
    mels = {name: PANN_MELS.mels(signal) for name, signal in signals.items()}
    loudest = max(levels.max() for levels in mels.values())
    versions = []
    for name, signal in signals.items():
        stem = media / f"{folder.name}_{name}"
        write_ogg(stem.with_name(f"{stem.name}.ogg"), signal, PANN_MELS.sr)
        write_picture(stem.with_name(f"{stem.name}.png"), mels[name], loudest)
        here = quote(f"{media.name}/{stem.name}")
        versions.append(
            Version(name, ORDER.get(name, name), f"{here}.ogg", f"{here}.png", len(signal) / PANN_MELS.sr)
        )
    shown = recordings[ORIGINAL]
    heard = [hear(shown, name) for name in classifiers]
    return Sound(folder.name, versions, heard, frequency_ticks(), whole_s, shown.duration_s)


def read_versions(folder, left_out):
    """Return {name: Recording} of a recording's versions, itself first; `left_out` is told of damaged ones."""
    paths = {name: version_path(folder, name) for name in ORDER}
    paths |= {name: path for name, path in others(folder).items() if name not in paths}
    there = [name for name, path in paths.items() if path.is_file()]
    return dict(readable(lambda name: (name, read_audio(paths[name])), there, left_out))


def version_path(folder, name):
    """Return where `generate_audio.py` puts a version of a recording."""
    return folder / f"{folder.name}_{name if name == ORIGINAL else GENERATED + name}.wav"


def others(folder):
    """Return {name: path} of the versions that this page knows no title for."""
    prefix = f"{folder.name}_{GENERATED}"
    return {path.stem.removeprefix(prefix): path for path in sorted(folder.glob(f"{prefix}*.wav"))}


def beginning(recording, longest_s):
    """Return the first seconds of a `Recording`."""
    return Recording(recording.samples[: int(longest_s * recording.sr)], recording.sr, recording.name)


def write_picture(path, mels, loudest_db):
    """Write log Mels as a picture, low frequencies below, from 80 dB under `loudest_db` up, atomically."""
    pixels = np.repeat(mels.T[::-1], PIXELS_PER_BAND, axis=0)
    with atomic_path(path) as temporary:
        imsave(
            temporary, pixels, vmin=loudest_db - DYNAMIC_RANGE_DB, vmax=loudest_db, cmap="magma", format="png"
        )


def frequency_ticks():
    """Return some frequencies with their heights on a picture of PANN's Mels, in percent from below."""
    centres = mel_centres_hz(PANN_MELS)
    heights = 100 * (np.interp(PICTURE_TICKS_HZ, centres, np.arange(len(centres))) + 0.5) / len(centres)
    names = [f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in PICTURE_TICKS_HZ]
    return list(zip(heights.tolist(), names, strict=True))


def hear(recording, name):
    """Return what a classifier hears in a recording through its true and its transcoded Mels."""
    transcoders, paths = transcoders_for(name)
    classes = top_classes(recording, load_classifier(name), transcoders, N_CLASSES)
    return Heard(name, classes, [describe(path) for path in paths.values()])

"""Recordings heard and classified again from their third octaves, beside the same from their true Mels."""

import numpy as np

from spectral_transcoder.models.classifiers import classifier_record
from spectral_transcoder.models.registry import find_reference_model
from spectral_transcoder.models.transcoders import (
    SHORTEST_TAIL_S,
    Transcoder,
    TranscoderSettings,
    load_transcoder,
)
from spectral_transcoder.signal.audio import write_wav
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_plots import plot_mels
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.utils.paths import REFERENCE_MODELS

TITLES = {
    "groundtruth_mel": "true Mels",
    "pinv": "PINV",
    "pinv_texture": "PINV with texture",
    "cnn_mels": "CNN-mels",
    "transcoder": "CNN-logits",
}


def transcoders_for(classifier, folder=REFERENCE_MODELS, device="cpu"):
    """Return the transcoders that can be had for a classifier's front end, and where each comes from.

    Returns
    -------
    dict of str to Transcoder
        "pinv" and "pinv_texture" always; "cnn_mels" and "transcoder" (CNN-logits) where `folder` holds one.
    dict of str to Path
        The files of those that have one.
    """
    front_end = classifier_record(classifier).front_end.name
    transcoders = {
        name: Transcoder(TranscoderSettings(name, front_end)).to(device) for name in ("pinv", "pinv_texture")
    }
    paths = {}
    for name, taught in (("cnn_mels", False), ("transcoder", True)):
        path = find_reference_model(classifier, taught, folder)
        if path is not None:
            transcoders[name], paths[name] = load_transcoder(path).to(device), path
    return transcoders, paths


def regenerate(recording, transcoders, folder, device="cpu", n_iter=24):
    """Write a recording, and what is heard of it through its Mels, true and transcoded.

    Parameters
    ----------
    recording : Recording
        The sound.
    transcoders : dict of str to Transcoder
        For PANN's Mels, by the name that the files carry.
    folder : Path
        Files are `<folder>/<name>/<name>_{original,generated_from_…}.wav` and `…_spectrograms.png`.
    device : str
        Where the sound is computed.
    n_iter : int
        Rounds of the inversion.

    Returns
    -------
    list of Path
        What was written.
    """
    signal = recording.at(PANN_MELS.sr)
    mels = {"groundtruth_mel": PANN_MELS.mels(signal)}
    mels |= {name: transcoder.transcode(signal) for name, transcoder in transcoders.items()}

    stem = folder / recording.name / recording.name
    written = [stem.with_name(f"{recording.name}_original.wav")]
    write_wav(written[0], signal, PANN_MELS.sr)
    for name, log_mels in mels.items():
        sound = mel_to_audio(log_mels, PANN_MELS, n_iter, device=device)
        written.append(stem.with_name(f"{recording.name}_generated_from_{name}.wav"))
        write_wav(written[-1], sound, PANN_MELS.sr)
    written.append(stem.with_name(f"{recording.name}_spectrograms.png"))
    panels = {TITLES[name]: log_mels for name, log_mels in mels.items()}
    plot_mels(panels, PANN_MELS, written[-1], f"PANN Mels of {recording.name}")
    return written


def top_classes(recording, classifier, transcoders, n_classes=10):
    """Return the first classes of a recording, heard through its true and its transcoded Mels.

    Returns
    -------
    dict of str to list of (str, float)
        By the title of the Mels: `n_classes` labels with their scores, the highest first.
    """
    front_end = classifier.record.front_end
    mels = {"groundtruth_mel": front_end.classifier_input(recording.at(front_end.sr), SHORTEST_TAIL_S)}
    for name, transcoder in transcoders.items():
        transcoded = transcoder.transcode(recording.at(transcoder.third_octaves.sr))
        mels[name] = transcoded if front_end.patches else transcoded[None]
    classes = {}
    for name, log_mels in mels.items():
        scores = classifier.recording_scores(log_mels)
        best = np.argsort(-scores)[:n_classes]
        classes[TITLES[name]] = [(classifier.record.labels[index], float(scores[index])) for index in best]
    return classes


def format_classes(classes, width=34):
    """Return a table of `top_classes` as text, one column for each kind of Mels."""
    lines = ["    " + "".join(f"{title:<{width}}" for title in classes)]
    for rank, row in enumerate(zip(*classes.values(), strict=True), start=1):
        cells = (f"{score:.3f} {label[: width - 8]}" for label, score in row)
        lines.append(f"{rank:>3} " + "".join(f"{cell:<{width}}" for cell in cells))
    return "\n".join(line.rstrip() for line in lines)

"""Corpora that tests make: a few synthetic clips in TAU's layout, or in plain folders."""

import numpy as np
import soundfile

from spectral_transcoder.synthesis import street_scene

TAU_NAMES = [
    f"{scene}-{city}-{location}-{location}0-{device}.wav"
    for location, (scene, city, device) in enumerate(
        [
            ("airport", "lisbon", "a"),
            ("park", "london", "a"),
            ("park", "barcelona", "b"),
            ("street_traffic", "milan", "a"),
            ("public_square", "helsinki", "a"),
            ("bus", "vienna", "s1"),
            ("street_pedestrian", "prague", "a"),
            ("street_traffic", "paris", "a"),
            ("metro", "lyon", "a"),
        ]
    )
]


def write_tau_lists(folder, names, n_train):
    """Write TAU's two lists: the first `n_train` names, and the others."""
    lists = folder / "evaluation_setup"
    lists.mkdir(parents=True)
    for list_name, part in (("train", names[:n_train]), ("evaluate", names[n_train:])):
        rows = "".join(f"audio/{name}\t{name.split('-')[0]}\n" for name in part)
        (lists / f"fold1_{list_name}.csv").write_text("filename\tscene_label\n" + rows)
    (folder / "audio").mkdir()
    return folder


def write_tau_corpus(folder, names=TAU_NAMES, duration_s=2.5):
    """Write lists and clips, as TAU's are: 44.1 kHz, 24 bits."""
    write_tau_lists(folder, names, n_train=len(names) // 2)
    for seed, name in enumerate(names):
        write_clip(folder / "audio" / name, duration_s, seed, sr=44100, subtype="PCM_24")
    return folder


def write_clip(path, duration_s, seed=0, sr=16000, subtype=None):
    """Write one synthetic street."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, street_scene(duration_s, sr, seed), sr, subtype=subtype)
    return path


def write_noises(folder, n_clips, duration_s, sr=16000):
    """Write clips of noise, quicker to make than streets."""
    rng = np.random.default_rng(0)
    for index in range(n_clips):
        path = folder / f"{index // 3}-{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(round(duration_s * sr)), sr)
    return folder


def same_files(folder, other):
    """Say whether two folders hold the same files, bit for bit."""
    contents = [{path.name: path.read_bytes() for path in where.iterdir()} for where in (folder, other)]
    return contents[0] == contents[1]

"""Corpora that tests make: a few synthetic clips in TAU's layout, or in plain folders."""

import numpy as np
import soundfile

from spectral_transcoder.synthetic_city.demo_street import street_scene

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


def write_damaged_sounds(folder):
    """Write twelve good clips, and others: too short, no sound, cut off, damaged inside behind a good header."""
    sounds = write_noises(folder, n_clips=12, duration_s=2)
    write_clip(sounds / "short.wav", 0.9)
    (sounds / "text.wav").write_text("no sound")
    whole = write_clip(sounds / "cut.wav", 2).read_bytes()
    (sounds / "cut.wav").write_bytes(whole[:-1000])
    for index, name in enumerate(("00-inside.flac", "90-inside.flac")):
        content = bytearray(write_clip(sounds / name, 3, index).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        (sounds / name).write_bytes(content)
    return sounds


def same_files(folder, other):
    """Say whether two folders hold the same files, bit for bit."""
    contents = [{path.name: path.read_bytes() for path in where.iterdir()} for where in (folder, other)]
    return contents[0] == contents[1]


SONYC_CLASSES = (
    "1_engine",
    "2_machinery-impact",
    "3_non-machinery-impact",
    "4_powered-saw",
    "5_alert-signal",
    "6_music",
    "7_human-voice",
    "8_dog",
)
# file, split, annotator, presence of the eight classes: -1 is no vote
SONYC_VOTES = [
    ("00_000066.wav", "train", 12, (1, 0, 0, 0, 0, 0, 1, -1)),
    ("00_000066.wav", "train", 31, (0, 0, 1, 0, 0, 0, 1, -1)),
    ("00_000066.wav", "train", 8, (0, 0, 1, 0, -1, 0, 1, -1)),
    ("01_000006.wav", "train", 4, (1, 1, 0, 0, 0, 1, 0, 0)),
    ("01_000006.wav", "train", 5, (0, 1, 0, 0, 0, -1, 0, 1)),
    ("02_000010.wav", "validate", -7, (0, 0, 0, 0, 1, 0, 0, 0)),
    ("03_000001.wav", "test", 0, (1, 0, 0, 0, 0, 0, 1, 0)),
    ("03_000001.wav", "test", 17, (0, 1, 0, 0, 0, 0, 0, 0)),
    ("03_000001.wav", "test", 18, (0, 1, 0, 0, 0, 0, 0, 0)),
    ("04_000002.wav", "test", 0, (0, 0, 0, -1, 0, 1, 0, 1)),
    ("05_000003.wav", "test", 0, (1, 1, 0, 0, 0, 0, 0, 0)),
    ("06_000004.wav", "test", 21, (1, 1, 1, 1, 1, 1, 1, 1)),
]


def write_sonyc_ust(folder, duration_s=None):
    """Write SONYC-UST's annotations in the official columns; with a duration, also its clips."""
    folder.mkdir(parents=True, exist_ok=True)
    fixed = "split,sensor_id,audio_filename,annotator_id,borough,block,latitude,longitude,year,week,day,hour"
    columns = [*fixed.split(","), "1-1_small-sounding-engine_presence", "1-1_small-sounding-engine_proximity"]
    lines = [",".join([*columns, *(f"{name}_presence" for name in SONYC_CLASSES)])]
    for file, split, annotator, votes in SONYC_VOTES:
        values = [
            split,
            file[:2],
            file,
            annotator,
            1,
            547,
            40.7,
            -73.9,
            2017,
            44,
            2,
            5,
            -1,
            "notsure",
            *votes,
        ]
        lines.append(",".join(map(str, values)))
    (folder / "annotations.csv").write_text("\n".join(lines) + "\n")
    if duration_s:
        for seed, file in enumerate(dict.fromkeys(row[0] for row in SONYC_VOTES)):
            write_clip(folder / "audio" / file, duration_s, seed, sr=48000)
    return folder


def write_urbansound8k(folder, clips):
    """Write UrbanSound8K as the downloader leaves it, of {name: (fold, duration in s, rate, channels)}."""
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class,duration"]
    for seed, (name, (fold, duration_s, sr, n_channels)) in enumerate(clips.items()):
        recording, class_id, *_ = name.split("-")
        lines.append(f"{name},{recording},0.0,4.0,1,{fold},{class_id},-,{duration_s}")
        channels = [street_scene(max(duration_s, 1), sr, seed + channel) for channel in range(n_channels)]
        path = folder / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.stack(channels, 1)[: round(duration_s * sr)], sr)
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "UrbanSound8K_recalculated.csv").write_text("\n".join(lines) + "\n")
    return folder

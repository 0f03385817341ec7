"""UrbanSound8K: one labelled source in each clip of up to 4 s, ten classes, ten folds, two tables."""

from pathlib import Path

import numpy as np

from spectral_transcoder.synthetic_city.clips import CityClip, write_csv
from spectral_transcoder.synthetic_city.kinds import KINDS
from spectral_transcoder.synthetic_city.scenes import Scene, draw_event, draw_seed, lasting_event

SAMPLE_RATES = (44100, 48000, 22050, 96000)  # UrbanSound8K has many
LONGEST_S, FOLDS = 4.0, 10
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
CLASSES = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
BACKGROUNDS = ("traffic", "wind")
FEWEST_CLIPS = 20  # so that each split has some


def draw_clip(folder: Path, index: int, rng: np.random.Generator) -> CityClip:
    """Draw a clip of UrbanSound8K: one labelled source, near or far, up to 4 s, over a background."""
    class_id = index % len(CLASSES)
    (name,) = (kind.name for kind in KINDS.values() if kind.urbansound8k == CLASSES[class_id])
    duration_s = LONGEST_S if rng.uniform() < 0.8 else round(rng.uniform(1.2, LONGEST_S), 3)
    foreground = rng.uniform() < 0.7
    source = draw_event(name, duration_s, (2, 8) if foreground else (8, 25), rng, shortest_s=duration_s)
    behind = lasting_event(BACKGROUNDS[rng.integers(2)], duration_s, rng.uniform(25, 60), rng)
    scene = Scene(duration_s, (behind, source), draw_seed(rng))
    recording = 900000 + index // 20 * 10 + class_id  # two slices in turn of each recording
    file_name = f"{recording}-{class_id}-0-{index // len(CLASSES) % 2}.wav"
    tags = {
        "slice_file_name": file_name,
        "fsID": recording,
        "start": 0.0,
        "end": LONGEST_S,
        "salience": 1 if foreground else 2,
        "fold": 1 + index // 20 % FOLDS,
        "classID": class_id,
        "class": CLASSES[class_id],
    }
    sr = SAMPLE_RATES[recording % len(SAMPLE_RATES)]
    return CityClip(folder / "audio" / file_name, scene, sr, "PCM_16", tags)


def write_tables(folder: Path, clips: list[CityClip]) -> None:
    """Write UrbanSound8K.csv, and its twin with the durations of the files."""
    rows = [[clip.tags[column] for column in COLUMNS] for clip in clips]
    durations_s = [round(clip.scene.duration_s * clip.sr) / clip.sr for clip in clips]
    write_csv(folder / "metadata" / "UrbanSound8K.csv", COLUMNS, rows)
    write_csv(
        folder / "metadata" / "UrbanSound8K_recalculated.csv",
        (*COLUMNS, "duration"),
        [[*row, duration_s] for row, duration_s in zip(rows, durations_s, strict=True)],
    )

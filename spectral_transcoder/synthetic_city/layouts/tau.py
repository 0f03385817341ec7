"""TAU Urban Acoustic Scenes 2020 Mobile: ten-second scenes of ten places in ten cities, and their lists."""

from functools import partial
from pathlib import Path

import numpy as np

from spectral_transcoder.synthetic_city.clips import CityClip, write_csv
from spectral_transcoder.synthetic_city.scenes import PLACES, draw_scene

SR = 44100
SCENE_S = 10.0
CITIES = (
    "lisbon",
    "lyon",
    "prague",
    "barcelona",
    "helsinki",
    "london",
    "paris",
    "stockholm",
    "vienna",
    "milan",
)
TRAIN_SHARE = 0.7  # of the clips, in the list of the training fold
FEWEST_CLIPS = 8  # so that each split has some


def draw_clip(folder: Path, index: int, rng: np.random.Generator) -> CityClip:
    """Draw a clip of TAU: ten seconds of one of its ten scenes, in one of its cities, device a."""
    scene = list(PLACES)[index % len(PLACES)]
    city = CITIES[(index // len(PLACES) + index) % len(CITIES)]
    name = f"{scene}-{city}-{1000 + index // 2}-{40000 + index}-a.wav"
    drawn = draw_scene(PLACES[scene], SCENE_S, rng)
    return CityClip(folder / "audio" / name, drawn, SR, "PCM_24", {"scene_label": scene, "city": city})


def write_tables(folder: Path, clips: list[CityClip]) -> None:
    """Write TAU's meta.csv and the three lists of fold 1: the last 30 % of the clips are for test and evaluation."""
    tab = partial(write_csv, delimiter="\t")
    rows = [(f"audio/{clip.path.name}", clip.tags["scene_label"]) for clip in clips]
    identifiers = ["-".join(clip.path.stem.split("-")[1:3]) for clip in clips]
    tab(
        folder / "meta.csv",
        ("filename", "scene_label", "identifier", "source_label"),
        [(*row, identifier, "a") for row, identifier in zip(rows, identifiers, strict=True)],
    )
    n_train = round(TRAIN_SHARE * len(rows))
    lists = folder / "evaluation_setup"
    tab(lists / "fold1_train.csv", ("filename", "scene_label"), rows[:n_train])
    tab(lists / "fold1_test.csv", ("filename",), [row[:1] for row in rows[n_train:]])
    tab(lists / "fold1_evaluate.csv", ("filename", "scene_label"), rows[n_train:])

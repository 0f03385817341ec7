"""SONYC-UST: ten seconds under a sensor in New York, and the answers of those who tagged them."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from spectral_transcoder.models.labels import DATA
from spectral_transcoder.synthetic_city.clips import CityClip, write_csv, write_text
from spectral_transcoder.synthetic_city.kinds import KINDS
from spectral_transcoder.synthetic_city.scenes import Scene, draw_event, draw_seed, lasting_event

SR = 48000
SCENE_S = 10.0
SPLITS = ("train", "train", "train", "validate", "test")  # of sensors 0 to 4, then again
NEAR_M = 15.0  # annotators call it near up to here
AUDIBLE_DB = 48.0  # level at the microphone from which annotators hear an event
VOLUNTEERS, MISSED = 3, 0.12  # how many tag a clip, and the share of events that one misses
NO_ANSWER = "-1"
FEWEST_CLIPS = 10  # so that each split has some


def taxonomy() -> dict[str, dict]:
    """Return SONYC-UST's taxonomy: {"coarse": {1: name, …}, "fine": {1: {1: name, …, "X": name}, …}}."""
    return yaml.safe_load((DATA / "sonyc_taxonomy.yaml").read_text(encoding="utf-8"))


def table_columns() -> list[str]:
    """Return the columns of annotations.csv in their order, as the publishers describe them."""
    classes = taxonomy()
    fine = [f"{c}-{f}_{name}" for c, names in classes["fine"].items() for f, name in names.items()]
    return [
        *(
            "split",
            "sensor_id",
            "audio_filename",
            "annotator_id",
            "borough",
            "block",
            "latitude",
            "longitude",
        ),
        *("year", "week", "day", "hour"),
        *(f"{name}_presence" for name in fine),
        *(f"{name}_proximity" for name in fine),
        *(f"{number}_{name}_presence" for number, name in classes["coarse"].items()),
    ]


def draw_clip(folder: Path, index: int, rng: np.random.Generator) -> CityClip:
    """Draw a clip of SONYC-UST: ten seconds under a sensor in a street, two or three tagged sources."""
    tagged = [kind.name for kind in KINDS.values() if kind.sonyc and kind.name not in ("traffic", "pass_by")]
    names = [tagged[index % len(tagged)], *rng.choice(tagged, rng.integers(1, 3))]
    street = Scene(
        SCENE_S,
        (
            lasting_event("traffic", SCENE_S, rng.uniform(30, 80), rng),
            *(draw_event(str(name), SCENE_S, (4, 40), rng, shortest_s=2.0) for name in dict.fromkeys(names)),
        ),
        draw_seed(rng),
    )
    sensor = index % 10
    tags = {"sensor_id": sensor, "split": SPLITS[sensor % len(SPLITS)], "seed": draw_seed(rng)}
    return CityClip(folder / "audio" / f"{sensor:02d}_{index:06d}.wav", street, SR, "PCM_16", tags)


def write_tables(folder: Path, clips: list[CityClip]) -> None:
    """Write annotations.csv and the taxonomy."""
    columns = table_columns()
    rows = [[row[column] for column in columns] for clip in clips for row in annotate(clip, columns)]
    write_csv(folder / "annotations.csv", columns, rows)
    write_text(folder / "dcase-ust-taxonomy.yaml", yaml.safe_dump(taxonomy(), sort_keys=False))


def audible_distances_m(scene: Scene) -> dict[str, float]:
    """Return {fine class: metres} of the events of a scene that annotators may hear."""
    return {
        fine: event.distance_m
        for event in scene.events
        if (fine := KINDS[event.kind].sonyc) and event.received_db >= AUDIBLE_DB
    }


def annotate(clip: CityClip, columns: list[str]) -> list[dict[str, Any]]:
    """Return the rows of a clip, one for each annotator, as dictionaries.

    As in the published table: volunteers have positive numbers, and miss some of what is there; in the
    validation split one of the team (-1) confirms or rejects the coarse classes that a volunteer ticked, and
    leaves the others out (-1); in the test split annotator 0 is the agreed truth.
    """
    rng = np.random.default_rng(clip.tags["seed"])
    split = clip.tags["split"]
    common = {"split": split, "audio_filename": clip.path.name}
    common |= place_and_time(clip.tags["sensor_id"], rng)
    truth = audible_distances_m(clip.scene)
    rows = []
    asked: set[str] = set()
    for volunteer in 1 + rng.choice(200, VOLUNTEERS, replace=False):
        heard = {fine: distance_m for fine, distance_m in truth.items() if rng.uniform() >= MISSED}
        asked |= {coarse_number(fine) for fine in heard}
        rows.append({**common, "annotator_id": int(volunteer), **answers(heard, columns)})
    if split == "validate":
        rows.append({**common, "annotator_id": -1, **answers(truth, columns, asked)})
    if split == "test":
        rows.append({**common, "annotator_id": 0, **answers(truth, columns)})
    return rows


def place_and_time(sensor: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the columns that say where and when a clip was recorded."""
    return {
        "sensor_id": sensor,
        "borough": 1,
        "block": 500 + sensor,
        "latitude": round(40.70 + 0.004 * sensor, 5),
        "longitude": round(-74.00 + 0.003 * sensor, 5),
        "year": 2019,
        "week": int(rng.integers(1, 53)),
        "day": int(rng.integers(7)),
        "hour": int(rng.integers(24)),
    }


def answers(heard: dict[str, float], columns: list[str], asked: set[str] | None = None) -> dict[str, Any]:
    """Return {column: answer} of an annotator: presence of all classes, proximity of what is heard.

    Parameters
    ----------
    heard : dict of str to float
        Distance in m by fine class.
    columns : list of str
        Columns of the table; those that ask nothing are left alone.
    asked : set of str, optional
        Numbers of the coarse classes that the annotator was asked for; by default all.
    """
    coarse = {coarse_number(fine) for fine in heard}
    ticked: dict[str, str | int] = {}
    for column in columns:
        name, _, question = column.rpartition("_")
        if question == "proximity":
            ticked[column] = proximity(heard[name]) if name in heard else NO_ANSWER
        elif question == "presence" and asked is not None and coarse_number(name) not in asked:
            ticked[column] = NO_ANSWER
        elif question == "presence":
            is_fine = "-" in name.partition("_")[0]
            ticked[column] = int(name in heard if is_fine else coarse_number(name) in coarse)
    return ticked


def coarse_number(name: str) -> str:
    """Return the number of the coarse class of `5-1_car-horn` or of `5_alert-signal`: 5, as text."""
    return name.partition("_")[0].partition("-")[0]


def proximity(distance_m: float) -> str:
    """Return how near annotators call a distance."""
    return "near" if distance_m <= NEAR_M else "far"

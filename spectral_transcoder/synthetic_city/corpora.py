"""Small corpora of synthetic scenes, in the exact layouts of TAU, UrbanSound8K and SONYC-UST.

Each clip has a generator of its own, seeded by the corpus's seed, its layout and its number: the bytes depend
neither on how many clips there are nor on how many processes make them. `scenes/` beside `audio/` says what
is heard in each clip, and when.
"""

import csv
import io
import json
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import yaml

from spectral_transcoder.models.labels import DATA
from spectral_transcoder.synthetic_city.kinds import KINDS
from spectral_transcoder.synthetic_city.scenes import (
    PLACES,
    Scene,
    draw_event,
    draw_scene,
    draw_seed,
    lasting_event,
)
from spectral_transcoder.utils.errors import DatasetError, UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.parallel import in_processes

TAU_SR, SONYC_SR = 44100, 48000
URBAN_SR = (44100, 48000, 22050, 96000)  # UrbanSound8K has many rates
URBAN_LONGEST_S, URBAN_FOLDS = 4.0, 10
SCENE_S = 10.0
TAU_CITIES = (
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
TAU_TRAIN_SHARE = 0.7  # of the clips, in the list of the training fold
URBAN_COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
URBAN_CLASSES = (
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
URBAN_BACKGROUNDS = ("traffic", "wind")
SONYC_SPLITS = ("train", "train", "train", "validate", "test")
SONYC_NEAR_M = 15.0  # annotators call it near up to here
SONYC_HEARD_DB = 48.0  # level at the microphone from which annotators hear an event
SONYC_VOLUNTEERS, SONYC_MISSED = 3, 0.12  # how many tag a clip, and the share of events that one overhears
NO_ANSWER = "-1"
RECORD = "city.json"  # in the folder of each corpus: what it was made from


@dataclass(frozen=True)
class CityClip:
    """A clip to be made.

    Attributes
    ----------
    path : Path
        The wav.
    scene : Scene
        What is heard.
    sr : int
        Sample rate in Hz.
    subtype : str
        soundfile's name of the samples' format.
    tags : dict
        What the corpus's tables say of it.
    """

    path: Path
    scene: Scene
    sr: int
    subtype: str
    tags: dict


def make_corpus(layout, folder, n_clips, seed=0, jobs=1, report=None):
    """Write a corpus, or let one grow; clips that are there already are not made again.

    Parameters
    ----------
    layout : str
        "TAU", "URBAN-SOUND-8K" or "SONYC-UST".
    folder : str or Path
        Where it goes: tables and `audio/`, as `download_datasets.py` leaves them.
    n_clips : int
        How many, those that are there among them.
    seed : int
        Of everything that is random.
    jobs : int
        Processes.
    report : callable, optional
        Called after each clip with the number of clips made, and how many there are to make.

    Returns
    -------
    list of CityClip
        In the order of the corpus.

    Raises
    ------
    UsageError
        Unknown layout, too few clips, or a folder that holds a corpus of other parameters or of more clips.
    DatasetError
        The folder's record of its parameters is damaged.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    fewest = FEWEST[layout]
    if n_clips < fewest:
        raise UsageError(
            f"{n_clips} clips of {layout}: it takes {fewest} or more, so that each split has some"
        )
    folder = Path(folder)
    claim(folder, {"layout": layout, "clips": n_clips, "seed": seed})
    draw, write_tables = LAYOUTS[layout]
    clips = [draw(folder, index, clip_generator(layout, seed, index)) for index in range(n_clips)]
    missing = [clip for clip in clips if not clip.path.exists()]
    for done, _ in enumerate(in_processes(make_clip, missing, max(1, min(jobs, len(missing)))), start=1):
        if report:
            report(done, len(missing))
    write_tables(folder, clips)
    return clips


def clip_generator(layout, seed, index):
    """Return the generator of a clip."""
    return np.random.default_rng([seed, zlib.crc32(layout.encode()), index])


def claim(folder, parameters):
    """Write what a corpus is made from; refuse a folder of another one, or of more clips.

    Raises
    ------
    UsageError
        The folder holds something else: made from other parameters, or not made here at all.
    DatasetError
        What the folder was made from cannot be read.
    """
    path = folder / RECORD
    if path.is_file():
        found = read_parameters(path)
        if found | {"clips": parameters["clips"]} != parameters or found["clips"] > parameters["clips"]:
            raise UsageError(
                f"{folder} holds a city of {found}, asked for was {parameters}: choose another folder, "
                "or the same parameters and as many clips or more"
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds something else than a synthetic city: choose another folder")
    write_text(path, json.dumps(parameters, indent=1) + "\n")


def read_parameters(path):
    """Return what a corpus was made from: layout, clips and seed; raise DatasetError where it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"layout": found["layout"], "clips": int(found["clips"]), "seed": found["seed"]}
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path} is damaged ({error!r}), expected layout, clips and seed: choose another folder, or remove "
            f"{path.parent} and make it again"
        ) from error


def is_synthetic(folder):
    """Return whether a corpus's folder was made here."""
    return (folder / RECORD).is_file()


def make_clip(clip):
    """Render a clip: the scene's record first, the wav last."""
    write_text(
        clip.path.parent.parent / "scenes" / f"{clip.path.stem}.json",
        json.dumps({**clip.scene.annotation, **clip.tags}, indent=1) + "\n",
    )
    with atomic_path(clip.path) as temporary:
        soundfile.write(temporary, clip.scene.render(clip.sr), clip.sr, subtype=clip.subtype)


def write_text(path, text):
    """Write a text file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path, header, rows, delimiter=","):
    """Write a table, atomically."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    write_text(path, text.getvalue())


def tau_clip(folder, index, rng):
    """Draw a clip of TAU: ten seconds of one of its ten scenes, in one of its cities, device a."""
    scene = list(PLACES)[index % len(PLACES)]
    city = TAU_CITIES[(index // len(PLACES) + index) % len(TAU_CITIES)]
    name = f"{scene}-{city}-{1000 + index // 2}-{40000 + index}-a.wav"
    drawn = draw_scene(PLACES[scene], SCENE_S, rng)
    return CityClip(folder / "audio" / name, drawn, TAU_SR, "PCM_24", {"scene_label": scene, "city": city})


def write_tau_tables(folder, clips):
    """Write TAU's meta.csv and the three lists of fold 1: the last 30 % of the clips are for test and evaluation."""
    tab = partial(write_csv, delimiter="\t")
    rows = [(f"audio/{clip.path.name}", clip.tags["scene_label"]) for clip in clips]
    identifiers = ["-".join(clip.path.stem.split("-")[1:3]) for clip in clips]
    tab(
        folder / "meta.csv",
        ("filename", "scene_label", "identifier", "source_label"),
        [(*row, identifier, "a") for row, identifier in zip(rows, identifiers, strict=True)],
    )
    n_train = round(TAU_TRAIN_SHARE * len(rows))
    lists = folder / "evaluation_setup"
    tab(lists / "fold1_train.csv", ("filename", "scene_label"), rows[:n_train])
    tab(lists / "fold1_test.csv", ("filename",), [row[:1] for row in rows[n_train:]])
    tab(lists / "fold1_evaluate.csv", ("filename", "scene_label"), rows[n_train:])


def urban_clip(folder, index, rng):
    """Draw a clip of UrbanSound8K: one labelled source, near or far, up to 4 s, over a background."""
    class_id = index % len(URBAN_CLASSES)
    (name,) = (kind.name for kind in KINDS.values() if kind.urbansound8k == URBAN_CLASSES[class_id])
    duration_s = URBAN_LONGEST_S if rng.uniform() < 0.8 else round(rng.uniform(1.2, URBAN_LONGEST_S), 3)
    foreground = rng.uniform() < 0.7
    source = draw_event(name, duration_s, (2, 8) if foreground else (8, 25), rng, shortest_s=duration_s)
    behind = lasting_event(URBAN_BACKGROUNDS[rng.integers(2)], duration_s, rng.uniform(25, 60), rng)
    scene = Scene(duration_s, (behind, source), draw_seed(rng))
    recording = 900000 + index // 20 * 10 + class_id  # two slices in turn of each recording
    tags = {
        "slice_file_name": f"{recording}-{class_id}-0-{index // len(URBAN_CLASSES) % 2}.wav",
        "fsID": recording,
        "start": 0.0,
        "end": URBAN_LONGEST_S,
        "salience": 1 if foreground else 2,
        "fold": 1 + index // 20 % URBAN_FOLDS,
        "classID": class_id,
        "class": URBAN_CLASSES[class_id],
    }
    sr = URBAN_SR[recording % len(URBAN_SR)]
    return CityClip(folder / "audio" / tags["slice_file_name"], scene, sr, "PCM_16", tags)


def write_urban_tables(folder, clips):
    """Write UrbanSound8K.csv, and its twin with the durations of the files."""
    rows = [[clip.tags[column] for column in URBAN_COLUMNS] for clip in clips]
    durations_s = [round(clip.scene.duration_s * clip.sr) / clip.sr for clip in clips]
    write_csv(folder / "metadata" / "UrbanSound8K.csv", URBAN_COLUMNS, rows)
    write_csv(
        folder / "metadata" / "UrbanSound8K_recalculated.csv",
        (*URBAN_COLUMNS, "duration"),
        [[*row, duration_s] for row, duration_s in zip(rows, durations_s, strict=True)],
    )


def sonyc_taxonomy():
    """Return SONYC-UST's taxonomy: {"coarse": {1: name, …}, "fine": {1: {1: name, …, "X": name}, …}}."""
    return yaml.safe_load((DATA / "sonyc_taxonomy.yaml").read_text(encoding="utf-8"))


def sonyc_columns():
    """Return the columns of annotations.csv in their order, as the publishers describe them."""
    taxonomy = sonyc_taxonomy()
    fine = [f"{c}-{f}_{name}" for c, names in taxonomy["fine"].items() for f, name in names.items()]
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
        *(f"{number}_{name}_presence" for number, name in taxonomy["coarse"].items()),
    ]


def sonyc_clip(folder, index, rng):
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
    tags = {"sensor_id": sensor, "split": SONYC_SPLITS[sensor % len(SONYC_SPLITS)], "seed": draw_seed(rng)}
    return CityClip(folder / "audio" / f"{sensor:02d}_{index:06d}.wav", street, SONYC_SR, "PCM_16", tags)


def write_sonyc_tables(folder, clips):
    """Write annotations.csv and the taxonomy."""
    columns = sonyc_columns()
    rows = [[row[column] for column in columns] for clip in clips for row in annotate(clip, columns)]
    write_csv(folder / "annotations.csv", columns, rows)
    write_text(folder / "dcase-ust-taxonomy.yaml", yaml.safe_dump(sonyc_taxonomy(), sort_keys=False))


def annotate(clip, columns):
    """Return the rows of a clip, one for each annotator, as dictionaries.

    As in the published table: volunteers have positive numbers, and miss some of what is there; in the
    validation split one of the team (-1) confirms or rejects the coarse classes that a volunteer ticked, and
    leaves the others out (-1); in the test split annotator 0 is the agreed truth.
    """
    rng = np.random.default_rng(clip.tags["seed"])
    sensor, split = clip.tags["sensor_id"], clip.tags["split"]
    common = {
        "split": split,
        "sensor_id": sensor,
        "audio_filename": clip.path.name,
        "borough": 1,
        "block": 500 + sensor,
        "latitude": round(40.70 + 0.004 * sensor, 5),
        "longitude": round(-74.00 + 0.003 * sensor, 5),
        "year": 2019,
        "week": int(rng.integers(1, 53)),
        "day": int(rng.integers(7)),
        "hour": int(rng.integers(24)),
    }
    truth = {
        KINDS[event.kind].sonyc: event.distance_m
        for event in clip.scene.events
        if KINDS[event.kind].sonyc and event.received_db >= SONYC_HEARD_DB
    }
    rows, asked = [], set()
    for volunteer in 1 + rng.choice(200, SONYC_VOLUNTEERS, replace=False):
        heard = {fine: distance_m for fine, distance_m in truth.items() if rng.uniform() >= SONYC_MISSED}
        asked |= {coarse_number(fine) for fine in heard}
        rows.append({**common, "annotator_id": int(volunteer), **answers(heard, columns)})
    if split == "validate":
        rows.append({**common, "annotator_id": -1, **answers(truth, columns, asked)})
    if split == "test":
        rows.append({**common, "annotator_id": 0, **answers(truth, columns)})
    return rows


def answers(heard, columns, asked=None):
    """Return {column: answer} of an annotator: presence of all classes, proximity of what is heard.

    Parameters
    ----------
    heard : dict of str to float
        Distance in m by fine class.
    columns : list of str
        Of the table; those that ask nothing are left alone.
    asked : set of str, optional
        Numbers of the coarse classes that the annotator was asked for; by default all.
    """
    coarse = {coarse_number(fine) for fine in heard}
    ticked = {}
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


def coarse_number(name):
    """Return the number of the coarse class of `5-1_car-horn` or of `5_alert-signal`: 5, as text."""
    return name.partition("_")[0].partition("-")[0]


def proximity(distance_m):
    """Return how near annotators call a distance."""
    return "near" if distance_m <= SONYC_NEAR_M else "far"


LAYOUTS = {
    "TAU": (tau_clip, write_tau_tables),
    "URBAN-SOUND-8K": (urban_clip, write_urban_tables),
    "SONYC-UST": (sonyc_clip, write_sonyc_tables),
}
FEWEST = {"TAU": 8, "URBAN-SOUND-8K": 20, "SONYC-UST": 10}

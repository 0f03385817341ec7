"""Small corpora of synthetic scenes, in the exact layouts of TAU, UrbanSound8K and SONYC-UST.

Each clip has a generator of its own, seeded by the corpus's seed, its layout and its number: the bytes depend
neither on how many clips there are nor on how many processes make them. `scenes/` beside `audio/` lists the
events of each clip.
"""

import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spectral_transcoder.synthetic_city.clips import CityClip, make_clip, write_text
from spectral_transcoder.synthetic_city.layouts import sonyc_ust, tau, urbansound8k
from spectral_transcoder.utils.errors import DatasetError, UsageError
from spectral_transcoder.utils.files import refuse_foreign
from spectral_transcoder.utils.parallel import in_processes

RECORD = "city.json"  # in the folder of each corpus: what it was made from
LAYOUTS: dict[str, ModuleType] = {"TAU": tau, "URBAN-SOUND-8K": urbansound8k, "SONYC-UST": sonyc_ust}


def make_corpus(
    layout: str,
    folder: str | Path,
    n_clips: int,
    seed: int = 0,
    jobs: int = 1,
    report: Callable[[int, int], None] | None = None,
    without: Sequence[str] = (),
) -> list[CityClip]:
    """Write a corpus, or let one grow; clips that are there already are not made again.

    Parameters
    ----------
    layout : str
        "TAU", "URBAN-SOUND-8K" or "SONYC-UST".
    folder : str or Path
        Where the corpus goes: tables and `audio/`, as `download_datasets.py` leaves them.
    n_clips : int
        Number of clips, those that are there already included.
    seed : int
        Seed of everything that is random.
    jobs : int
        Number of processes.
    report : callable, optional
        Called after each clip with the number of clips made, and how many there are to make.
    without : sequence of str
        Kinds of events that are left out of TAU's scenes, which are otherwise the same.

    Returns
    -------
    list of CityClip
        In the order of the corpus.

    Raises
    ------
    UsageError
        Unknown layout or kind, too few clips, a folder that holds a corpus of other parameters or of more clips, or
        a clip that was not made here.
    DatasetError
        The folder's record of its parameters is damaged.
    """
    refuse_wrong_layout(layout, n_clips, without)
    folder, drawn = Path(folder), LAYOUTS[layout]
    clips = [drawn.draw_clip(folder, index, clip_generator(layout, seed, index)) for index in range(n_clips)]
    clips = [replace(clip, scene=clip.scene.without(without)) for clip in clips]
    refuse_foreign((clip.path for clip in clips if not clip.scene_path.is_file()), lambda _: False)
    claim(folder, {"layout": layout, "clips": n_clips, "seed": seed, "without": sorted(without)})
    missing = [clip for clip in clips if not clip.path.exists()]
    for done, _ in enumerate(in_processes(make_clip, missing, max(1, min(jobs, len(missing)))), start=1):
        if report:
            report(done, len(missing))
    drawn.write_tables(folder, clips)
    return clips


def refuse_wrong_layout(layout: str, n_clips: int, without: Sequence[str]) -> None:
    """Raise UsageError for an unknown layout, for too few clips, and for events that a layout cannot be without."""
    if layout not in LAYOUTS:
        raise UsageError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    fewest = LAYOUTS[layout].FEWEST_CLIPS
    if n_clips < fewest:
        raise UsageError(
            f"{n_clips} clips of {layout}: it takes {fewest} or more, so that each split has some"
        )
    if without and layout != "TAU":
        raise UsageError(
            f"{layout} without {', '.join(without)}: expected TAU, since its clips need their events"
        )


def clip_generator(layout: str, seed: int, index: int) -> np.random.Generator:
    """Return the generator of a clip."""
    return np.random.default_rng([seed, zlib.crc32(layout.encode()), index])


def claim(folder: Path, parameters: dict[str, Any]) -> None:
    """Write what a corpus is made from; refuse a folder of another one, or of more clips.

    Raises
    ------
    UsageError
        The folder holds something else: made from other parameters, or not made here at all.
    DatasetError
        The record of what the folder was made from cannot be read.
    """
    path = folder / RECORD
    if path.is_file():
        found = read_parameters(path)
        if found | {"clips": parameters["clips"]} != parameters or found["clips"] > parameters["clips"]:
            raise UsageError(
                f"{folder} holds a city of {found}, asked for was {parameters}: choose another folder, "
                "or the same parameters and as many clips or more"
            )
    elif os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} holds something else than a synthetic city: choose another folder")
    write_text(path, json.dumps(parameters, indent=1) + "\n")


def read_parameters(path: Path) -> dict[str, Any]:
    """Return what a corpus was made from: layout, clips, seed, kinds left out.

    Raises
    ------
    DatasetError
        It is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        # cities of earlier versions have all kinds, and do not say so
        parameters = {"layout": found["layout"], "clips": int(found["clips"]), "seed": found["seed"]}
        return parameters | {"without": list(found.get("without", []))}
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path} is damaged ({error!r}), expected layout, clips and seed: choose another folder, or remove "
            f"{path.parent} and make it again"
        ) from error


def is_synthetic(folder: Path) -> bool:
    """Return whether a corpus's folder was made here."""
    return (folder / RECORD).is_file()

"""Clips of a synthetic corpus: what each is made from, and how it is written."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from spectral_transcoder.signal.audio import writing_reported
from spectral_transcoder.synthetic_city.scenes import Scene
from spectral_transcoder.utils.files import atomic_path


@dataclass(frozen=True)
class CityClip:
    """A clip to be made.

    Attributes
    ----------
    path : Path
        The wav.
    scene : Scene
        The events that are heard in it.
    sr : int
        Sample rate in Hz.
    subtype : str
        soundfile's name of the samples' format.
    tags : dict
        Values of its rows in the corpus's tables.
    """

    path: Path
    scene: Scene
    sr: int
    subtype: str
    tags: dict[str, Any]

    @property
    def scene_path(self) -> Path:
        """The file that lists its events, in `scenes/` beside the folder of the wav."""
        return self.path.parent.parent / "scenes" / f"{self.path.stem}.json"


def make_clip(clip: CityClip) -> None:
    """Render a clip: the scene's record first, the wav last."""
    write_text(
        clip.scene_path,
        json.dumps({**clip.scene.annotation, **clip.tags}, indent=1) + "\n",
    )
    with atomic_path(clip.path) as temporary, writing_reported(clip.path):
        soundfile.write(temporary, clip.scene.render(clip.sr), clip.sr, subtype=clip.subtype)


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence], delimiter: str = ",") -> None:
    """Write a table, atomically."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    write_text(path, text.getvalue())

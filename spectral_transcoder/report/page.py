"""The page: its parts gathered, then written with what it shows beside it, so that the folder can be moved."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jinja2

from spectral_transcoder.experiments.engine.run_store import versions
from spectral_transcoder.report.curves import HEIGHT, WIDTH, Curve
from spectral_transcoder.report.provenance import ResultProvenance
from spectral_transcoder.report.runs import DatasetRecord
from spectral_transcoder.report.sounds import Sound
from spectral_transcoder.report.tables import ReportTable
from spectral_transcoder.signal.mel_plots import DYNAMIC_RANGE_DB
from spectral_transcoder.utils.files import atomic_path, refuse_foreign

TEMPLATES = Path(__file__).parent / "templates"
PAGE, MEDIA = "index.html", "media"
TITLE = "Spectral Transcoder: report"


@dataclass(frozen=True)
class Study:
    """An experiment's part of the page.

    Attributes
    ----------
    title, explanation : str
        Above its tables.
    tables : list of ReportTable
        Its tables; empty where nothing was computed.
    published_note : str
        The data that the published figures were measured on.
    command : str
        The command that computes it.
    """

    title: str
    explanation: str
    tables: list[ReportTable]
    published_note: str
    command: str


@dataclass(frozen=True)
class Report:
    """All that the page shows; where a list is empty, the page names the command that fills it.

    Attributes
    ----------
    studies : list of Study
        Tables of results.
    sounds : list of Sound
        Regenerated recordings.
    curves : list of Curve
        Trainings.
    runs : list of ResultProvenance
        How each result was computed.
    datasets : list of DatasetRecord
        Datasets.
    commands : dict of str to str
        The command that makes each part, by the part's name.
    left_out : list of str
        The reason why each unreadable file is left out.
    """

    studies: list[Study]
    sounds: list[Sound]
    curves: list[Curve]
    runs: list[ResultProvenance]
    datasets: list[DatasetRecord]
    commands: dict[str, str]
    left_out: list[str]


def write_page(report: Report, folder: Path) -> Path:
    """Write `index.html` into a folder, where its sounds and pictures are already, and return its path.

    Sounds and pictures of the page that was there before are removed, unless this one shows them too.
    """
    text = render(
        "report.html",
        title=TITLE,
        report=report,
        script=(TEMPLATES / "compare.js").read_text(encoding="utf-8"),
        curve_size=(WIDTH, HEIGHT),
        dynamic_range_db=DYNAMIC_RANGE_DB,
    )
    path = folder / PAGE
    before = shown_media(path)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    for old in before - shown_media(path):
        old.unlink(missing_ok=True)
    return path


def render(template: str, **values: Any) -> str:
    """Return a page made from a template, with the style, the time and the versions that all pages have."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.undefined = jinja2.StrictUndefined
    return environment.get_template(template).render(
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        versions=versions(),
        **values,
    )


def claim_folder(folder: Path, title: str, *beside: str) -> None:
    """Make a folder a page's own, before anything is written to it.

    Parameters
    ----------
    folder : Path
        Where the page, its media and what is `beside` it go; it need not exist.
    title : str
        The page's title, by which it is known again.
    *beside : str
        Names of further files.

    Raises
    ------
    UsageError
        There is no such page yet, and something of these names is there.
    """
    if is_page(folder / PAGE, title):
        return
    media = folder / MEDIA
    empty = media.is_dir() and not any(media.iterdir())
    names = [PAGE, *beside, *(() if empty else (MEDIA,))]
    refuse_foreign((folder / name for name in names), lambda _: False)
    with atomic_path(folder / PAGE) as temporary:  # whoever is stopped goes on in a folder of his own
        temporary.write_text(f"<!doctype html>\n<title>{title}</title>\n<p>It is being made.\n", "utf-8")


def is_page(path: Path, title: str) -> bool:
    """Whether a file is a page of that title."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return f"<title>{title}</title>" in text


def shown_media(path: Path) -> set[Path]:
    """Return the files that a page shows, a set of Path; none where there is no page, or one that is not ours."""
    if not is_page(path, TITLE):
        return set()
    text = path.read_text(encoding="utf-8", errors="replace")
    names = re.findall(rf'src="{MEDIA}/([^"/]+)"', text)
    return {file for name in names if (file := path.parent / MEDIA / unquote(name)).is_file()}

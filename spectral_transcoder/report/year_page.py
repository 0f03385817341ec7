"""The page of sensors' years: pictures and a table, in the report's style, in a folder that can be moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spectral_transcoder.report.page import MEDIA, PAGE, claim_folder, render
from spectral_transcoder.report.year_pictures import (
    MOST_SIDE_BY_SIDE,
    draw_calendar,
    draw_clocks,
    draw_map,
    draw_side_by_side,
    draw_week,
)
from spectral_transcoder.sensors.long_term import SensorStatistics
from spectral_transcoder.utils.files import atomic_path

TITLE = "Spectral Transcoder: a year of sensors"
TABLES = {"hours": "hours.csv", "days": "days.csv"}


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes
    ----------
    file : str
        Its path from the page.
    words : str
        What it shows, for those who do not see it.
    """

    file: str
    words: str


def write_year(
    statistics: dict[str, SensorStatistics], folder: Path, places: pd.DataFrame | None = None
) -> Path:
    """Draw all pictures of some sensors, write the page that shows them, and return its path.

    Parameters
    ----------
    statistics : dict of str to SensorStatistics
        By sensor.
    folder : Path
        index.html, media/, hours.csv and days.csv are written there.
    places : pd.DataFrame, optional
        sensor, latitude and longitude: a map is drawn.
    """
    claim_folder(folder, TITLE, *TABLES.values())
    media = folder / MEDIA
    summaries = {name: own.summary() for name, own in statistics.items()}
    together = draw_together(list(statistics.values()), media)
    if places is not None:
        draw_map(places, summaries, media / "map.png")
        together.append(
            Picture(f"{MEDIA}/map.png", "Where the sensors stand, coloured by presence and level")
        )
    sensors = [
        (own.sensor, draw_sensor(own, media, f"sensor_{number}"))
        for number, own in enumerate(statistics.values(), start=1)
    ]
    for name, file_name in TABLES.items():
        write_table(statistics, name, folder / file_name)
    text = render(
        "year.html",
        title=TITLE,
        span=span_of(statistics),
        header=header_of(summaries),
        rows=[[statistics[name].sensor, *formatted(summary)] for name, summary in summaries.items()],
        together=together,
        sensors=sensors,
    )
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return folder / PAGE


def draw_together(sensors: Sequence[SensorStatistics], media: Path) -> list[Picture]:
    """Draw sensors beside each other, six to a picture; none where there is one alone."""
    pictures = []
    for start in range(0, len(sensors) if len(sensors) > 1 else 0, MOST_SIDE_BY_SIDE):
        some = sensors[start : start + MOST_SIDE_BY_SIDE]
        name = f"side_by_side_{start // MOST_SIDE_BY_SIDE + 1}.png"
        draw_side_by_side(some, media / name)
        names = ", ".join(own.sensor for own in some)
        pictures.append(Picture(f"{MEDIA}/{name}", f"Presence and level by hour and weekday of {names}"))
    return pictures


def draw_sensor(statistics: SensorStatistics, media: Path, stem: str) -> list[Picture]:
    """Draw the week, the day and the years of a sensor."""
    draw_week(statistics, media / f"{stem}_week.png")
    draw_clocks(statistics, media / f"{stem}_clock.png")
    name, sources = statistics.sensor, ", ".join(statistics.classes)
    pictures = [
        Picture(
            f"{MEDIA}/{stem}_week.png",
            f"Time of presence of {sources} and levels by hour and weekday, {name}",
        ),
        Picture(f"{MEDIA}/{stem}_clock.png", f"The same by hour of the day as clocks, {name}"),
    ]
    days = statistics.daily()
    for year in sorted(set(days.index[days["LAeq"].notna()].year)):
        draw_calendar(statistics, year, media / f"{stem}_{year}.png")
        words = f"Time of presence of {sources} and Lden of each day of {year}, {name}"
        pictures.append(Picture(f"{MEDIA}/{stem}_{year}.png", words))
    return pictures


def write_table(statistics: dict[str, SensorStatistics], name: str, path: Path) -> None:
    """Write the hours or the days of all sensors as a csv."""
    tables = []
    for sensor, own in statistics.items():
        table = own.hourly() if name == "hours" else own.daily()
        table.insert(0, "sensor", sensor)
        tables.append(table.rename_axis("start").reset_index())
    with atomic_path(path) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, float_format="%.4f")


def span_of(statistics: dict[str, SensorStatistics]) -> str:
    """Return the first and the last day in words."""
    first = min(own.hours.index[0] for own in statistics.values())
    last = max(own.hours.index[-1] for own in statistics.values())
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def header_of(summaries: dict[str, dict[str, float]]) -> list[str]:
    """Return the names of the table's columns."""
    names = next(iter(summaries.values()))
    shown = {name: f"{name.removesuffix('_time')}, % of the time" for name in names if name.endswith("_time")}
    levels = {name: f"{name}, dB(A)" for name in names if name.startswith("L")}
    return ["sensor", *((shown | levels).get(name, f"{name} measured") for name in names)]


def formatted(summary: dict[str, float]) -> list[str]:
    """Return the cells of a sensor's row."""
    cells = []
    for name, value in summary.items():
        if value != value:  # NaN: not measured
            cells.append("–")
        elif name.endswith("_time"):
            cells.append(f"{100 * value:.1f}")
        else:
            cells.append(f"{value:.0f}" if name == "days" else f"{value:.1f}")
    return cells

"""Pictures of a sensor's year: maps of the week, clocks, calendars, sensors side by side, a map of the city."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator

from spectral_transcoder.sensors.long_term import DAYS, HOURS, SensorStatistics
from spectral_transcoder.utils.plotting import save

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PRESENCE_COLOURS, LEVEL_COLOURS, MISSING_COLOUR = "YlGnBu", "inferno", "#d9d9d9"
LEVELS = ("LAeq", "L10", "L50", "L90")
MISSING = "missing: less than half of the day was measured"
MOST_SIDE_BY_SIDE = 6
EARTH_RADIUS_M = 6_371_000


@dataclass(frozen=True)
class Quantity:
    """Something that is drawn as colours.

    Attributes
    ----------
    column : str
        Its name in tables: traffic_time, LAeq, Lden, …
    """

    column: str

    @property
    def is_time(self) -> bool:
        """Whether it is a time of presence rather than a level."""
        return self.column.endswith("_time")

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.column.removesuffix("_time") if self.is_time else f"{self.column}, dB(A)"

    @property
    def colours(self) -> str:
        """The name of its colour map."""
        return PRESENCE_COLOURS if self.is_time else LEVEL_COLOURS

    def scale(self, values: Sequence[np.ndarray] | np.ndarray) -> Normalize:
        """Return the scale on which values are drawn: presence from 0 on, levels over their range."""
        finite = np.concatenate([np.asarray(own, float).ravel() for own in values])
        finite = finite[np.isfinite(finite)]
        if not len(finite):
            return Normalize(0, 1)
        low = 0.0 if self.is_time else float(finite.min())
        return Normalize(low, max(float(finite.max()), low + (0.01 if self.is_time else 1.0)))


def quantities_of(classes: Sequence[str], levels: Sequence[str]) -> list[Quantity]:
    """Return the times of presence of classes, then levels."""
    return [Quantity(f"{name}_time") for name in classes] + [Quantity(name) for name in levels]


def draw_week_map(axis: Axes, values: np.ndarray, quantity: Quantity, scale: Normalize) -> ScalarMappable:
    """Draw a (7, 24) map of hours and weekdays; what was not measured is grey."""
    axis.set_facecolor(MISSING_COLOUR)
    image = axis.imshow(values, norm=scale, cmap=quantity.colours, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(DAYS), WEEKDAYS, fontsize="small")
    axis.set_xticks(
        np.arange(0, HOURS, 6) - 0.5, [f"{hour} h" for hour in range(0, HOURS, 6)], fontsize="small"
    )
    axis.set_title(quantity.title, fontsize="medium", loc="left")
    return image


def draw_week(statistics: SensorStatistics, path: Path) -> None:
    """Draw the week of a sensor: presence and levels by hour and weekday."""
    quantities = quantities_of(statistics.classes, LEVELS)
    maps = statistics.weekly()
    n_columns = 4
    n_rows = -(-len(statistics.classes) // n_columns) + 1
    figure = Figure(figsize=(14, 0.8 + 2.7 * n_rows), layout="constrained")
    figure.suptitle(f"{statistics.sensor}: a week")
    axes = figure.subplots(n_rows, n_columns)
    level_scale = Quantity("LAeq").scale([maps[name] for name in LEVELS])
    places = [*range(len(statistics.classes)), *range((n_rows - 1) * n_columns, n_rows * n_columns)]
    for place, quantity in zip(places, quantities, strict=True):
        axis = axes.ravel()[place]
        scale = quantity.scale([maps[quantity.column]]) if quantity.is_time else level_scale
        image = draw_week_map(axis, maps[quantity.column], quantity, scale)
        label = "time of presence" if quantity.is_time else "dB(A)"
        figure.colorbar(image, ax=axis, label=label)
    for place in set(range(axes.size)) - set(places):
        axes.ravel()[place].set_visible(False)
    save(figure, path)


def draw_clocks(statistics: SensorStatistics, path: Path) -> None:
    """Draw the day of a sensor as clocks of 24 hours: working days beside weekends, midnight at the top."""
    quantities = quantities_of(statistics.classes, ("LAeq",))
    figure = Figure(figsize=(3.2 * len(quantities), 4.2), layout="constrained")
    figure.suptitle(f"{statistics.sensor}: a day")
    days = {"Monday to Friday": statistics.clock(False), "Saturday and Sunday": statistics.clock(True)}
    angles = np.append(np.arange(HOURS), 0) / HOURS * 2 * np.pi
    for place, quantity in enumerate(quantities, start=1):
        axis = cast(PolarAxes, figure.add_subplot(1, len(quantities), place, projection="polar"))
        axis.set_theta_zero_location("N")
        axis.set_theta_direction(-1)
        axis.set_xticks(
            np.arange(0, HOURS, 3) / HOURS * 2 * np.pi, [str(hour) for hour in range(0, HOURS, 3)]
        )
        for (name, table), style in zip(days.items(), ("-", "--"), strict=True):
            values = table[quantity.column].to_numpy()
            axis.plot(angles, np.append(values, values[0]), style, label=name)
        scale = quantity.scale([table[quantity.column].to_numpy() for table in days.values()])
        low = 0.0 if scale.vmin is None or quantity.is_time else scale.vmin - 3
        axis.set_ylim(low, scale.vmax)
        axis.yaxis.set_major_locator(MaxNLocator(4))
        axis.tick_params(labelsize="small")
        axis.set_title(quantity.title, fontsize="medium")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    save(figure, path)


def draw_calendar(statistics: SensorStatistics, year: int, path: Path) -> None:
    """Draw a year of days, a column for each week; days of which less than half was measured are hatched grey."""
    days = statistics.daily()
    days = days[days.index.year == year]
    quantities = quantities_of(statistics.classes, ("Lden",))
    figure = Figure(figsize=(12, 0.9 + 1.75 * len(quantities)), layout="constrained")
    figure.suptitle(f"{statistics.sensor}: {year}")
    axes = figure.subplots(len(quantities), 1, squeeze=False)[:, 0]
    for axis, quantity in zip(axes, quantities, strict=True):
        image = draw_year(axis, days[quantity.column], year, quantity)
        figure.colorbar(image, ax=axis, label="time" if quantity.is_time else "dB(A)", pad=0.01)
    patch = Patch(facecolor=MISSING_COLOUR, hatch="////", edgecolor="white", label=MISSING)
    figure.legend(handles=[patch], loc="outside lower center")
    save(figure, path)


def draw_year(axis: Axes, days: pd.Series, year: int, quantity: Quantity) -> ScalarMappable:
    """Draw the days of a year as 7 rows of weeks."""
    every = pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="D")
    by_date = {day.date(): value for day, value in days.items()}
    values = np.array([by_date.get(day.date(), np.nan) for day in every], float)
    week = (every.day_of_year - 1 + every[0].day_of_week) // DAYS
    grid = np.full((DAYS, week.max() + 1), np.nan)
    grid[every.day_of_week, week] = values
    image = axis.pcolormesh(
        np.arange(grid.shape[1] + 1),
        np.arange(DAYS + 1),
        np.ma.masked_invalid(grid),
        norm=quantity.scale([values]),
        cmap=quantity.colours,
        edgecolors="white",
        linewidth=0.8,
    )
    for day, column in zip(every[np.isnan(values)], week[np.isnan(values)], strict=True):
        axis.add_patch(missing_day(column, day.day_of_week))
    axis.set(ylim=(DAYS, 0), xlim=(0, grid.shape[1]))
    axis.set_title(quantity.title, fontsize="medium", loc="left")
    name_months_and_weekdays(axis, every)
    return image


def name_months_and_weekdays(axis: Axes, every: pd.DatetimeIndex) -> None:
    """Write the months below the weeks of a year, and the days of the week beside them, without a frame."""
    months = [day for day in every if day.day == 1]
    starts = [(day.day_of_year - 1 + every[0].day_of_week) / DAYS for day in months]
    axis.set_xticks(np.array(starts) + 1.5, [f"{day:%b}" for day in months], fontsize="small")
    axis.set_yticks(np.arange(DAYS) + 0.5, WEEKDAYS, fontsize="x-small")
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)


def missing_day(column: int, weekday: int) -> Patch:
    """Return the mark of a day that is missing."""
    return Rectangle(
        (column, weekday), 1, 1, facecolor=MISSING_COLOUR, hatch="////", edgecolor="white", linewidth=0.8
    )


def draw_side_by_side(sensors: Sequence[SensorStatistics], path: Path) -> None:
    """Draw the weeks of several sensors beside each other, each quantity on one scale."""
    quantities = quantities_of(sensors[0].classes, ("LAeq",))
    weeks = [statistics.weekly() for statistics in sensors]
    size = (1.5 + 2.6 * len(sensors), 0.8 + 1.8 * len(quantities))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(quantities), len(sensors), sharex=True, sharey=True, squeeze=False)
    for row, quantity in zip(axes, quantities, strict=True):
        scale = quantity.scale([week[quantity.column] for week in weeks])
        for axis, statistics, week in zip(row, sensors, weeks, strict=True):
            image = draw_week_map(axis, week[quantity.column], quantity, scale)
            axis.set_title(f"{statistics.sensor}: {quantity.title}", fontsize="small", loc="left")
        figure.colorbar(image, ax=row, label="time of presence" if quantity.is_time else "dB(A)", pad=0.01)
    save(figure, path)


def draw_map(places: pd.DataFrame, summaries: dict[str, dict[str, float]], path: Path) -> None:
    """Draw sensors where they stand, coloured by presence and level, with a bar of metres; no network is needed.

    Parameters
    ----------
    places : pd.DataFrame
        sensor, latitude, longitude in degrees.
    summaries : dict of str to dict of str to float
        By sensor, as `SensorStatistics.summary` gives them.
    path : Path
        The PNG to write.
    """
    own = places[places["sensor"].isin(summaries)]
    east_m, north_m = metres(own["latitude"].to_numpy(float), own["longitude"].to_numpy(float))
    columns = [name for name in next(iter(summaries.values())) if name.endswith("_time")] + ["Lden"]
    figure = Figure(figsize=(1 + 4 * len(columns), 4.6), layout="constrained")
    axes = figure.subplots(1, len(columns), squeeze=False)[0]
    half_m = max(np.ptp(east_m), np.ptp(north_m), 100) * 0.75
    centre = (east_m.max() + east_m.min()) / 2, (north_m.max() + north_m.min()) / 2
    for axis, quantity in zip(axes, map(Quantity, columns), strict=True):
        values = np.array([summaries[name][quantity.column] for name in own["sensor"]], float)
        axis.set_facecolor("#f4f6f8")
        points = axis.scatter(
            east_m, north_m, 160, values, norm=quantity.scale([values]), cmap=quantity.colours,
            edgecolors="0.3", plotnonfinite=True,
        )  # fmt: skip
        for east, north, name in zip(east_m, north_m, own["sensor"], strict=True):
            axis.annotate(
                name, (east, north), (0, 10), textcoords="offset points", ha="center", fontsize="small"
            )
        axis.set(xlim=(centre[0] - half_m, centre[0] + half_m), ylim=(centre[1] - half_m, centre[1] + half_m))
        axis.set(aspect="equal", xticks=[], yticks=[])
        axis.set_title(quantity.title, fontsize="medium", loc="left")
        draw_scale_bar(axis, half_m)
        figure.colorbar(
            points, ax=axis, label="time of presence" if quantity.is_time else "dB(A)", shrink=0.8
        )
    save(figure, path)


def metres(latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places in metres east and north of their mean, degrees given: right within a city."""
    north = np.radians(latitude - latitude.mean()) * EARTH_RADIUS_M
    east = np.radians(longitude - longitude.mean()) * EARTH_RADIUS_M * np.cos(np.radians(latitude.mean()))
    return east, north


def draw_scale_bar(axis: Axes, half_m: float) -> None:
    """Draw a bar of a round number of metres, and an arrow to the north."""
    length_m = 10 ** np.floor(np.log10(half_m))
    length_m *= next(factor for factor in (5, 2, 1) if factor * length_m <= half_m)
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    left, bottom = axis.get_xlim()[0] + 0.1 * half_m, axis.get_ylim()[0] + 0.1 * half_m
    axis.plot([left, left + length_m], [bottom, bottom], color="0.2", linewidth=3, solid_capstyle="butt")
    axis.annotate(
        text, (left + length_m / 2, bottom), (0, 5), textcoords="offset points", ha="center", fontsize="small"
    )
    axis.annotate("N ↑", (0.97, 0.95), xycoords="axes fraction", ha="right", va="top", fontsize="small")

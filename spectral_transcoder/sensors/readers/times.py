"""Times as tables have them: numbers since 1970, or text in local time, to seconds since 1970 (UTC)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectral_transcoder.sensors.readers.description import EPOCH_UNITS
from spectral_transcoder.utils.errors import LevelsError, UsageError
from spectral_transcoder.utils.words import counted

ISO = "ISO 8601"
DAY_FIRST, MONTH_FIRST = "day first", "month first"
DATE_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b")
YEAR_FIRST = re.compile(r"\d{4}([/.-])\d{1,2}\1\d{1,2}")
ZONE_SUFFIX = re.compile(r":\d\d(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)$")
FIXED_OFFSET = re.compile(r"(?:UTC|GMT)?([+-]\d{1,2})(?::?(\d\d))?")
SECOND_HALF_FROM_S = -10.0  # a step back within the repeated hour: its second half begins
PRESENT_DAY_S = 1e8  # 1973: epochs beyond are recognised by their size, smaller ones by their steps
STEP_S = (0.009, 1.02)


def epoch_unit(times: NDArray[np.float64]) -> float:
    """Return how many seconds one is in the unit of numbers since 1970: 1, 1e-3, 1e-6 or 1e-9.

    Numbers of today differ by a thousand from unit to unit; smaller ones are recognised by the step from row to row,
    which lies between 10 ms and 1 s.
    """
    known = times[np.isfinite(times) & (times > 0)]
    typical = float(np.median(known)) if len(known) else 0.0
    if typical > PRESENT_DAY_S:
        return next((unit for unit in sorted(EPOCH_UNITS) if typical * unit > PRESENT_DAY_S), 1.0)
    steps = np.abs(np.diff(known))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    return next((unit for unit in EPOCH_UNITS if STEP_S[0] <= step * unit <= STEP_S[1]), 1.0)


def check_zone(name: str) -> str:
    """Return a time zone as pyarrow reads it: a name such as Europe/Paris, or an offset such as +01:00.

    Raises
    ------
    UsageError
        No such zone.
    """
    fixed = FIXED_OFFSET.fullmatch(name.strip())
    if fixed:
        return f"{int(fixed[1]):+03d}:{fixed[2] or '00'}"
    try:
        pc.assume_timezone(pa.array([0], pa.timestamp("us")), name)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"timezone {name!r}: expected a name such as Europe/Paris, an offset such as +01:00, or UTC"
        ) from error
    return name


@dataclass(frozen=True)
class TimeLayout:
    """Which columns are the time of a row, and how they are written.

    Attributes
    ----------
    columns : tuple of int
        One column, or date and time of day.
    written : str
        "" for numbers; ISO; DAY_FIRST or MONTH_FIRST; or a format as strptime has it.
    unit : float
        Unit of numbers, in seconds.
    zone : str
        Zone of text without a zone of its own, as `check_zone` returns it.
    has_zone : bool
        Whether the text says its zone.
    """

    columns: tuple[int, ...]
    written: str = ""
    unit: float = 1.0
    zone: str = "UTC"
    has_zone: bool = False


def find_layout(
    samples: Sequence[Sequence[str]], columns: tuple[int, ...], zone: str, time_format: str, path: object
) -> TimeLayout:
    """Find out how times are written from the first rows.

    Parameters
    ----------
    samples : sequence of sequence of str
        The cells of each of the columns.
    columns : tuple of int
        Their positions.
    zone, time_format : str
        What the file or the user says; empty where nothing is said.
    path : object
        Named in errors.

    Raises
    ------
    LevelsError
        Text that is no date, or one of which day and month cannot be distinguished.
    """
    texts = [" ".join(cells).strip() for cells in zip(*samples, strict=False)]
    zone = check_zone(zone) if zone else "UTC"
    if time_format and time_format not in (DAY_FIRST, MONTH_FIRST):
        return TimeLayout(columns, time_format, zone=zone, has_zone="%z" in time_format)
    if not texts:
        return TimeLayout(columns, "" if len(columns) == 1 else ISO, zone=zone)
    numbers = to_floats(texts)
    others = [text for text, number in zip(texts, numbers, strict=True) if not np.isfinite(number)]
    if len(columns) == 1 and len(others) < len(texts) and not any(map(looks_like_a_date, others)):
        return TimeLayout(columns, unit=epoch_unit(numbers))
    has_zone = sum(ZONE_SUFFIX.search(text) is not None for text in texts) > len(texts) / 2
    afternoon = any(text[-2:].lower() in ("am", "pm") for text in texts)
    written = date_order(texts, path, time_format)
    if afternoon and written != ISO:
        separator = DATE_FIRST.search(texts[0])
        mark = texts[0][separator.end(1)] if separator else "/"
        day = f"%m{mark}%d" if written == MONTH_FIRST else f"%d{mark}%m"
        written = f"{day}{mark}%Y %I:%M:%S %p"
    return TimeLayout(columns, written, zone=zone, has_zone=has_zone)


def looks_like_a_date(text: str) -> bool:
    """Whether a text holds a date or a time of day."""
    return bool(DATE_FIRST.search(text) or YEAR_FIRST.search(text) or re.search(r"\d:\d", text))


def date_order(texts: Sequence[str], path: object, order: str = "") -> str:
    """Return ISO, DAY_FIRST or MONTH_FIRST: how dates are written; `order` where the numbers do not decide."""
    if sum(YEAR_FIRST.match(text) is not None for text in texts) > len(texts) / 2:
        return ISO
    dates = [match for text in texts if (match := DATE_FIRST.match(text))]
    if len(dates) <= len(texts) / 2 or not dates:
        shown = texts[0] if texts else ""
        raise LevelsError(
            f"{path}: its times, such as {shown!r}, are no dates that can be read: expected ISO 8601, epochs, or a "
            "format given by --time_format, such as '%d/%m/%Y %H:%M:%S'"
        )
    first = max(int(match[1]) for match in dates)
    second = max(int(match[2]) for match in dates)
    if first > 12 >= second:
        return DAY_FIRST
    if second > 12 >= first:
        return MONTH_FIRST
    if order:
        return order
    raise LevelsError(
        f"{path}: {dates[0][0]} may be day or month first: say which with --time_format, such as "
        "'%d/%m/%Y %H:%M:%S'"
    )


def to_floats(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return numbers of text, NaN where there is none."""
    values = np.full(len(texts), np.nan)
    for index, text in enumerate(texts):
        try:
            values[index] = float(text)
        except ValueError:
            continue
    return values


@dataclass
class TimeReader:
    """Turns the time columns of a table, block after block, into seconds since 1970.

    Attributes
    ----------
    layout : TimeLayout
        How they are written.
    repeated : list of float
        Where local time was set back: seconds since 1970 of the first row of each second half.
    unclear : int
        Rows within a repeated hour of which the half is not known; the first is taken.
    """

    layout: TimeLayout
    repeated: list[float] = field(default_factory=list)
    unclear: int = 0
    _second_half: bool = False
    _last_local_s: float = -np.inf

    def read(self, columns: Sequence[pa.Array]) -> NDArray[np.float64]:
        """Return (n,) seconds since 1970, NaN where a cell holds no time; columns are text, or numbers."""
        layout = self.layout
        if not layout.written:
            return np.asarray(columns[0], dtype=np.float64) * layout.unit
        text = columns[0]
        if len(columns) > 1:
            text = pc.binary_join_element_wise(*columns, " ")
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"\s+", " ")
        if layout.written not in (ISO, DAY_FIRST, MONTH_FIRST):
            local_s = python_times(text.to_pylist(), layout.written)
        else:
            local_s = iso_times(to_iso(text, layout.written), layout.has_zone)
        return local_s if layout.has_zone else self._to_utc(local_s)

    def _to_utc(self, local_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return UTC of local times (n,); of the hour that is repeated in autumn, the half that the order shows."""
        if self.layout.zone == "UTC" or not len(local_s):
            return local_s
        if fixed := FIXED_OFFSET.fullmatch(self.layout.zone):  # which pyarrow knows from 22 on
            offset = timedelta(hours=int(fixed[1]), minutes=int(f"{fixed[1][0]}{fixed[2] or 0}"))
            return local_s - offset.total_seconds()
        known = np.isfinite(local_s)
        stamps = pa.array(
            np.where(known, local_s, 0).round(6).astype("datetime64[s]").astype("datetime64[us]")
        )
        sides = [
            pc.assume_timezone(stamps, self.layout.zone, ambiguous=side, nonexistent="latest")
            for side in ("earliest", "latest")
        ]
        first, second = (np.asarray(side.cast(pa.int64()), float) / 1e6 for side in sides)
        fraction = local_s - np.floor(np.where(known, local_s, 0))
        later = self._later_half(local_s, first != second, first + fraction)
        return np.where(known, np.where(later, second, first) + fraction, np.nan)

    def _later_half(
        self, local_s: NDArray[np.float64], ambiguous: NDArray[np.bool_], first_s: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Whether each row lies in the second half of a repeated hour; the state goes on from block to block."""
        later = np.zeros(len(local_s), bool)
        if not ambiguous.any():
            self._second_half, self._last_local_s = False, local_s[-1]
            return later
        for index in range(len(local_s)):
            if not ambiguous[index]:
                self._second_half = False
            elif local_s[index] - self._last_local_s < SECOND_HALF_FROM_S:
                self._second_half = True
                self.repeated.append(float(first_s[index]) + 3600)
            elif not self._second_half:
                self.unclear += 1
            later[index] = self._second_half
            if np.isfinite(local_s[index]):
                self._last_local_s = local_s[index]
        return later

    def remarks(self) -> list[str]:
        """Say what was done about hours that are repeated when daylight saving ends."""
        texts = [
            f"local time was set back at {datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M}Z: the hour that "
            "follows is the repeated one"
            for epoch_s in self.repeated
        ]
        if self.unclear and not self.repeated:
            texts.append(
                f"{counted(self.unclear, 'row lies', 'rows lie')} in an hour that daylight saving repeats: taken as of "
                "the first"
            )
        return texts


def to_iso(text: pa.Array, written: str) -> pa.Array:
    """Return dates and times as ISO 8601 has them: 2014-08-19 01:33:25.06."""
    text = pc.replace_substring_regex(text, r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3")
    if written != ISO:
        order = r"\3-\2-\1" if written == DAY_FIRST else r"\3-\1-\2"
        text = pc.replace_substring_regex(text, r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", order)
    for pattern, padded in (
        (r"^(\d{4})-(\d)-", r"\1-0\2-"),
        (r"^(\d{4}-\d\d)-(\d)([ T]|$)", r"\1-0\2\3"),
        (r"[ T](\d):", r" 0\1:"),
        (r"(:\d\d),(\d)", r"\1.\2"),
        (r"(\.\d{6})\d+", r"\1"),
        (r" ?UTC$", "Z"),
        (r" ([+-]\d\d:?\d\d)$", r"\1"),
    ):
        text = pc.replace_substring_regex(text, pattern, padded)
    return text


def iso_times(text: pa.Array, has_zone: bool) -> NDArray[np.float64]:
    """Return seconds since 1970 of ISO 8601 text, as if local time were UTC where no zone is written."""
    try:
        stamps = text.cast(pa.timestamp("us", "UTC" if has_zone else None))
        micro_s = stamps.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return np.asarray(micro_s, dtype=np.float64) / 1e6
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.array([iso_time(value) for value in text.to_pylist()], dtype=np.float64)


def iso_time(text: str | None) -> float:
    """Return seconds since 1970 of one text, NaN where it is no time."""
    try:
        return seconds_since_1970(datetime.fromisoformat(text or ""))
    except ValueError:
        return np.nan


def python_times(texts: Sequence[Any], time_format: str) -> NDArray[np.float64]:
    """Return seconds since 1970 of texts in a format as strptime has it, NaN where they are in another."""
    values = np.full(len(texts), np.nan)
    for index, text in enumerate(texts):
        try:
            values[index] = seconds_since_1970(datetime.strptime(text or "", time_format))
        except ValueError:
            continue
    return values


def seconds_since_1970(time: datetime) -> float:
    """Return the seconds since 1970 of a time, taken as UTC where it has no zone."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

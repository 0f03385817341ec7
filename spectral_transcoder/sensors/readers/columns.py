"""Which columns of a table are third-octave bands, by the spellings that sensors and sound level meters use."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.sensors.levels import FEWEST_BANDS, N_BANDS, NOMINAL_HZ, THIRD_OCTAVES
from spectral_transcoder.utils.errors import LevelsError

# `31.5`, `31,5`, `31_5`, `1k`, `1.25 kHz`, `1k25`, `100Hz`, `Fast_125`, `LEQ_100`, `1/3 LZeq 31.5`, `LAeq 1 kHz (dB)`
BAND_COLUMN = re.compile(
    r"""(?:1/3 (?:[ _-]?oct(?:ave)?s?)? [ _:-]*)?
    (?: (?P<quantity> fast|slow|leq|spl|lp|level|band|f|freq|db(?P<db>[acz])?
        | l(?P<weighting>[acz])(?:eq|[fs](?:max|min)?)?(?:_dt)? ) (?P<separator>[ _.,:-]*) )?
    (?P<number>\d+(?:[.,_p]\d+)?) [ ]? (?: (?P<kilo>k)(?P<decimals>\d{0,3}) )? [ _]? (?P<unit>hz)?
    (?: [ _]* [(\[]? db(?P<suffix>[acz])? [)\]]? )?""",
    re.IGNORECASE | re.VERBOSE,
)
# what only many names together say is a band: `X31.5` as R has it, `L1k`, `third_octave_20`, `1 kHz dB(A)`
FAMILY = re.compile(
    r"""(?P<prefix>(?:.*?[^\d.,])?) (?P<number>\d+(?:[.,_p]\d+)?) [ ]?(?:(?P<kilo>k)(?P<decimals>\d{0,3}))?
    [ ._]*(?:hz)? (?P<suffix>\D*)""",
    re.IGNORECASE | re.VERBOSE,
)
FAMILY_WEIGHTING = re.compile(r"l([ac])(?:eq|[fs])|db ?\(?([ac])", re.IGNORECASE)
GROUPED_DIGITS = (
    re.compile(r"(?<=\d),(?=\d{3}(?!\d))"),
    re.compile(r"(?<=\d)\.(?=\d{3}(?!\d))"),
)  # 1,250; 1.250
# percentiles (`L10`, `LA90`) and counters (`1`, `2`) are no bands
PERCENTILE = re.compile(r"l(?!eq)[a-z]{0,2}_?(?:1|5|10|50|90|95|99)(?:\.0)?", re.IGNORECASE)
LEAST_HZ, MOST_HZ = 6.0, 1e6
BAND_NUMBERS = range(THIRD_OCTAVES.lowest_band, THIRD_OCTAVES.lowest_band + N_BANDS)
NEAREST_SHARE = 0.1  # of a band's width in which a name means the band: 31 and 31.5 are 31.62 Hz


@dataclass(frozen=True)
class BandName:
    """What the name of a column says.

    Attributes
    ----------
    hz : float
        The frequency that is written.
    weighting : str
        Z, A or C; Z where the name does not say.
    explicit : bool
        Whether a unit or a quantity is written beside the number.
    """

    hz: float
    weighting: str
    explicit: bool

    @property
    def band_number(self) -> int | None:
        """The third octave's number b, of which 1000·10^(b/10) Hz is the centre; None where it is no third octave."""
        exact = 10 * np.log10(self.hz / 1000)
        return round(exact) if abs(exact - round(exact)) <= NEAREST_SHARE else None


def read_band_name(name: str) -> BandName | None:
    """Return what a column's name says of a band, or None for a name that does not look like one."""
    match = BAND_COLUMN.fullmatch(" ".join(name.split()))
    if match is None or PERCENTILE.fullmatch(name.strip()):
        return None
    hz = written_hz(match)
    if hz is None:
        return None
    letter = (match["weighting"] or match["db"] or match["suffix"] or "z").upper()
    explicit = bool(match["quantity"] or match["unit"] or match["kilo"])
    if hz < LEAST_HZ and not explicit:
        return None
    return BandName(hz, letter if letter in "AC" else "Z", explicit) if 0 < hz < MOST_HZ else None


def written_hz(match: re.Match[str]) -> float | None:
    """Return the frequency of a match's number, kilo and decimals: 31_5 is 31.5, 1k25 is 1250; None for 1.5k25."""
    number = re.sub("[,_p]", ".", match["number"], flags=re.IGNORECASE)
    if match["decimals"]:
        if "." in number:
            return None
        number = f"{number}.{match['decimals']}"
    return float(number) * (1000 if match["kilo"] else 1)


def read_families(names: Sequence[str]) -> dict[int, BandName]:
    """Return what names say that differ in a number alone, where 15 or more of them are third octaves.

    Parameters
    ----------
    names : sequence of str
        Names of columns; empty where another rule understands a name.

    Returns
    -------
    dict of int to BandName
        By position; without those that are no third octave.
    """
    families: dict[tuple[str, str], dict[int, BandName]] = defaultdict(dict)
    for column, name in enumerate(names):
        match = FAMILY.fullmatch(" ".join(name.split()))
        hz = None if match is None else written_hz(match)
        if match is None or hz is None or not LEAST_HZ <= hz < MOST_HZ:
            continue
        weighted = FAMILY_WEIGHTING.search(f"{match['prefix']}|{match['suffix']}")
        letter = "Z" if weighted is None else (weighted[1] or weighted[2]).upper()
        read = BandName(hz, letter, explicit=True)
        if read.band_number is not None:
            families[match["prefix"].lower(), match["suffix"].lower()][column] = read
    large = [
        own for own in families.values() if len({read.band_number for read in own.values()}) >= FEWEST_BANDS
    ]
    return {column: read for own in large for column, read in own.items()}


def band_of_column(name: str) -> int | None:
    """Return the index (0 … 28) of the band that a column's name means; None for another column."""
    said = read_band_name(name)
    if said is None or said.band_number is None:
        return None
    band = said.band_number - THIRD_OCTAVES.lowest_band
    return band if 0 <= band < N_BANDS else None


@dataclass(frozen=True)
class BandColumns:
    """The columns of bands in a table.

    Attributes
    ----------
    columns : dict of int to int
        Column of each band that is there.
    weighting : str
        Z, A or C.
    """

    columns: dict[int, int]
    weighting: str = "Z"


def find_bands(names: Sequence[str], path: object) -> BandColumns:
    """Find the bands among a table's column names; other columns, and bands beyond 20 … 12,500 Hz, are left out.

    Where a file has the bands in several weightings, those without weighting are taken.

    Raises
    ------
    LevelsError
        A band named twice, a name that looks like a band and is no third octave, or one that is not understood
        where a band is missing.
    """
    said = read_band_names(names)
    # plain numbers that are no bands are columns of something else where the bands have a name
    explicit = {read.band_number for read in said.values() if read.explicit} - {None}
    if len(explicit) >= FEWEST_BANDS:
        said = {column: read for column, read in said.items() if read.explicit}
    unknown = [names[column] for column, read in said.items() if read.band_number is None]
    if unknown and len(said) > len(unknown):
        raise LevelsError(
            f"{path}: the column {unknown[0]!r} looks like a band and is no third octave: expected names such as "
            "31.5, 1k, 1250Hz, LZeq 1000; rename it, or say which columns are bands with --columns"
        )
    weightings = {read.weighting for read in said.values()}
    weighting = next((letter for letter in "ZCA" if letter in weightings), "Z")
    columns: dict[int, int] = {}
    for column, read in said.items():
        band = (read.band_number or 0) - THIRD_OCTAVES.lowest_band
        if read.weighting != weighting or read.band_number is None or not 0 <= band < N_BANDS:
            continue
        if band in columns:
            raise LevelsError(
                f"{path}: columns {names[columns[band]]!r} and {names[column]!r} are the same band"
            )
        columns[band] = column
    refuse_unread(columns, names, said.keys(), path)
    return BandColumns(columns, weighting)


def read_band_names(names: Sequence[str]) -> dict[int, BandName]:
    """Return what the names of columns say of bands, by position: as most of them are understood.

    A mark between three digits groups them where more bands are understood so: `1,250` beside `800` is 1250 Hz.
    """
    grouped = (tuple(mark.sub("", name) for name in names) for mark in GROUPED_DIGITS)
    spellings = dict.fromkeys(
        [tuple(names), *grouped]
    )  # the first counts of several that are understood alike
    return max(map(read_spelled_names, spellings), key=n_bands_of)


def read_spelled_names(names: Sequence[str]) -> dict[int, BandName]:
    """Return what names say of bands one by one, and what many names together say, by position."""
    own = {column: read for column, name in enumerate(names) if (read := read_band_name(name)) is not None}
    plain = {column for column, read in own.items() if not read.explicit}
    return read_families(["" if column in plain else name for column, name in enumerate(names)]) | own


def n_bands_of(said: Mapping[int, BandName]) -> int:
    """Return how many different bands from 20 to 12,500 Hz names mean."""
    return len({read.band_number for read in said.values()} & set(BAND_NUMBERS))


def refuse_unread(columns: dict[int, int], names: Sequence[str], read: Set[int], path: object) -> None:
    """Raise LevelsError where a band is missing, and a column in its place is not understood.

    Parameters
    ----------
    columns : dict of int to int
        {band: column}.
    names : sequence of str
        The columns' names.
    read : set of int
        Columns whose names are understood.
    path : object
        Named in the error.
    """
    unread = {column for column, name in enumerate(names) if column not in read and name.strip()}
    for band, column in places_of_missing(columns, names, unread):
        raise LevelsError(
            f"{path}: the column {names[column]!r} stands where {NOMINAL_HZ[band]} Hz is missing, and is not "
            "understood: rename it, or say which columns are bands with --columns"
        )


def places_of_missing(
    columns: dict[int, int], names: Sequence[str], unread: Set[int]
) -> Iterator[tuple[int, int]]:
    """Yield (band, column) of each missing band whose place in the order of the others an unread column has.

    Before the first band and behind the last one, only where the missing band's frequency is in the name.
    """
    found = sorted(columns)
    for low, high in itertools.pairwise(found):
        first, last = sorted((columns[low], columns[high]))
        if high - low > 1 and (between := sorted(unread & set(range(first, last)))):
            yield low + 1, between[0]
    for band, step in ((found[0], -1), (found[-1], 1)) if found else ():
        column, missing = columns[band] + step, band + step
        match = FAMILY.fullmatch(" ".join(names[column].split())) if column in unread else None
        hz = None if match is None else written_hz(match)
        if hz is None or not LEAST_HZ <= hz < MOST_HZ or not 0 <= missing < N_BANDS:
            continue
        if BandName(hz, "Z", explicit=True).band_number == BAND_NUMBERS[missing]:
            yield missing, column


def parse_columns(text: str, names: Sequence[str], path: object) -> dict[int, int]:
    """Return {band: column} of the option --columns: `NAME=HZ` pairs, or `FIRST:LAST=HZ` for neighbours.

    Parameters
    ----------
    text : str
        Such as "low=20,mid=25" or "3:31=20": columns by name or by number, counted from 1.

    Raises
    ------
    LevelsError
        A column that the table does not have, or a frequency that is no third octave from 20 to 12,500 Hz.
    """
    bands: dict[int, int] = {}
    for part in text.split(","):
        columns, _, hz = part.rpartition("=")
        band = band_of_column(hz.strip())
        if band is None or not columns:
            raise LevelsError(
                f"--columns {part!r}: expected NAME=HZ or FIRST:LAST=HZ, a third octave of 20 … 12500"
            )
        first, _, last = columns.partition(":")
        start = column_position(first, names, path)
        end = column_position(last, names, path) if last else start
        if band + end - start >= N_BANDS or end < start:
            raise LevelsError(
                f"--columns {part!r}: reaches beyond {NOMINAL_HZ[-1]} Hz, or ends before it begins"
            )
        bands |= {band + step: start + step for step in range(end - start + 1)}
    return bands


def column_position(name: str, names: Sequence[str], path: object) -> int:
    """Return the position of a column given by name or by number from 1; raise LevelsError where there is none."""
    name = name.strip()
    if name in names:
        return list(names).index(name)
    if name.isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    shown = ", ".join(repr(other) for other in names[:8])
    raise LevelsError(
        f"{path} has no column {name!r}: expected one of {shown}{', …' if len(names) > 8 else ''}"
    )

"""A year of sensors at a glance: when and how long sources are heard, and how loud it is.

    python3 plot_presence.py results/
    python3 plot_presence.py results/ --timezone Europe/Paris --coordinates sensors.csv --output export/year

Input: the CSV, Parquet or HDF5 files of classify_thirdo.py, or folders of them, of any number of days and sensors;
and a table sensor,latitude,longitude if you want a map. Output: a page, <output>/index.html, with its pictures in
media/: hour by weekday maps of presence and level (LAeq, L10, L50, L90), clocks, the calendar of each year with
Lden, sensors side by side; and hours.csv and days.csv. A day of which less than half was measured is missing.
Takes some seconds for each sensor and million rows; nothing is fetched from the network.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import DatasetError, LevelsError, MissingFileError, UsageError
from spectral_transcoder.utils.files import refuse_overwriting
from spectral_transcoder.utils.paths import EXPORT
from spectral_transcoder.utils.words import counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PLACE_COLUMNS = ["sensor", "latitude", "longitude"]


def main() -> int:
    """Gather the rows, draw, and write the page; return 1 where a file could not be used."""
    args = parse_arguments()
    from spectral_transcoder.report.page import PAGE
    from spectral_transcoder.report.year_page import TABLES, write_year
    from spectral_transcoder.sensors.long_term import gather_statistics
    from spectral_transcoder.sensors.result_files import find_results

    places = None if args.coordinates is None else read_places(args.coordinates)
    results = find_results(args.results)
    inputs = [*results, *([args.coordinates] if args.coordinates else [])]
    refuse_overwriting(inputs, *(args.output / name for name in (PAGE, *TABLES.values())))
    left_out: list[str] = []
    statistics = gather_statistics(tables_of(results, left_out), args.timezone)
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    if not statistics:
        raise MissingFileError(f"no rows of classify_thirdo.py in {', '.join(map(str, args.results))}")
    if places is not None:
        unknown = [own.sensor for name, own in statistics.items() if name not in set(places["sensor"])]
        if unknown:
            print(f"not on the map, without coordinates: {', '.join(unknown)}")
        places = places if len(unknown) < len(statistics) else None
    page = write_year(statistics, args.output, places)
    for own in statistics.values():
        days, rows = round(own.summary()["days"]), int(own.hours["rows"].sum())
        print(f"{own.sensor}: {counted(days, 'day')}, {counted(rows, 'row')}")
    print(f"written: {page}")
    return 1 if left_out else 0


def tables_of(paths: Sequence[Path], left_out: list[str]) -> "Iterator[pa.Table]":
    """Give the rows of all files; `left_out` gets why some are damaged, or none of classify_thirdo.py."""
    from spectral_transcoder.sensors.records import read_record
    from spectral_transcoder.sensors.result_files import NEEDED, read_results, result_columns
    from spectral_transcoder.sensors.results import LEVEL_COLUMNS
    from spectral_transcoder.sensors.time_of_presence import presence_columns

    made_from: dict[str, Path] = {}
    for path in paths:
        key = json.dumps((read_record(path) or {}).get("made_from"))
        if key in made_from:
            left_out.append(f"{path} has the rows of {made_from[key]}: they are counted once")
            continue
        made_from |= {} if key == "null" else {key: path}
        try:
            names = result_columns(path)
            columns = [*NEEDED[:-1], *LEVEL_COLUMNS]
            columns += [f"{name}_present" for name in presence_columns(names)]
            columns += [name for name in presence_columns(names).values() if name not in columns]
            yield from read_results(path, columns)
        except LevelsError as error:
            left_out.append(str(error))


def read_places(path: Path) -> "pd.DataFrame":
    """Return the table of sensors' coordinates; raise an error that says what it should hold."""
    import pandas as pd

    if not path.is_file():
        raise MissingFileError(f"no coordinates at {path}: expected a csv of {', '.join(PLACE_COLUMNS)}")
    places = pd.read_csv(path, dtype={"sensor": str})
    if missing := [name for name in PLACE_COLUMNS if name not in places]:
        raise DatasetError(f"{path} has no column {missing[0]}: expected {', '.join(PLACE_COLUMNS)}")
    return places


def timezone(name: str) -> ZoneInfo:
    """Return the timezone of that name; raise UsageError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"--timezone {name}: expected a name such as Europe/Paris or UTC") from error


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("results", nargs="+", type=Path, help="files of classify_thirdo.py, or folders of them")
    add("--timezone", type=timezone, default=ZoneInfo("UTC"), help="whose hours and days (default UTC)")
    add("--coordinates", type=Path, help="a csv of sensor,latitude,longitude: draws a map")
    add("--output", type=Path, default=EXPORT / "year", help="folder of the page (default export/year)")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

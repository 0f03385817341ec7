"""What benchmarks measured: results/benchmarks.json, and the tables of docs/benchmarks.md that quote it."""

import argparse
import json
import platform
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT, RESULTS

BENCHMARKS = RESULTS / "benchmarks.json"
PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
UNMEASURED = "Not measured yet: `make bench`."
LIBRARIES = ("torch", "numpy", "onnxruntime", "pandas", "pyarrow")
SECTION = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """A figure, and its ratio to a twin that the same run measured.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
        In `unit`.
    unit : str
        The unit of the value.
    twin : str
        What it is compared with.
    ratio : float
        The value over the twin's.
    """

    what: str
    value: float
    unit: str
    twin: str
    ratio: float


def keep(section: str, command: str, figures: list[Figure], path: Path = BENCHMARKS) -> None:
    """Put the figures of a section in the place of those kept before, with machine and versions; print them."""
    report = kept(path)
    report[section] = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "figures": [asdict(figure) | rounded(figure) for figure in figures],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n" + table(report[section]))


def kept(path: Path = BENCHMARKS) -> dict[str, dict]:
    """Return the sections that were measured, by name; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def rounded(figure: Figure) -> dict[str, float]:
    """Return a figure's numbers with three digits."""
    return {name: float(f"{getattr(figure, name):.3g}") for name in ("value", "ratio")}


def table(section: dict) -> str:
    """Return a section as a table of Markdown, with what it was measured on."""
    lines = ["| what | measured | beside | ratio |", "|---|---|---|---|"]
    lines += [
        f"| {f['what']} | {f['value']:g} {f['unit']} | {f['twin']} | {f['ratio']:g} |"
        for f in section["figures"]
    ]
    versions = ", ".join(f"{name} {number}" for name, number in section["versions"].items())
    return "\n".join(
        [*lines, "", f"`{section['command']}`, {section['date']}: {section['machine']}; {versions}."]
    )


def machine() -> str:
    """Return the processor of this machine and its cores."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    names = re.findall(r"model name\s*: (.+)", text) or [platform.processor() or platform.machine()]
    return f"{names[0]}, {max(1, len(re.findall('^processor', text, re.MULTILINE)))} cores"


def quote(page: str, report: dict) -> str:
    """Return a page with its tables, between `<!-- table: NAME -->` and `<!-- end of table -->`, as kept."""

    def text_of(match: re.Match) -> str:
        quoted = table(report[match[2]]) if match[2] in report else UNMEASURED
        return f"{match[1]}{quoted}\n{match[3]}"

    return SECTION.sub(text_of, page)


def main() -> None:
    """Write the tables of the page anew from what is kept."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    page = quote(PAGE.read_text(encoding="utf-8"), kept())
    with atomic_path(PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()

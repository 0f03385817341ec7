"""How many small faults the tests notice: a sample of mutants by cosmic-ray, and their survivors.

    make mutants                                     # an hour on two cores; the second time, survivors alone
    python3 benchmarks/mutants.py --per_part 2 --parts signal sensors

Each mutant changes one number, comparison, sign, operation or condition of a module, in a copy of the project; the
tests of that module are run on it, then, where they notice nothing or there are none, those of its package. Tests
have to pass on the copy without a change first. A mutant that makes them fail, or run ten times as long, is noticed.
Output: a table of the parts, the survivors as lines of a patch, and results/mutants.json, which is written after
each mutant: what was noticed there is not run again as long as its line of code is the same.
"""

import argparse
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator
from tqdm import tqdm

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT, RESULTS

LIBRARY = "spectral_transcoder"
PARTS = {
    "signal": "signal/**/*.py",
    "models": "models/**/*.py",
    "training": "training/**/*.py",
    "evaluation": "evaluation/**/*.py",
    "sensors": "sensors/**/*.py",
    "downloads": "downloads/**/*.py",
    "run store": "experiments/engine/run_store.py",
}
# without | and &, which are also the types' and would fail at the import
OPERATORS = [
    f"core/{name}"
    for name in (
        "NumberReplacer", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
        "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ZeroIterationForLoop", "ReplaceUnaryOperator_USub_UAdd",
        "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_Div",
        "ReplaceBinaryOperator_Div_Mul", "ReplaceBinaryOperator_FloorDiv_Div", "ReplaceBinaryOperator_Pow_Mul",
        "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
        "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_Gt_GtE",
        "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_Lt_Gt", "ReplaceComparisonOperator_Gt_Lt",
    )
]  # fmt: skip
LONGER = 10  # times the unchanged tests' duration, when a mutant is stopped
SHORTEST_LIMIT_S = 120.0
COPIED = (
    "*.py", LIBRARY, "tests", "exp_train_model", "exp_classif_eval", "benchmarks", "reference_models", "results",
    "audio", "docs", "pyproject.toml", "requirements.txt", "*.md", "Makefile", "CITATION.cff", "LICENSE",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: of which part and file, by which operator, at which of its places there.

    Attributes
    ----------
    part, file, operator : str
    occurrence : int
        Counted from 0.
    """

    part: str
    file: str
    operator: str
    occurrence: int

    def code(self, original: str) -> str:
        """Return the changed text of the file."""
        changed = MutationVisitor.mutate_code(original, get_operator(self.operator)(), self.occurrence)
        if changed is None:
            raise ValueError(f"{self} changes nothing")
        return changed

    def patch(self) -> str:
        """Return the change as the lines of a patch, after the file's name."""
        original = (PROJECT_ROOT / self.file).read_text(encoding="utf-8")
        lines = difflib.unified_diff(
            original.splitlines(), self.code(original).splitlines(), self.file, self.file, "", "", 0, ""
        )
        return "\n".join([self.file, *list(lines)[2:]])


@dataclass(frozen=True)
class Outcome:
    """A mutant, whether the tests noticed it, and its lines of a patch."""

    mutant: Mutant
    noticed: bool
    patch: str


def main() -> int:
    """Sample, run what is not known to be noticed, print and write."""
    args = parse_arguments()
    path = args.results / "mutants.json"
    known = noticed_before(path)
    sample = [Outcome(mutant, (patch := mutant.patch()) in known, patch) for mutant in sampled(args)]
    with tempfile.TemporaryDirectory(prefix="mutants_") as temporary:
        copies = [copy_project(Path(temporary) / str(index)) for index in range(args.jobs)]
        for tests_of in (own_tests, further_tests):
            run_unnoticed(sample, tests_of, copies, lambda: write(sample, args, path))
    report(sample, args)
    print(f"written: {path}")
    return 0


def run_unnoticed(
    sample: list[Outcome],
    tests_of: Callable[[str], list[str]],
    copies: Sequence[Path],
    keep: Callable[[], None],
) -> None:
    """Run the mutants that were not noticed yet and have tests, one in each copy at a time; keep each outcome."""
    unknown = [
        index for index, outcome in enumerate(sample) if not outcome.noticed and tests_of(outcome.mutant.file)
    ]
    tests = sorted({test for index in unknown for test in tests_of(sample[index].mutant.file)})
    limits = baseline_limits(copies[0], tests)
    free = list(copies)

    def run(index: int) -> tuple[int, bool]:
        copy, mutant = free.pop(), sample[index].mutant  # one thread for each copy: there is always one
        try:
            return index, is_noticed(mutant, copy, {test: limits[test] for test in tests_of(mutant.file)})
        finally:
            free.append(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        done = tqdm(pool.map(run, unknown), total=len(unknown), desc="mutants", disable=None)
        for index, noticed in done:
            sample[index] = replace(sample[index], noticed=noticed)
            keep()


def noticed_before(path: Path) -> set[str]:
    """Return the patches of the mutants that an earlier run saw noticed."""
    if not path.is_file():
        return set()
    rows = json.loads(path.read_text(encoding="utf-8"))["mutants"]
    return {row["patch"] for row in rows if row["noticed"]}


def sampled(args: argparse.Namespace) -> list[Mutant]:
    """Return the sample of a command line."""
    return draw_sample(args.parts, args.per_part, random.Random(args.seed))


def draw_sample(parts: list[str], per_part: int, rng: random.Random) -> list[Mutant]:
    """Return some mutants of each part, all its places being as likely."""
    sample = []
    for part in parts:
        mutants = list(mutants_of(part))
        sample += rng.sample(mutants, min(per_part, len(mutants)))
    return sample


def mutants_of(part: str) -> Iterator[Mutant]:
    """Yield all mutants of a part."""
    for path in sorted((PROJECT_ROOT / LIBRARY).glob(PARTS[part])):
        tree = get_ast(path.read_text(encoding="utf-8"))
        for operator in OPERATORS:
            for occurrence in range(count_places(tree, operator)):
                yield Mutant(part, str(path.relative_to(PROJECT_ROOT)), operator, occurrence)


def count_places(node: object, operator: str) -> int:
    """Return how often an operator can change a syntax tree."""
    own = sum(1 for _ in get_operator(operator)().mutation_positions(node))
    return own + sum(count_places(child, operator) for child in getattr(node, "children", ()))


def own_tests(file: str) -> list[str]:
    """Return the tests of a module: those of its name in its package's folder, or all of that folder."""
    path, (folder,) = Path(file), package_tests(file)
    named = [
        test
        for test in (PROJECT_ROOT / folder).rglob("test_*.py")
        if path.stem in test.stem or test.stem[5:] in path.stem
    ]
    return sorted(str(test.relative_to(PROJECT_ROOT)) for test in named) or [folder]


def package_tests(file: str) -> list[str]:
    """Return the folder of the tests of a module's package."""
    folder = PROJECT_ROOT / "tests" / Path(file).relative_to(LIBRARY).parent
    while not folder.is_dir():
        folder = folder.parent
    return [str(folder.relative_to(PROJECT_ROOT))]


def further_tests(file: str) -> list[str]:
    """Return the tests of a module's package; none where these are its own already."""
    own = own_tests(file)
    return [folder for folder in package_tests(file) if folder not in own]


def copy_project(folder: Path) -> Path:
    """Copy what tests need of the project."""
    folder.mkdir()
    for pattern in COPIED:
        for path in PROJECT_ROOT.glob(pattern):
            if path.is_dir():
                shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, folder)
    return folder


def run_tests(folder: Path, tests: list[str], limit_s: float | None) -> bool:
    """Run tests in a copy; return whether they pass in time."""
    shared = os.environ.get("SPECTRAL_TRANSCODER_SHARED", str(PROJECT_ROOT.parent / "shared"))
    environment = os.environ | {
        "PYTHONPATH": str(folder), "SPECTRAL_TRANSCODER_SHARED": shared, "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return process.wait(limit_s) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def baseline_limits(folder: Path, tests: list[str]) -> dict[str, float]:
    """Return how long each test may take on a mutant; stop where one fails on the unchanged copy."""
    limits = {}
    for test in tqdm(tests, desc="unchanged", disable=None):
        start = time.monotonic()
        if not run_tests(folder, [test], None):
            raise SystemExit(f"{test} fails without a change: nothing could be said of mutants")
        limits[test] = max(SHORTEST_LIMIT_S, LONGER * (time.monotonic() - start))
    return limits


def is_noticed(mutant: Mutant, folder: Path, limits: dict[str, float]) -> bool:
    """Run tests, each with its limit, on a mutant in a copy, which is as before then; return whether they fail."""
    path = folder / mutant.file
    original = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutant.code(original), encoding="utf-8")
        return not run_tests(folder, list(limits), sum(limits.values()))
    finally:
        path.write_text(original, encoding="utf-8")


def report(outcomes: list[Outcome], args: argparse.Namespace) -> None:
    """Print the score of each part and the survivors."""
    print("| part | mutants | noticed |\n|---|---|---|")
    for part in [*args.parts, "all"]:
        own = [outcome.noticed for outcome in outcomes if part in ("all", outcome.mutant.part)]
        print(f"| {part} | {len(own)} | {sum(own)} ({100 * sum(own) / max(1, len(own)):.0f} %) |")
    for outcome in outcomes:
        if not outcome.noticed:
            print(f"\nsurvived: {outcome.patch}")


def write(outcomes: list[Outcome], args: argparse.Namespace, path: Path) -> None:
    """Write the outcomes; a mutant that was not run yet counts as not noticed."""
    rows = [
        asdict(outcome.mutant) | {"noticed": outcome.noticed, "patch": outcome.patch} for outcome in outcomes
    ]
    content = {"seed": args.seed, "per_part": args.per_part, "mutants": rows}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all of these"
    )
    parser.add_argument("--per_part", type=cli.positive, default=12, help="mutants of each part (default 12)")
    parser.add_argument("--jobs", type=cli.positive, default=2, help="at a time (default 2)")
    parser.add_argument("--seed", type=cli.seed, default=0, help="of the sample (default 0)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the results (default results/)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

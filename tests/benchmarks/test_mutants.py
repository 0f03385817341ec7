"""Mutants: where they are, which tests they meet, and that the four known ones are noticed."""

import json
import random
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("cosmic_ray")


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_a_mutant_changes_one_line():
    from mutants import LIBRARY, Mutant, count_places, get_ast

    code = "A = 3\n\n\ndef f(x):\n    return x + 2 if x < A else -x\n"
    tree = get_ast(code)
    assert count_places(tree, "core/ReplaceBinaryOperator_Add_Sub") == 1
    assert count_places(tree, "core/ReplaceUnaryOperator_USub_UAdd") == 1
    numbers = count_places(tree, "core/NumberReplacer")
    changed = {
        Mutant("signal", f"{LIBRARY}/x.py", "core/NumberReplacer", i).code(code) for i in range(numbers)
    }
    assert {text.splitlines()[0] for text in changed} == {"A = 3", "A = 4", "A = 2"}
    assert len(changed) == numbers == 4
    with pytest.raises(ValueError, match="changes nothing"):
        Mutant("signal", "x.py", "core/NumberReplacer", numbers).code(code)


def test_a_module_is_judged_by_its_own_tests():
    from mutants import own_tests, package_tests

    assert own_tests("spectral_transcoder/models/noise_texture.py") == ["tests/models/test_noise_texture.py"]
    assert own_tests("spectral_transcoder/training/loop.py") == ["tests/training/test_loop.py"]
    assert package_tests("spectral_transcoder/training/loop.py") == ["tests/training"]


def test_the_sample_follows_from_the_seed():
    from mutants import draw_sample

    first, again, other = (draw_sample(["signal", "run store"], 3, random.Random(seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert [mutant.part for mutant in first] == ["signal"] * 3 + ["run store"] * 3


def test_noticed_and_surviving_mutants(tmp_path):
    from mutants import Mutant, is_noticed, own_tests

    package, tests = tmp_path / "spectral_transcoder" / "signal", tmp_path / "tests" / "signal"
    package.mkdir(parents=True)
    tests.mkdir(parents=True)
    file = "spectral_transcoder/signal/framing.py"
    (tmp_path / file).write_text("SECOND = 8\nSHOWN = 5\n")
    (tests / "test_framing.py").write_text(
        "from spectral_transcoder.signal.framing import SECOND\n\n\ndef test_second():\n    assert SECOND == 8\n"
    )
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    assert own_tests(file) == ["tests/signal"]  # it has none of its own
    limits = {"tests/signal": 60.0}
    mutants = [Mutant("signal", file, "core/NumberReplacer", index) for index in (0, 2)]
    assert [is_noticed(mutant, tmp_path, limits) for mutant in mutants] == [True, False]
    assert (tmp_path / file).read_text() == "SECOND = 8\nSHOWN = 5\n"


def test_no_mutant_meets_the_same_tests_twice(tmp_path, monkeypatch):
    """A module without tests of its own has met its package's when those with their own meet them."""
    import mutants

    files = [f"{mutants.LIBRARY}/signal/{name}.py" for name in ("framing", "third_octaves")]
    sample, ran = [mutants.Mutant("signal", file, "core/NumberReplacer", 0) for file in files], []
    monkeypatch.setattr(mutants, "sampled", lambda args: sample)
    monkeypatch.setattr(mutants.Mutant, "patch", lambda mutant: mutant.file)
    monkeypatch.setattr(mutants, "copy_project", lambda folder: folder)
    monkeypatch.setattr(mutants, "baseline_limits", lambda copy, tests: dict.fromkeys(tests, 1.0))
    monkeypatch.setattr(
        mutants,
        "is_noticed",
        lambda mutant, folder, limits: ran.append((Path(mutant.file).stem, *limits)) or False,
    )
    monkeypatch.setattr("sys.argv", ["mutants.py", "--jobs", "1", "--results", str(tmp_path)])
    mutants.main()
    assert ran == [
        ("framing", "tests/signal"),
        ("third_octaves", "tests/signal/test_third_octaves.py"),
        ("third_octaves", "tests/signal"),
    ]


def test_what_was_noticed_is_not_run_again(tmp_path, monkeypatch, capsys):
    import mutants

    monkeypatch.setattr(mutants, "copy_project", lambda folder: folder)
    monkeypatch.setattr(mutants, "baseline_limits", lambda copy, tests: dict.fromkeys(tests, 1.0))
    options = ["--parts", "signal", "--per_part", "4", "--jobs", "1", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["mutants.py", *options])  # one job: they are counted in their order
    ran = []

    def only_the_first(mutant, folder, limits):
        ran.append(mutant)
        if len(ran) > 2:
            raise KeyboardInterrupt
        return len(ran) == 1

    monkeypatch.setattr(mutants, "is_noticed", only_the_first)
    with pytest.raises(KeyboardInterrupt):
        mutants.main()
    noticed = [
        row for row in json.loads((tmp_path / "mutants.json").read_text())["mutants"] if row["noticed"]
    ]
    assert len(noticed) == 1 and noticed[0]["patch"].startswith("spectral_transcoder/signal/")
    monkeypatch.setattr(
        mutants, "is_noticed", lambda mutant, folder, limits: bool(ran.append(mutant)) or True
    )
    first = ran[:]
    mutants.main()
    again = ran[len(first) :]
    assert len(again) == 3 and first[0] not in again
    assert "| all | 4 | 4 (100 %) |" in capsys.readouterr().out

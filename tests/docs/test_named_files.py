"""Files that the README, the pages of docs/ and the texts in folders name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("results", "reference_models", "audio")
WRITTEN_ON_DEMAND = {"results/mutants.json"}  # by make mutants, in hours
FILE = r"[\w.*=+-]+\.\w+"  # also a glob; what has no suffix is a folder, of a dataset say


def named_files():
    """Return (text, file) for each that stands in quotes: `results/x.csv`, or `results/x.csv` and `.png`."""
    pages = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
    texts = [(page, "", rf"(?:{'|'.join(FOLDERS)})/{FILE}") for page in pages]
    # in a folder's own text, names without folder
    texts += [
        (f"{folder}/README.md", f"{folder}/", r"[\w-]+\.(?:csv|json|ogg|png|yaml)") for folder in FOLDERS
    ]
    found = []
    for text, folder, pattern in texts:
        path = ROOT / text
        spans = re.findall(rf"`({pattern})`(?: and `(\.\w+)`)?", path.read_text()) if path.is_file() else []
        for name, further in spans:
            found.append((text, folder + name))
            if further:
                found.append((text, folder + name.rpartition(".")[0] + further))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("text", "name"), named_files())
def test_a_file_that_a_text_names_is_there(text, name):
    assert list(ROOT.glob(name)) or name in WRITTEN_ON_DEMAND, (
        f"{text} names {name}: commit it, or correct the text"
    )


def test_texts_are_read():
    assert {"results", "reference_models", "audio"} == {name.partition("/")[0] for _, name in named_files()}

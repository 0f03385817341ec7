"""The lines of Python of the pages run as they stand, in a fresh clone."""

import pytest

from tests.helpers.pages import blocks

# what a snippet needs beside the clone: commands, or downloaded weights
NEEDS_DATASET = "open_dataset("
NEEDS_WEIGHTS = '"YamNetMobile"'
SNIPPETS = blocks("python")


@pytest.mark.parametrize(
    "snippet",
    [
        pytest.param(
            block, marks=[pytest.mark.shared] if NEEDS_WEIGHTS in block.text else [], id=f"{block.page}-{n}"
        )
        for n, block in enumerate(SNIPPETS)
    ],
)
def test_a_snippet_runs(snippet, clone, request):
    if NEEDS_DATASET in snippet.text:
        clone.run("exp_train_model/create_mel_tho_dataset.py")
    if NEEDS_WEIGHTS in snippet.text:
        request.getfixturevalue("clone_with_weights")
    printed = clone.run("-c", snippet.text)
    if "print(" in snippet.text:
        assert printed.strip()


def test_the_readmes_lines_find_the_birds_of_the_park(clone):
    (snippet,) = (block for block in SNIPPETS if block.page == "README.md")
    assert clone.run("-c", snippet.text).strip() == "['Animal', 'Wild animals', 'Bird']"
    assert len([line for line in snippet.text.splitlines() if line and not line.startswith("import")]) <= 6

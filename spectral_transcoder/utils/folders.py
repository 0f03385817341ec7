"""What lies in a folder: all files below it, those behind links too, without what a system hides there."""

from collections.abc import Iterator
from pathlib import Path

# Windows's, those of archives that macOS makes, and of Synology's disks; names that begin with a dot are hidden
# elsewhere, and with ~$ a document's lock
HIDDEN_NAMES = ("thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "__macosx", "@eadir")
HIDDEN_STARTS = (".", "~$")


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is one that a system hides: `._day.csv`, `.DS_Store`, `Thumbs.db`."""
    return path.name.startswith(HIDDEN_STARTS) or path.name.lower() in HIDDEN_NAMES


def files_below(folder: Path, skipped_suffixes: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield the files in a folder and the folders below it, without hidden ones; links may be broken.

    A folder that is reached in several ways, by a link that leads back up for instance, is searched once, under
    its own name where that is below `folder`. Folders whose names end with one of `skipped_suffixes` are passed
    over.
    """
    searched: set[Path] = set()
    waiting: list[Path] = [folder]
    links: list[Path] = []
    while waiting or links:
        current = waiting.pop() if waiting else links.pop(0)
        real = current.resolve()
        if real in searched:
            continue
        searched.add(real)
        for path in sorted(current.iterdir()):
            if is_hidden(path):
                continue
            if not path.is_dir():
                yield path
            elif not path.name.endswith(skipped_suffixes):
                (links if path.is_symlink() else waiting).append(path)

"""What is printed of a dataset once it is created: its sizes, and the clips that were left out."""

import sys
from pathlib import Path
from typing import Any

from spectral_transcoder.utils.cli import completeness
from spectral_transcoder.utils.words import counted

N_SHOWN = 20  # skipped clips that are listed; the manifest has them all


def print_contents(manifest: dict[str, Any], folder: Path) -> None:
    """Print the clips and seconds of each split, and how large and how complete the dataset in a folder is."""
    for split, count in manifest["counts"].items():
        made = f", {count['made_chunks']} of them made" if "made_chunks" in count else ""
        print(f"{split}: {counted(count['clips'], 'clip')}, {counted(count['chunks'], 'second')}{made}")
    size = sum(file["bytes"] for file in manifest["files"].values())
    n_clips = sum(count["clips"] for count in manifest["counts"].values())
    n_unreadable = sum(clip["unreadable"] for clip in manifest["skipped"])
    print(f"{folder} ({size / 1e9:.3f} GB) is {completeness(n_clips, n_unreadable)}")


def report_skipped(skipped: list[dict[str, Any]]) -> int:
    """List the clips that were left out; return 1 where some could not be read, else 0."""
    unreadable = [clip for clip in skipped if clip["unreadable"]]
    if len(skipped) > len(unreadable):
        short = counted(len(skipped) - len(unreadable), "clip is", "clips are")
        print(f"{short} shorter than a second and left out")
    for clip in unreadable[:N_SHOWN]:
        print(f"error: {clip['reason']}", file=sys.stderr)
    if unreadable:
        clips = counted(len(unreadable), "clip")
        print(f"error: {clips} could not be read; the manifest lists all", file=sys.stderr)
    return 1 if unreadable else 0

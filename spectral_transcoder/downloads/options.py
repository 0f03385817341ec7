"""The options that both download commands have, read before anything heavy is imported."""

import argparse
from pathlib import Path

from spectral_transcoder.utils.paths import PROJECT_ROOT

MIRROR_VARIABLE = "SPECTRAL_TRANSCODER_MIRROR"
SHIPPED_MANIFEST = Path(__file__).resolve().parents[1] / "resources" / "downloads_manifest.yaml"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that both commands have to an argparse parser."""
    parser.add_argument(
        "--output", type=Path, default=PROJECT_ROOT, help="folder to fill (the project's root)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="show files, sizes and state; download nothing")
    what.add_argument("--check", action="store_true", help="verify what is there; download nothing")
    parser.add_argument(
        "--mirror",
        metavar="URL_OR_FOLDER",
        help="take every file from here, under the names that --list shows "
        f"(default: the environment variable {MIRROR_VARIABLE}; without it, the publishers)",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        default=SHIPPED_MANIFEST,
        help="another list of files, in the form of spectral_transcoder/resources/downloads_manifest.yaml",
    )

"""Options of experiment 3: which recordings, their levels, and further transcoders."""

from pathlib import Path

from spectral_transcoder.datasets.names import TABLE_OF_PRESENCE
from spectral_transcoder.signal.reading import add_reading_options
from spectral_transcoder.utils.cli import Container, add_models_path, comma_list
from spectral_transcoder.utils.paths import REFERENCE_MODELS

SOUND, LEVELS = "sound", "levels"


def add_options(parser: Container) -> None:
    """Add the options of experiment 3."""
    add = parser.add_argument
    add("--recordings", type=Path, required=True, help="folder of the recordings and of their table")
    add(
        "--annotations",
        type=Path,
        help=f"the table (default: {TABLE_OF_PRESENCE} in the folder of recordings)",
    )
    add("--levels", type=Path, help="a .npz of the recordings' third octaves: the plan `levels`")
    add("--period", type=float, help="seconds from one level to the next (default: as in levels_128ms.npz)")
    add("--offset", type=float, help="dB that bring levels to dBFS (default: each recording normalised)")
    add(
        "--trained",
        type=comma_list,
        action="extend",
        default=[],
        metavar="NAME=FILE,…",
        help="further trained transcoders, each for the classifiers whose Mels it makes",
    )
    add_reading_options(parser)
    add_models_path(parser)
    add("--reference_models_path", type=Path, default=REFERENCE_MODELS, help="folder of trained transcoders")

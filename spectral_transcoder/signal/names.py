"""Names and settings of analyses, for command lines that are read before anything heavy is imported.

`third_octaves.py` and `mel_spectrograms.py` hold the analyses; a test compares the two.
"""

from spectral_transcoder.utils.cli import Container

EDGES = ("dcase2023", "sensor")
THIRD_OCTAVE_DEFAULTS: dict[str, int | float | str] = {
    "sr": 32000,
    "frame_length": 4096,
    "hop_length": 4000,
    "lowest_band": -17,
    "n_bands": 29,
    "edges": "dcase2023",
    "offset_db": 26.0,
}
EVERY_SECOND_S = 1.0
PERIODS_S = (0.125, EVERY_SECOND_S)  # of levels that there are transcoders for
EVERY_SECOND = (
    "-1s"  # how the names of datasets of levels every second end, and so those of what was trained on them
)
FRONT_END_NAMES = ("PANN", "YamNet", "EfficientAT")
PUBLISHED_FRONT_ENDS = ("PANN", "YamNet")


def add_period_option(parser: Container) -> None:
    """Add the option that says how far apart levels are: 125 ms, or a second."""
    parser.add_argument(
        "--period",
        type=float,
        choices=PERIODS_S,
        default=PERIODS_S[0],
        help="of the levels in s: 0.125, or 1, for which frames and hops are of 1 s",
    )

"""How sounds are read, and the options that say so in every script that reads some; nothing heavy is imported."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectral_transcoder.utils.cli import Container, whole_number


@dataclass(frozen=True)
class Reading:
    """How sounds are read.

    Attributes
    ----------
    channel : int or None
        Which channel is taken, counted from 1; None averages all of them.
    accept_truncated : bool
        Whether what is there of a file that was cut off is used, and reported, instead of refusing it.
    decoded_in : Path or None
        A folder in which what ffmpeg decodes is kept while there is room, for those that read sounds several times;
        it changes nothing of what is read, and whoever names it removes it.
    """

    channel: int | None = None
    accept_truncated: bool = False
    decoded_in: Path | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what the samples depend on."""
        return {"channel": self.channel, "accept_truncated": self.accept_truncated}


AS_USUAL = Reading()


def add_reading_options(parser: Container) -> None:
    """Add the options of how sounds are read."""
    parser.add_argument(
        "--channel", type=channel, metavar="N|mean", help="the channel of sounds that is taken (default mean)"
    )
    parser.add_argument(
        "--accept_truncated", action="store_true", help="use what is there of sounds that were cut off"
    )


def reading_of(options: argparse.Namespace) -> Reading:
    """Return how sounds are read by the options of `add_reading_options`."""
    return Reading(options.channel, options.accept_truncated)


def channel(text: str) -> int | None:
    """Return the channel that an option's text is: None is the mean of all; a type for argparse."""
    return None if text == "mean" else whole_number(text, 1)

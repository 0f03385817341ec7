"""Replay a file of levels as a sensor sends them: a row of CENSE's csv on standard output, each when it is due.

    python3 replay_levels.py day.csv | python3 classify_thirdo.py - --follow --offset -88
    python3 replay_levels.py street.wav --from_audio --speed 10 > grows.csv

Input: levels in any format that classify_thirdo.py reads, or a sound, whose levels are 88 dB above full scale.
Output: `epoch,20,25,…,12500`, times counted from now on. Takes as long as was measured, over --speed.
"""

import argparse
import sys
import time
from pathlib import Path

from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli


def main() -> None:
    """Print the rows, each when it is due."""
    args = parse_arguments()
    import numpy as np

    from spectral_transcoder.sensors.frame_checks import Findings
    from spectral_transcoder.sensors.levels import NOMINAL_HZ
    from spectral_transcoder.sensors.reading import read_levels
    from spectral_transcoder.sensors.sounds import audio_blocks

    findings = Findings()
    if args.from_audio:
        blocks = audio_blocks(args.file, reading=reading_of(args), findings=findings)
    else:
        blocks = read_levels(args.file, findings)
    above_db = 88 if args.from_audio else 0
    began, started_s = time.time(), time.monotonic()  # the clock may be set while rows are waited for
    first_s = None
    print(",".join(["epoch", *NOMINAL_HZ]), flush=True)
    for block in blocks:
        for epoch_s, levels_db in zip(block.epoch_s, block.levels_db + above_db, strict=True):
            first_s = epoch_s if first_s is None else first_s
            now_s = began + epoch_s - first_s
            due_s = started_s + (epoch_s - first_s + block.period_s) / args.speed
            time.sleep(max(0.0, due_s - time.monotonic()))
            cells = ("" if np.isnan(level) else f"{level:.2f}" for level in levels_db)
            print(f"{now_s:.3f},{','.join(cells)}", flush=True)
    for line in findings.lines():
        print(f"note: {line}", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("file", type=Path, help="a file of levels, or a sound")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as measured (default 1)")
    parser.add_argument(
        "--from_audio", action="store_true", help="the file is a sound: compute its levels first"
    )
    add_reading_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

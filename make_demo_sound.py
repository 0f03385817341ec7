"""Make a synthetic street, so that the audio job can be tried without a recording.

    python3 make_demo_sound.py demo_street.wav [--duration_s 10] [--seed 0]

Output: audio/demo_street.wav (32 kHz, mono, 16 bit). Takes a second.
"""

import argparse
from pathlib import Path

from spectral_transcoder import cli
from spectral_transcoder.audio import write_wav
from spectral_transcoder.errors import UsageError
from spectral_transcoder.paths import AUDIO
from spectral_transcoder.synthesis import street_scene

SR = 32000


def main():
    """Write the sound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "name", type=Path, help="file to write: a bare name goes to audio/, a path where it says"
    )
    parser.add_argument("--duration_s", type=float, default=10.0, help="duration in seconds (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the random parts (default 0)")
    args = parser.parse_args()
    if not 0.01 <= args.duration_s <= 3600:
        raise UsageError(f"--duration_s {args.duration_s}: expected 0.01 to 3600 seconds")
    path = AUDIO / args.name if args.name == Path(args.name.name) else args.name
    write_wav(path, street_scene(args.duration_s, SR, args.seed), SR)
    print(f"written: {path}")


if __name__ == "__main__":
    cli.run(main)

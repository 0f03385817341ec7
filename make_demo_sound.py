"""Make a synthetic street, so that the audio job can be tried without a recording.

    python3 make_demo_sound.py demo_street.wav [--duration_s 10] [--seed 0]
    python3 make_demo_sound.py city_park.ogg --place park --seed 41

Output: audio/demo_street.wav (32 kHz, mono; 16 bit, or Vorbis for .ogg). Without `--place` it is a plain street
for trials; with it, a scene of the synthetic city. Takes a second.
"""

import argparse
import filecmp
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.synthetic_city.names import PLACE_NAMES
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import AUDIO

if TYPE_CHECKING:
    import numpy as np

SR = 32000
SUFFIXES = (".wav", ".ogg")


def main() -> None:
    """Write the sound."""
    args = parse_arguments()
    from spectral_transcoder.signal.audio import write_ogg, write_wav

    samples = make_sound(args)
    write = write_wav if args.path.suffix.lower() == ".wav" else write_ogg
    if args.path.exists() and not args.force:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder, args.path.name), samples, SR)
            if not filecmp.cmp(args.path, Path(folder, args.path.name), shallow=False):
                raise UsageError(f"{args.path} is another sound: --force replaces it, another name keeps it")
    write(args.path, samples, SR)
    print(f"written: {args.path}")


def make_sound(args: argparse.Namespace) -> "np.ndarray":
    """Return the sound that the options mean: (n,)."""
    import numpy as np

    from spectral_transcoder.synthetic_city.demo_street import street_scene
    from spectral_transcoder.synthetic_city.scenes import PLACES, SHORTEST_S, draw_scene

    if args.place is None:
        return street_scene(args.duration_s, SR, args.seed)
    if args.duration_s < SHORTEST_S:
        raise UsageError(f"--duration_s {args.duration_s}: a scene of the city takes {SHORTEST_S} s or more")
    scene = draw_scene(PLACES[args.place], args.duration_s, np.random.default_rng(args.seed))
    for event in scene.events:
        print(f"{event.onset_s:6.2f} to {event.offset_s:5.2f} s: {event.kind}, {event.distance_m:.0f} m away")
    return scene.render(SR)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "name", type=Path, help="file to write: a bare name goes to audio/, a path where it says"
    )
    parser.add_argument("--duration_s", type=float, default=10.0, help="duration in seconds (default 10)")
    parser.add_argument("--seed", type=cli.seed, default=0, help="of the random parts (default 0)")
    parser.add_argument("--place", choices=PLACE_NAMES, help="a place of the synthetic city")
    parser.add_argument("--force", action="store_true", help="replace another sound of that name")
    args = parser.parse_args()
    if not 0.01 <= args.duration_s <= 3600:
        raise UsageError(f"--duration_s {args.duration_s}: expected 0.01 to 3600 seconds")
    args.path = AUDIO / args.name if args.name == Path(args.name.name) else args.name
    if args.path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{args.path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    return args


if __name__ == "__main__":
    cli.run(main)

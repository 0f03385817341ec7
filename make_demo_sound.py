"""Make a synthetic street, so that the audio job can be tried without a recording.

    python3 make_demo_sound.py demo_street.wav [--duration_s 10] [--seed 0]
    python3 make_demo_sound.py city_park.ogg --place park --seed 41

Output: audio/demo_street.wav (32 kHz, mono; 16 bit, or Vorbis for .ogg). Without `--place` it is a plain street
for trials; with it, a scene of the synthetic city. Takes a second.
"""

from pathlib import Path

import numpy as np

from spectral_transcoder.signal.audio import write_ogg, write_wav
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.synthetic_city.scenes import PLACES, SHORTEST_S, draw_scene
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import AUDIO

SR = 32000
WRITERS = {".wav": write_wav, ".ogg": write_ogg}


def main():
    """Write the sound."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "name", type=Path, help="file to write: a bare name goes to audio/, a path where it says"
    )
    parser.add_argument("--duration_s", type=float, default=10.0, help="duration in seconds (default 10)")
    parser.add_argument("--seed", type=cli.seed, default=0, help="of the random parts (default 0)")
    parser.add_argument("--place", choices=PLACES, help="a place of the synthetic city")
    args = parser.parse_args()
    if not 0.01 <= args.duration_s <= 3600:
        raise UsageError(f"--duration_s {args.duration_s}: expected 0.01 to 3600 seconds")
    if args.place and args.duration_s < SHORTEST_S:
        raise UsageError(f"--duration_s {args.duration_s}: a scene of the city takes {SHORTEST_S} s or more")
    path = AUDIO / args.name if args.name == Path(args.name.name) else args.name
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"{path}: expected a name that ends in {' or '.join(WRITERS)}")
    WRITERS[path.suffix.lower()](path, make_sound(args), SR)
    print(f"written: {path}")


def make_sound(args):
    """Return the sound that the options mean: (n,)."""
    if args.place is None:
        return street_scene(args.duration_s, SR, args.seed)
    scene = draw_scene(PLACES[args.place], args.duration_s, np.random.default_rng(args.seed))
    for event in scene.events:
        print(f"{event.onset_s:6.2f} to {event.offset_s:5.2f} s: {event.kind}, {event.distance_m:.0f} m away")
    return scene.render(SR)


if __name__ == "__main__":
    cli.run(main)

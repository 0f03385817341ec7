"""Make a small corpus of synthetic urban scenes, in the layout of one that the experiments know.

    python3 make_city.py TAU --clips 100 --output city            # city/TAU-urban-acoustic-scenes-2020-…/
    python3 make_city.py URBAN-SOUND-8K --clips 200 --output city # city/URBAN-SOUND-8K/
    python3 make_city.py SONYC-UST --clips 100 --output city      # city/SONYC-UST/
    python3 make_city.py TAU --without birds --output birdless    # the same scenes, less their birds

Output: a folder as download_datasets.py leaves it: audio, tables, and scenes/<clip>.json, which lists the events
of each clip; its path is what --audio_dataset_path of the experiments' scripts expects. The same
command goes on where it was stopped, and with more --clips it lets the city grow. A clip's bytes depend on --seed,
and neither on --clips nor on --jobs.
Takes about 0.2 s of a core for each clip of ten seconds.
"""

import sys
from pathlib import Path

from spectral_transcoder.synthetic_city.names import LAYOUT_FOLDERS
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.parallel import available_cores
from spectral_transcoder.utils.paths import PROJECT_ROOT
from spectral_transcoder.utils.words import counted


def main() -> None:
    """Write the corpus and print where it is."""
    parser = cli.Parser(__doc__)
    parser.add_argument("layout", choices=LAYOUT_FOLDERS, help="whose layout")
    parser.add_argument("--clips", type=cli.positive, default=100, help="how many (default 100)")
    parser.add_argument("--seed", type=cli.seed, default=0, help="seed of all scenes (default 0)")
    parser.add_argument(
        "--output", type=Path, default=PROJECT_ROOT, help="where its folder goes (default: here)"
    )
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="KIND", help="kinds of events left out of TAU's scenes"
    )
    parser.add_argument(
        "--jobs", type=cli.positive, default=available_cores(), help="processes (default %(default)s)"
    )
    args = parser.parse_args()
    from spectral_transcoder.synthetic_city.corpora import make_corpus

    folder = args.output / LAYOUT_FOLDERS[args.layout]

    def report(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"{done} of {counted(total, 'clip')} made", file=sys.stderr)

    clips = make_corpus(args.layout, folder, args.clips, args.seed, args.jobs, report, args.without)
    seconds = sum(clip.scene.duration_s for clip in clips)
    print(f"{folder}: {counted(len(clips), 'clip')}, {seconds / 60:.1f} min of a synthetic city")


if __name__ == "__main__":
    cli.run(main)

"""Download the three datasets of the paper and lay them out as the experiments read them.

    python3 download_datasets.py
    python3 download_datasets.py --output mypath
    python3 download_datasets.py --audio_dataset_name URBAN-SOUND-8K,SONYC-UST

Input: the internet, or `--mirror` (docs/downloads.md).
Output, below `--output`:
    TAU-urban-acoustic-scenes-2020-mobile-development/{audio/*.wav,evaluation_setup/*.csv,meta.csv}
    SONYC-UST/{audio/*.wav,annotations.csv}
    URBAN-SOUND-8K/{audio/*.wav,metadata/UrbanSound8K_recalculated.csv}
with 23,040, 18,510 and 8,732 clips: counted, and verified by checksum.
Duration: 47 GB, so about an hour and a quarter at 100 Mbit/s, and a quarter of an hour to unpack.
An interrupted run goes on where it stopped.
"""

from spectral_transcoder.downloads.options import add_options
from spectral_transcoder.utils import cli


def main() -> int:
    """Fetch and unpack, list or check the chosen datasets."""
    parser = cli.Parser(__doc__, allow_abbrev=False)
    parser.add_argument(
        "--audio_dataset_name",
        "--dataset",
        metavar="NAMES",
        help="TAU, SONYC-UST, URBAN-SOUND-8K: a comma list (all)",
    )
    parser.add_argument(
        "--keep_archives", action="store_true", help="do not delete the archives once unpacked"
    )
    add_options(parser)
    options = parser.parse_args()
    from spectral_transcoder.downloads import commands
    from spectral_transcoder.downloads.datasets import DatasetFolder
    from spectral_transcoder.downloads.manifest import choose, load_manifest

    chosen = options.audio_dataset_name
    datasets = choose(load_manifest(options.manifest).datasets, chosen, "--audio_dataset_name")
    return commands.run(
        [DatasetFolder(dataset, options.output, options.keep_archives) for dataset in datasets], options
    )


if __name__ == "__main__":
    cli.run(main)

"""Make one page of everything that the experiments left: results, training curves, spectrograms, sounds.

    python3 make_report.py
    python3 make_report.py --data_path city/data --generated_audio generated_audio --output export/report

Input: the data path of the experiments, and the folders that generate_audio.py left; for parts that are not
there yet the page names the command that makes them.
Output: export/report/index.html, and what it shows in media/ beside it: the folder can be moved or put on a
web server as it is; nothing is fetched from elsewhere. Sounds and pictures of the report that was there before are
removed. What cannot be read is left out, and listed on the page and on stderr. Takes seconds for each sound.
"""

import argparse
import math
import sys
from pathlib import Path

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import EXPORT, GENERATED_AUDIO
from spectral_transcoder.utils.words import counted


def main() -> None:
    """Gather what there is, and write the page."""
    args = parse_arguments()
    from tqdm import tqdm

    from spectral_transcoder.models.classifiers import available_classifiers
    from spectral_transcoder.report.gather import COMMANDS, EXPERIMENTS, Places, curves_of
    from spectral_transcoder.report.page import MEDIA, TITLE, Report, claim_folder, write_page
    from spectral_transcoder.report.provenance import provenance_of
    from spectral_transcoder.report.runs import find_datasets
    from spectral_transcoder.report.sounds import bring_sound, find_sounds

    claim_folder(args.output, TITLE)
    folders = find_sounds(args.generated_audio)[: args.sounds]
    classifiers = available_classifiers()
    left_out: list[str] = []
    brought = [
        bring_sound(folder, args.output / MEDIA, classifiers, args.longest_s, left_out)
        for folder in tqdm(folders, desc="sounds", unit="sound", leave=False)
    ]
    sounds = [sound for sound in brought if sound is not None]
    places = Places(args.data_path, args.dataset_path)
    runs = [(experiment, experiment.runs(args.data_path, left_out)) for experiment in EXPERIMENTS]
    report = Report(
        studies=[experiment.study(found, places) for experiment, found in runs],
        sounds=sounds,
        curves=curves_of(args.data_path, left_out),
        runs=[
            provenance_of(run, experiment.command_of(run, places))
            for experiment, found in runs
            for run in found
        ],
        datasets=find_datasets(places.datasets, left_out),
        commands=COMMANDS,
        left_out=left_out,
    )
    path = write_page(report, args.output)
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    contents = ((report.runs, "result"), (report.curves, "training"), (sounds, "sound"))
    print(f"{', '.join(counted(len(made), noun) for made, noun in contents)}: open {path}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    cli.add_data_path(parser)
    parser.add_argument(
        "--dataset_path", type=Path, help="folder of the datasets (default: data in --data_path)"
    )
    parser.add_argument(
        "--generated_audio", type=Path, default=GENERATED_AUDIO, help="folder that generate_audio.py wrote to"
    )
    parser.add_argument(
        "--output", type=Path, default=EXPORT / "report", help="folder (default export/report)"
    )
    parser.add_argument("--sounds", type=int, default=6, help="how many recordings at most (default 6)")
    parser.add_argument(
        "--longest_s",
        type=float,
        default=30.0,
        help="seconds of each recording that are shown, played and classified (default 30)",
    )
    args = parser.parse_args()
    if args.sounds < 0 or not 0.1 <= args.longest_s < math.inf:  # not a number is neither
        raise UsageError(
            f"--sounds {args.sounds}, --longest_s {args.longest_s}: expected 0 or more, and 0.1 s or more"
        )
    return args


if __name__ == "__main__":
    cli.run(main)

"""Calibrate the presence of traffic, voices and birds: what a score means, for a classifier behind a transcoder.

    python3 make_city.py TAU --clips 160 --output city
    python3 calibrate_presence.py city/TAU-urban-acoustic-scenes-2020-mobile-development/audio
    python3 calibrate_presence.py --annotations my_streets/time_of_presence.csv --window_s 3

Input: sounds of streets, without labels, or recordings whose times of presence people gave (recording, traffic,
voices, birds; each 0 … 1; the recordings beside the table). Output: a small file beside the classifier's weights,
which classify_thirdo.py finds: it then writes <class>_probability. Calibrations are for one length of windows.
Takes a second for each 10 s of sound on one core.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_transcoder.models.names import add_model_options
from spectral_transcoder.signal.names import add_period_option
from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.paths import AUDIO

if TYPE_CHECKING:
    from spectral_transcoder.sensors.presence_calibration import PresenceCalibration


def main() -> int:
    """Calibrate, say what was found, and write the file; return 1 where sounds could not be read."""
    args = parse_arguments()
    from spectral_transcoder.datasets.annotated_recordings import read_times_of_presence
    from spectral_transcoder.sensors.classify import SensorClassifier
    from spectral_transcoder.sensors.frame_checks import Findings
    from spectral_transcoder.sensors.levels import record_of_frames
    from spectral_transcoder.sensors.models import choose_classifier, choose_transcoder
    from spectral_transcoder.sensors.presence_calibration import (
        calibrate_by_people,
        calibrate_by_true_mels,
        claim_calibration,
        save_calibration,
    )
    from spectral_transcoder.signal.sound_files import list_audio

    classifier = choose_classifier(args.classifier, args.weights)
    transcoder, which = choose_transcoder(
        classifier.record.name, args.transcoder, third_octaves=record_of_frames(args.period)
    )
    model = SensorClassifier(transcoder, classifier)
    claim_calibration(model, args.window_s, args.output, args.weights)
    print(f"classifier: {classifier.record.name}; transcoder: {which}")
    reading, findings, failed = reading_of(args), Findings(), dict[Path, str]()
    left_out: list[str] = []
    if args.annotations:
        annotated = read_times_of_presence(args.annotations)
        folder = args.annotations.parent
        calibration = calibrate_by_people(model, annotated, folder, args.window_s, reading, findings)
    else:
        sounds, left_out = list_audio(args.sounds, AUDIO)
        calibration = calibrate_by_true_mels(model, sounds, args.window_s, reading, findings, failed)
    describe(calibration)
    print(f"written: {save_calibration(calibration, model, args.output, args.weights)}")
    cli.print_notes(findings.notes)
    for reason in (*failed.values(), *left_out):
        print(f"error: {reason}", file=sys.stderr)
    return 1 if failed or left_out else 0


def describe(calibration: "PresenceCalibration") -> None:
    """Print how often each class is present, its threshold, and how good its probability is."""
    made = calibration.provenance
    for name, one in calibration.classes.items():
        print(
            f"{name}: present in {100 * made['present_share'][name]:.1f} % of {made['windows']} windows; threshold "
            f"{one.threshold:.4f}; Brier score {made['brier_score'][name]:.4f}"
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("sounds", nargs="*", help="sounds of streets, or folders of them")
    add("--annotations", type=Path, help="times of presence by people, a csv beside its recordings")
    add_model_options(parser)
    add("--window_s", type=cli.positive, default=1, help="duration of the windows (default 1)")
    add_period_option(parser)
    add_reading_options(parser)
    add("--output", type=Path, help="folder of the file (default: beside the classifier's weights)")
    args = parser.parse_args()
    if bool(args.sounds) == bool(args.annotations):
        raise UsageError("calibrated on what? Give sounds, or --annotations")
    return args


if __name__ == "__main__":
    cli.run(main)

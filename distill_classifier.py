"""Make MiniYamNet: train a small classifier on the scores of a large one.

    python3 distill_classifier.py my_sounds more_sounds --evaluate_on held_out_sounds
    python3 distill_classifier.py audio/fold1 audio/fold3 city --evaluate_on audio/fold2
    python3 distill_classifier.py my_sounds --teacher EfficientAT-mn10 --student EfficientAT-mn04 --output mine.pt

Input: folders of sounds, in any format and rate, and the teacher's weights (python3 download_pretrained_models.py
--models YamNetMobile).
Output: reference_models/MiniYamNet.pth, 1.5 MB, and MiniYamNet.json beside it: how it was made and, of the
sounds of --evaluate_on, how often its first label is its teacher's.

By default 24,000 seconds drawn from the sounds, half of them mixed by two, 20 times: about 20 minutes on two
cores. The same command goes on with a run that was stopped. Weights that are there, such as those that come with
the project, are replaced with --force only; --output says where else others go.
"""

import argparse
import json
import sys
from pathlib import Path

from spectral_transcoder.models.names import CLASSIFIER_NAMES, SMALLEST_CLASSIFIER, STUDENT
from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.training.recipe import HELD_OUT, Recipe
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.paths import REFERENCE_MODELS
from spectral_transcoder.utils.words import counted


def main() -> int:
    """Train the student, measure it, and write the weights and how they were made."""
    args = parse_arguments()
    from spectral_transcoder.models.classifiers import classifier_record
    from spectral_transcoder.training.distillation import read_sounds
    from spectral_transcoder.training.student_training import Distillation, make_student

    recipe = Recipe(
        args.epochs, args.learning_rate, seed=args.seed, warmup_steps=100, schedule="cosine", clip_norm=1.0
    )
    weights = args.weights or classifier_record(args.teacher).path_in(args.models_path)
    made = Distillation(args.teacher, args.student, weights, args.seconds, recipe, args.output)
    sounds, unreadable = read_sounds(args.folders, made.sr, reading_of(args))
    held_out, left_out = read_sounds(args.evaluate_on, made.sr, reading_of(args))
    print(f"{counted(len(sounds), 'sound')} to learn from, {len(held_out)} to evaluate on")

    learned, measured = list(sounds.values()), list(held_out.values())
    card = make_student(made, args.folders, learned, args.evaluate_on, measured)

    print(json.dumps(card.get("agreement", {}), indent=2))
    for reason in unreadable + left_out:
        print(f"error: {reason}", file=sys.stderr)
    print(f"written: {made.output}, {made.card_path}")
    return 1 if unreadable or left_out else 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="sounds to learn from")
    parser.add_argument("--evaluate_on", nargs="+", type=Path, default=[], help="sounds to measure on")
    parser.add_argument(
        "--teacher",
        choices=CLASSIFIER_NAMES,
        default=SMALLEST_CLASSIFIER,
        help=f"default {SMALLEST_CLASSIFIER}",
    )
    parser.add_argument(
        "--student",
        choices=CLASSIFIER_NAMES,
        default=STUDENT,
        help=f"with the teacher's Mels (default {STUDENT})",
    )
    parser.add_argument(
        "--weights", "--teacher_weights", type=Path, help="the teacher's file (default: in --models_path)"
    )
    cli.add_models_path(parser)
    parser.add_argument(
        "--seconds", type=cli.positive, default=24000, help="training seconds (default 24000)"
    )
    parser.add_argument("--epochs", type=cli.positive, default=20, help="default 20")
    parser.add_argument("--learning_rate", type=float, default=3e-3, help="default 3e-3")
    parser.add_argument("--seed", type=cli.seed, default=0, help="of everything that is drawn (default 0)")
    parser.add_argument(
        "--output", type=Path, help=f"default reference_models/{STUDENT}.pth; needed for another student"
    )
    parser.add_argument("--force", action="store_true", help="replace the weights that are there")
    add_reading_options(parser)
    args = parser.parse_args()
    if args.seconds < HELD_OUT:
        parser.error(f"--seconds {args.seconds}: expected {HELD_OUT} or more, as each {HELD_OUT}th validates")
    if args.output is None and args.student != STUDENT:
        parser.error(f"--student {args.student}: say with --output where its weights go")
    args.output = args.output or REFERENCE_MODELS / f"{STUDENT}.pth"
    card = args.output.with_suffix(".json")
    if card == args.output:
        parser.error(
            f"--output {args.output}: expected weights, such as mine.pth; the card beside them is .json"
        )
    for path in (args.output, card):
        if path.exists() and not args.force:
            parser.error(f"{path} is there: --force replaces it, --output writes elsewhere")
    return args


if __name__ == "__main__":
    cli.run(main)

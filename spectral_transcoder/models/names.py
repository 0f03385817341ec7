"""Names of classifiers and transcoders, for command lines that are read before anything heavy is imported.

`classifiers.py` and `registry.py` hold the records of these names; a test compares them.
"""

from pathlib import Path

from spectral_transcoder.utils.cli import Container

EFFICIENTATS = tuple(f"EfficientAT-mn{width}" for width in ("04", "05", "10", "20", "30", "40"))
SMALL_YAMNETS = ("YamNetMobile", "MiniYamNet")
CLASSIFIER_NAMES = ("PANN", *EFFICIENTATS, "YamNet", *SMALL_YAMNETS)
PUBLISHED_CLASSIFIERS = ("PANN", "YamNet")  # those of the paper
ADDED_CLASSIFIERS = (*SMALL_YAMNETS, *EFFICIENTATS)  # those that the paper does not have
SMALLEST_CLASSIFIER = "YamNetMobile"  # of those that are downloaded
STUDENT = "MiniYamNet"  # the embedded one, which distill_classifier.py makes
TRANSCODER_NAMES = (
    *("pinv", "pinv_texture", "cnn_mels", "cnn_logits", "cnn_texture", "cnn_grid"),
    *("adapted", "student"),  # models from levels to scores
)
TRANSCODER_HELP = f"{', '.join(TRANSCODER_NAMES)} or a path (default: the best)"


def add_model_options(parser: Container) -> None:
    """Add the options that say which classifier is meant, and which transcoder stands before it."""
    parser.add_argument(
        "--classifier",
        choices=CLASSIFIER_NAMES,
        metavar="NAME",
        help="default: the best that has been downloaded",
    )
    parser.add_argument("--weights", type=Path, help="the classifier's file (default: in pretrained_models/)")
    parser.add_argument("--transcoder", help=TRANSCODER_HELP)

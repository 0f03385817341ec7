"""Export a transcoder, and the same with a classifier behind it, as ONNX files for small boards.

    python3 export_onnx.py
    python3 export_onnx.py --classifier PANN --transcoder cnn_logits --output export/onnx

Input: a classifier of pretrained_models/ (a student needs none) and a transcoder of reference_models/ (PINV needs
none).
Output: <output>/<name>_mels.onnx and <output>/<name>_scores.onnx, one second of levels in, any batch; each is
checked against torch within 1e-4 with onnxruntime; sizes and latencies are printed. Takes a minute.
"""

import argparse
from pathlib import Path

from spectral_transcoder.models.names import add_model_options
from spectral_transcoder.signal.names import add_period_option
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import refuse_foreign, refuse_overwriting
from spectral_transcoder.utils.paths import EXPORT


def main() -> None:
    """Export both files and print how they compare with torch."""
    args = parse_arguments()
    from spectral_transcoder.models.onnx_export import TOLERANCE, export_onnx, is_own_export
    from spectral_transcoder.sensors.levels import record_of_frames
    from spectral_transcoder.sensors.models import choose_models

    transcoder, classifier, which = choose_models(
        args.classifier, args.transcoder, args.weights, third_octaves=record_of_frames(args.period)
    )
    print(f"classifier: {classifier.record.name}; transcoder: {which}")
    paths = [
        args.output / f"{classifier.record.name}_{transcoder.name}_{kind}.onnx" for kind in ("mels", "scores")
    ]
    refuse_overwriting([path for path in (args.weights, args.transcoder) if path], *paths)
    refuse_foreign(paths, is_own_export)
    for path, behind in zip(paths, (None, transcoder.classifier_behind(classifier)), strict=True):
        chain = which if behind is None else f"{which}, then {classifier.record.name}"
        model = export_onnx(path, transcoder, behind, chain)
        print(
            f"written: {model.path}: {model.size_mb:.2f} MB; {model.difference:.1e} from torch, {model.relative:.1e} "
            f"of the range (at most {TOLERANCE}); {model.latency_ms:.1f} ms for a second of levels on this processor"
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    add_model_options(parser)
    add_period_option(parser)
    parser.add_argument("--output", type=Path, default=EXPORT / "onnx", help="folder (default export/onnx)")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

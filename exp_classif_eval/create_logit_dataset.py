"""Compute what classifiers make of a labelled corpus, through true Mels and through transcoded ones.

    python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name URBAN-SOUND-8K
    python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name SONYC-UST
    python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name URBAN-SOUND-8K \\
        --classifier YamNetMobile --transcoder self,pinv,mine=path/to/some_model

Input: the corpus (python3 download_datasets.py --dataset URBAN-SOUND-8K,SONYC-UST), the classifiers' weights
(python3 download_pretrained_models.py), trained transcoders in reference_models/.
Output: spectral_transcoder_data/data/<corpus>-LOGITS/: <clip>_<classifier>_<gt or transcoder>.npy of each clip,
where `gt` is the true Mels, `self`; the clips with their labels; a manifest for each kind of outputs.

The same command goes on with what was interrupted, and does nothing once all is there. Outputs made with
other weights are made again. About 45 ms of one core for a clip of 4 s that YamNetMobile scores through true Mels and
through PINV; a 64-channel CNN takes some 70 ms more for each second. Exit status: 1 if clips could not be read, which
are listed and left out, or if something asked for by name is not there.
"""

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from spectral_transcoder.datasets.names import LABELLED_CORPUS_NAMES
from spectral_transcoder.models.names import CLASSIFIER_NAMES
from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError, UsageError
from spectral_transcoder.utils.parallel import available_cores
from spectral_transcoder.utils.paths import DATASETS, REFERENCE_MODELS
from spectral_transcoder.utils.words import counted

N_SHOWN = 20  # unreadable clips that are listed; the manifests have them all


def main() -> int:
    """Compute the outputs of all pipelines that are there, and report what is missing."""
    args = parse_arguments()
    from spectral_transcoder.datasets.labelled import open_labelled_corpus
    from spectral_transcoder.evaluation.prediction_writer import create_logits
    from spectral_transcoder.evaluation.predictions import LogitFolder
    from spectral_transcoder.evaluation.tagging import find_pipelines
    from spectral_transcoder.models.engines import choose_engine

    args.device = cli.choose_device(args.device)
    corpus, audio_folder = open_labelled_corpus(args.audio_dataset_name, args.audio_dataset_path)
    engine = choose_engine(args.engine, len(corpus.files), args.device)
    pipelines, missing = find_pipelines(
        args.classifier, args.transcoder, args.models_path, args.reference_models_path
    )
    pipelines = [replace(pipeline, engine=engine, reading=reading_of(args)) for pipeline in pipelines]
    if not pipelines:
        raise MissingFileError("; ".join(missing))
    for reason in missing:
        print(f"left out: {reason}", file=sys.stderr)
    root = args.output_path or args.data_path / DATASETS
    kinds = ", ".join(f"{pipeline.classifier} on {pipeline.transcoder}" for pipeline in pipelines)
    print(
        f"{corpus.record.name}: {counted(len(corpus.files), 'clip')}, predictions by {kinds}, on {args.device}",
        flush=True,
    )

    unreadable = create_logits(corpus, audio_folder, root, pipelines, args.jobs, args.device, args.force)
    report_unreadable(unreadable)
    ending = cli.completeness(len(corpus.files) - len(unreadable), len(unreadable))
    print(f"{LogitFolder(corpus.record.name, root).folder} is {ending}")
    return 1 if unreadable or any(missing.values()) else 0


def report_unreadable(unreadable: dict[str, str]) -> None:
    """Print why clips could not be read, the first of them one by one."""
    for reason in list(unreadable.values())[:N_SHOWN]:
        print(f"error: {reason}", file=sys.stderr)
    if unreadable:
        clips = counted(len(unreadable), "clip")
        print(f"error: {clips} could not be read; the manifests list all", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "--audio_dataset_name", choices=LABELLED_CORPUS_NAMES, required=True, help="the corpus"
    )
    parser.add_argument("--audio_dataset_path", type=Path, help="its folder (default: at the root)")
    cli.add_data_path(parser)
    parser.add_argument("--output_path", type=Path, help="folder of datasets (default <data_path>/data)")
    parser.add_argument(
        "--classifier",
        type=cli.names_of(CLASSIFIER_NAMES),
        help=f"a comma list of {', '.join(CLASSIFIER_NAMES)}",
    )
    parser.add_argument(
        "--transcoder",
        type=cli.comma_list,
        help="a comma list of transcoders, and name=path of further trained ones (default: all that are here)",
    )
    cli.add_models_path(parser)
    parser.add_argument(
        "--reference_models_path", type=Path, default=REFERENCE_MODELS, help="folder of trained transcoders"
    )
    cli.add_device_option(parser)
    cli.add_engine_option(parser)
    parser.add_argument(
        "--jobs", type=cli.positive, default=available_cores(), help="processes (default here: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="make again what is there")
    add_reading_options(parser)
    args = parser.parse_args()
    names = Counter(transcoder.partition("=")[0] for transcoder in args.transcoder or ())
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UsageError(f"--transcoder: {twice[0]} is the name of several, whose outputs would mix")
    return args


if __name__ == "__main__":
    cli.run(main)

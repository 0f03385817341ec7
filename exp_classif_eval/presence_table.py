"""Which classes are present: the revised aggregation beside that of Gontier et al. (2021), against people's labels.

    python3 exp_classif_eval/presence_table.py --audio_dataset_name SONYC-UST
    python3 exp_classif_eval/presence_table.py --audio_dataset_name URBAN-SOUND-8K --transcoder self,pinv

Revised: labels are grouped into the classes first, and a class is present when it is among the 8 highest entries,
classes and left-over labels (UrbanSound8K, whose classes exclude each other: when it is the highest class).
Gontier et al.: a class is present when one of its labels is among the 3 highest of all.

Input: the class outputs that exp_classif_eval/create_logit_dataset.py wrote; the test split of SONYC-UST, or
UrbanSound8K's folds. Output: results/presence_<dataset>.csv, class by class, and .png, all classes
together. Takes seconds.
"""

import argparse
from pathlib import Path

from spectral_transcoder.datasets.names import LABELLED_CORPUS_NAMES
from spectral_transcoder.experiments.classification.options import add_options
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import MissingFileError
from spectral_transcoder.utils.files import atomic_path, refuse_foreign_table
from spectral_transcoder.utils.paths import RESULTS


def main() -> None:
    """Write the table of the outputs that are here, or of those asked for."""
    options = parse_arguments()
    from spectral_transcoder.evaluation.predictions import LogitFolder
    from spectral_transcoder.experiments.classification.presence_table import presence_table, summary
    from spectral_transcoder.experiments.engine.options import dataset_folder
    from spectral_transcoder.experiments.engine.table_pictures import draw_table
    from spectral_transcoder.utils.plotting import save

    folder = LogitFolder(options.audio_dataset_name, dataset_folder(options))
    kinds = [
        kind
        for kind in folder.kinds()
        if (not options.classifier or kind[0] in options.classifier)
        and (not options.transcoder or kind[1] in options.transcoder)
    ]
    if not kinds:
        raise MissingFileError(
            f"no such class outputs in {folder.folder}; make them with: python3 "
            f"exp_classif_eval/create_logit_dataset.py --audio_dataset_name {options.audio_dataset_name}"
        )
    folds = None if options.test_folds == "all" else options.test_folds.split("-")
    table = presence_table(folder, kinds, folds)

    path = options.output / f"presence_{options.audio_dataset_name.lower().replace('-', '')}"
    refuse_foreign_table(path.with_suffix(".csv"), table.columns[0])
    with atomic_path(path.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f")
    together = summary(table).drop(columns=["dataset", "clips"])
    title = f"Presence of classes in {options.audio_dataset_name}, {table['clips'].max()} clips, all classes together"
    cells = (
        together.map(lambda value: value if isinstance(value, str) else f"{value:.3f}").to_numpy().tolist()
    )
    save(draw_table(title, list(together.columns), cells, n_left=3), path.with_suffix(".png"))
    print(f"{title}\n{together.to_string(index=False, float_format='{:.3f}'.format)}")
    print(f"written: {path}.csv, {path}.png")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "--audio_dataset_name",
        "--dataset",
        choices=LABELLED_CORPUS_NAMES,
        default="SONYC-UST",
        help="the corpus (default SONYC-UST)",
    )
    parser.add_argument(
        "--classifier", type=cli.comma_list, help="a comma list (default: all of which there are outputs)"
    )
    parser.add_argument(
        "--transcoder", type=cli.comma_list, help="a comma list (default: all of which there are outputs)"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the table (default results)")
    cli.add_data_path(parser)
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)

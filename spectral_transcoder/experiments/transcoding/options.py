"""Options of experiment 1, read before anything heavy is imported."""

from spectral_transcoder.experiments.engine.options import add_dataset_path
from spectral_transcoder.models.names import PUBLISHED_CLASSIFIERS
from spectral_transcoder.utils.cli import Container, add_engine_option, add_models_path, positive

EXPERIMENT_TYPES = ("restricted", "detailed")
# Lightning Fabric's, less those of NVIDIA's transformer-engine, which is not among the requirements
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")


def add_options(parser: Container) -> None:
    """Add the options of experiment 1."""
    add_dataset_path(parser, "datasets")
    parser.add_argument(
        "--corpus", action="append", default=[], help="a further modality of dataset; those found are known"
    )
    add_models_path(parser)
    parser.add_argument(
        "--devices", type=positive, default=1, help="GPUs, or processes on the CPU, of one training"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="default bf16-mixed on a GPU, 32-true on a CPU"
    )
    add_engine_option(parser)


def add_selection_options(parser: Container) -> None:
    """Add the options by which launchers choose settings."""
    parser.add_argument(
        "--exp_type", choices=EXPERIMENT_TYPES, default="restricted", help="default restricted"
    )
    add_table_options(parser)


def add_table_options(parser: Container) -> None:
    """Add the options that say of which data the paper's table is."""
    parser.add_argument("--dataset", default="full", help="what was trained on (default full: all of TAU)")
    published = ",".join(PUBLISHED_CLASSIFIERS)
    parser.add_argument("--classifier", default=published, help=f"a comma list (default {published})")
    parser.add_argument("--epoch", type=int, default=200, help="epochs of training (default 200)")

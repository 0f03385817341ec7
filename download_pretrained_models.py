"""Download the pretrained models: the classifiers' weights and the published transcoders.

    python3 download_pretrained_models.py
    python3 download_pretrained_models.py --models EfficientAT-mn04
    python3 download_pretrained_models.py --models PANN,transcoders --output mypath

Input: the internet, or `--mirror` (docs/downloads.md).
Output: `pretrained_models/` (PANN ResNet38, EfficientAT, YAMNet, YAMNet mobile, EfficientNet b0 and b7) and
`reference_models/` (the published transcoders, with a card) below `--output`, verified by checksum.
Duration: about 600 MB, so a minute at 100 Mbit/s. An interrupted run goes on where it stopped.
"""

from spectral_transcoder.downloads.options import add_options
from spectral_transcoder.utils import cli


def main() -> int:
    """Fetch, list or check the chosen models."""
    parser = cli.Parser(__doc__, allow_abbrev=False)
    parser.add_argument(
        "--models",
        metavar="NAMES",
        help="PANN, EfficientAT-mn04, YamNet, YamNetMobile, effnet_b0, effnet_b7, transcoders: a comma list (all); "
        "only when named: EfficientAT-mn05, -mn10, -mn20, -mn30, -mn40",
    )
    add_options(parser)
    options = parser.parse_args()
    from spectral_transcoder.downloads import commands
    from spectral_transcoder.downloads.manifest import choose, load_manifest
    from spectral_transcoder.downloads.models import ModelFolder

    groups = choose(load_manifest(options.manifest).models, options.models, "--models")
    return commands.run([ModelFolder(group, options.output) for group in groups], options)


if __name__ == "__main__":
    cli.run(main)

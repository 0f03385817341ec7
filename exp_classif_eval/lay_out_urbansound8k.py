"""Lay out clips of UrbanSound8K that are here already as the downloader leaves them.

    python3 exp_classif_eval/lay_out_urbansound8k.py path/to/UrbanSound8K/audio my_datasets/URBAN-SOUND-8K

Input: a folder that holds some or all of fold1/ … fold10/, with clips called
<recording>-<class>-<occurrence>-<slice>, in any format. A table UrbanSound8K.csv in ../metadata/ is taken over;
without one, recording and class are read from the names.
Output: audio/<clip>.wav and metadata/UrbanSound8K_recalculated.csv, with the true durations. Clips that are wav
are linked where the disk allows it, others converted: seconds for a thousand. What is there is kept, so that folds
may come one after the other.
"""

import sys
from pathlib import Path

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.words import counted


def main() -> int:
    """Lay out the clips and say how many of each fold there are."""
    parser = cli.Parser(__doc__)
    parser.add_argument("folds", type=Path, help="the folder that holds fold1/ …, or one in which it lies")
    parser.add_argument("output", type=Path, help="the corpus's folder, URBAN-SOUND-8K")
    args = parser.parse_args()
    from spectral_transcoder.datasets.urbansound8k_layout import lay_out_urbansound8k

    laid_out = lay_out_urbansound8k(args.folds, args.output)
    for reason in laid_out.left_out.values():
        print(f"error: {reason}", file=sys.stderr)
    print(", ".join(f"fold {fold}: {counted(count, 'clip')}" for fold, count in laid_out.counts.items()))
    ending = cli.completeness(sum(laid_out.counts.values()), len(laid_out.left_out))
    print(f"{args.output} is {ending}")
    return 1 if laid_out.left_out else 0


if __name__ == "__main__":
    cli.run(main)

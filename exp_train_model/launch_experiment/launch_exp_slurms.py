"""Submit the job files of slurms_create.py to SLURM: the reference first, the others once it has succeeded.

    python3 exp_train_model/launch_experiment/launch_exp_slurms.py
    python3 exp_train_model/launch_experiment/launch_exp_slurms.py --dry-run     # the commands, without submitting
    python3 exp_train_model/launch_experiment/launch_exp_slurms.py --status      # pending, running, done, failed
    python3 exp_train_model/launch_experiment/launch_exp_slurms.py --resubmit    # what has failed, and only that

Input: jean_zay_slurm_reference.slurm and slurms/ beside this script.
Output: jobs; their ids in spectral_transcoder_data/training_experiments/train_exp/slurm/jobs.json, their logs beside.
What is done, or waits or runs already, is not submitted again. Takes seconds.
"""

import argparse
import os
import sys
from pathlib import Path

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.paths import PROJECT_ROOT


def main() -> int:
    """Submit the job files, or print the states of their settings."""
    options = parse_arguments()
    from spectral_transcoder.slurm.job_files import chosen_of, read_job_files
    from spectral_transcoder.slurm.launcher import Launcher
    from spectral_transcoder.slurm.queue import has_slurm

    files = read_job_files()
    only = chosen_of(files, options.files)
    if not has_slurm() and not options.dry_run:
        print(f"there is no SLURM on this machine; to compute here:\n{files[0].local}", file=sys.stderr)
        return 1
    os.chdir(PROJECT_ROOT)  # where relative paths of job files begin, and where jobs say they come from
    launcher = Launcher(files)
    if options.status:
        launcher.status(only)
        return 0
    return launcher.launch(only, options.resubmit, options.dry_run)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        help="job files, even failed ones (default: all new or out of date); with --status, those alone",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry_run", action="store_true", help="print the commands instead")
    what.add_argument("--status", action="store_true", help="print each chain of settings with its state")
    parser.add_argument(
        "--resubmit", action="store_true", help="submit what has failed instead of what is new"
    )
    options = parser.parse_args()
    if options.status and options.resubmit:
        parser.error("argument --resubmit: not allowed with argument --status")
    return options


if __name__ == "__main__":
    cli.run(main)

"""Write the job files by which a SLURM cluster computes experiment 1: one for each chain of settings.

    python3 exp_train_model/launch_experiment/slurms_create.py                                # the paper's table
    python3 exp_train_model/launch_experiment/slurms_create.py --exp_type detailed --array 8 --account abc@v100
    python3 exp_train_model/launch_experiment/slurms_create.py -s cnn/dataset=full+epoch=200

Input: options for the cluster, or the same in slurm.yaml beside this script (lines such as `account: abc@v100`).
Output: jean_zay_slurm_reference.slurm and slurms/*.slurm beside this script; files that are not its own are never
replaced. Then exp_train_model/launch_experiment/launch_exp_slurms.py submits them. Takes seconds.
"""

import argparse

from spectral_transcoder.experiments.transcoding.options import add_options, add_selection_options
from spectral_transcoder.slurm.cluster import add_cluster_options, cluster_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.words import counted

SELECTION = ("exp_type", "dataset", "classifier", "epoch")


def main() -> None:
    """Write the job files of a selection."""
    forwarded = argparse.ArgumentParser(add_help=False)
    cli.add_data_path(forwarded)
    add_options(forwarded)
    parser = cli.Parser(__doc__, parents=[forwarded])
    add_selection_options(parser)
    parser.add_argument("-s", "--select", help="selector of main_doce_training.py, instead of these four")
    parser.add_argument(
        "--array", type=int, nargs="?", const=0, metavar="N", help="job arrays, N chains at a time"
    )
    add_cluster_options(parser)
    options = parser.parse_args()
    from spectral_transcoder.experiments.engine.selectors import select
    from spectral_transcoder.experiments.transcoding.experiment import build_experiment
    from spectral_transcoder.experiments.transcoding.paper import selection_of
    from spectral_transcoder.slurm.job_files import in_words, write_job_files
    from spectral_transcoder.slurm.job_selection import experiment_options, job_files

    if options.array is not None and options.array < 0:
        parser.error(f"argument --array: expected 1 or more, or none for all at a time, got {options.array}")

    experiment = build_experiment(options)
    settings = select(experiment.plans, options.select or selection_of(options))
    words = experiment_options(forwarded, options)
    if options.select:
        local = ["exp_train_model/main_doce_training.py", "-c", "-s", options.select]
    else:
        local = ["exp_train_model/launch_experiment/launch_exp_py.py"]
        local += [word for name in SELECTION for word in (f"--{name}", getattr(options, name))]
    cluster = cluster_of(options)
    locally = in_words(["python3", *local, *words])
    files = job_files(experiment, settings, words, cluster, locally, options.array)
    write_job_files(files, cluster)
    for file in files:
        print(f"{len(file.settings):3} {file.path}")
    n_chains = sum(len(file.settings) for file in files)
    chains, in_files = counted(n_chains, "chain"), counted(len(files), "job file")
    print(f"{chains} of settings in {in_files}; launch_exp_slurms.py submits them")


if __name__ == "__main__":
    cli.run(main)

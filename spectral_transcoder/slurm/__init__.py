"""Experiments on a SLURM cluster: job files, their submission in order, jobs that survive their time limit.

`job_files` writes what `data/job.slurm` outlines; `bootstrap` is what a job file runs, with the system's
python; `supervisor` computes inside the job and requeues it; `launcher` submits and tells states; `queue`
speaks with SLURM.
"""

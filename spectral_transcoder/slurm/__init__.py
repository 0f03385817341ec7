"""Experiments on a SLURM cluster: job files, their submission in order, jobs that survive their time limit.

`job_selection` says which job files a selection of settings needs, `job_files` writes and reads them (their form is
`resources/job.slurm`), with the cluster's settings of `cluster`; a job file runs `bootstrap`, with the system's python;
`supervisor` computes inside the job and requeues it; `launcher` submits and shows states; `queue` asks SLURM.
"""

"""Slurm: a stage as a job of a cluster, in a sandbox on a disk that its nodes share."""

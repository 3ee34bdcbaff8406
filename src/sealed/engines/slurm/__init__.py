"""Slurm: a stage as a job of a cluster, in a room on a disk that its nodes share."""

"""Runs the stages of a DVC project in sandboxes with what dvc.yaml declares, and nothing else."""

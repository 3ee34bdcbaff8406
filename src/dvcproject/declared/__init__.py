"""What dvc.yaml declares, as DVC resolves it."""

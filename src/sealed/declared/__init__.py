"""What dvc.yaml declares, as DVC itself resolves it."""

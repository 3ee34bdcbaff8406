"""What a stage really reads, watched while it runs once, and written into dvc.yaml."""

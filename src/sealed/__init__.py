"""Sealed stages for DVC: a stage runs in a room that holds what dvc.yaml declares for it, no more.

`python -m sealed.launch NAME` runs stages/NAME.py of the project in the working directory. Nothing
here knows what the stages do.
"""

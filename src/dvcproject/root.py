"""Which folder is the project."""

from pathlib import Path

from dvcproject.errors import ProjectError


def find(start: Path) -> Path:
    """Return the nearest folder with a `.dvc`: `start`, or one above. Raises ProjectError."""
    for folder in (start, *start.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise ProjectError(f"{start}: expected a DVC project around it, found none; run `dvc init`")

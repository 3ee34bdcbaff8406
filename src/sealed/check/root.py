"""Where the project is: the nearest folder upwards that is DVC's."""

from pathlib import Path

from sealed.errors import StageError


def find(folder: Path) -> Path:
    """Return the project's root. Raises StageError where there is none."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".dvc").is_dir():
            return candidate
    raise StageError(f"{folder}: expected a DVC project here or above, found none; run `dvc init`")

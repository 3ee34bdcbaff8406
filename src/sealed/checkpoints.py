"""A folder that outlives a stage that was killed: what it keeps there, the next run finds.

Its name is a digest of all that the stage sees, so that no run finds the checkpoints of another
one. It goes when the stage succeeds. In dvc.yaml: `meta: {checkpoints: true}`.
"""

import hashlib
import shutil
from pathlib import Path

from sealed.room import Room
from sealed.stage import Stage

VARIABLE = "STAGE_CHECKPOINTS"  # the stage finds the folder's path here


def opened(stage: Stage, room: Room, image: str, root: Path) -> Path | None:
    """Return the folder for these inputs in this image, made if it is not there."""
    if not stage.checkpoints:
        return None
    digest = hashlib.sha256(image.encode())
    for path in sorted(room.given):
        with (room.path / path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"\0{path}\0{content}".encode())
    folder = _all(stage, root) / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def discard(stage: Stage, root: Path) -> None:
    """Remove the folders of a stage that has succeeded, those of other inputs too."""
    shutil.rmtree(_all(stage, root), ignore_errors=True)


def _all(stage: Stage, root: Path) -> Path:
    return root / ".dvc/tmp/checkpoints" / stage.name

"""What git and DVC's tools find in a room: nothing that could touch the user's repository.

DVC's (`dvc.api.params_show()`, dvclive) look for `.dvc` upwards: the room has one of its own, with
no git, cache or remote. dvclive also asks DVC_ROOT whether a pipeline runs it, and then saves no
experiment and stashes nothing. git is told to look no further up than the room and finds no
repository: a commit that a stage wants to note comes by `meta: {sealed: {environment: [...]}}`.
"""

from pathlib import Path

IGNORED = {".dvc", "__pycache__"}  # folders that are not the stage's to declare
CONFIG = "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"


def put(room: Path) -> None:
    """Make the room a DVC repository of its own."""
    (room / ".dvc/tmp").mkdir(parents=True)
    (room / ".dvc/config").write_text(CONFIG, encoding="utf-8")


def variables(room: str, address: str) -> dict[str, str]:
    """Return what to set for a stage that sees its room at this path."""
    above = room.rpartition("/")[0] or "/"
    return {
        "DVC_NO_ANALYTICS": "1",
        "DVC_ROOT": room,
        "DVC_STAGE": address,
        "GIT_CEILING_DIRECTORIES": above,
    }

"""What a stage asked for in vain: files that the project has, and the stage does not declare.

A stage with a default for what is missing ends with status 0 and another result, so this is told
even when it succeeded.
"""

from pathlib import Path, PurePosixPath

from sealed.violation import READ, Violation
from sealed.watch.opens import Opens, inside

PASSED_OVER = {".git", ".dvc", "__pycache__", ".venv", "pyvenv.cfg"}
REASON = "asked for in vain, and the project has it; add it to the deps"


def violations(
    opens: Opens, room: str, root: Path, stage: str, declared: tuple[str, ...]
) -> list[Violation]:
    """Return a violation for each file asked for in vain in `room`, and there in the project.

    `room` is where the stage sees it; `declared` are its deps, outs and params files. What the
    stage wrote or read in the end is none.
    """
    asked = inside(opens.missed, room) | inside(opens.missed, str(root))
    asked -= inside(opens.written, room) | inside(opens.read, room)
    return [
        Violation(READ, stage, path, REASON)
        for path in sorted(asked)
        if _is_there(root, path) and not _is_covered(path, declared)
    ]


def _is_there(root: Path, path: str) -> bool:
    return not PASSED_OVER & set(PurePosixPath(path).parts) and (root / path).is_file()


def _is_covered(path: str, declared: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(one) for one in declared)

"""What the project declares, as DVC resolves it, and which of its files git knows."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvcproject.declared import resolution
from dvcproject.errors import ProjectError
from sealed import stage
from sealed.errors import StageError
from sealed.stage import Stage


@dataclass(frozen=True)
class Project:
    """The stages of a project and what else DVC and git know of it."""

    root: Path
    stages: tuple[Stage, ...]
    outs: frozenset[str]  # of all stages and .dvc files
    imported: frozenset[str]  # of these, what .dvc files keep
    known: frozenset[str] | None  # to git, or new and not ignored; None where there is no git

    def is_kept(self, path: str) -> bool:
        """Return whether a file is source or data of the project, which git or DVC knows."""
        return self.known is None or path in self.known or covered(path, self.outs)

    def is_ignored(self, path: str) -> bool:
        """Return whether git ignores a path, which need not be there."""
        command = ["git", "check-ignore", "-q", "--", path]
        return (
            bool(self.known)
            and not subprocess.run(  # noqa: S603
                command, cwd=self.root, capture_output=True, check=False
            ).returncode
        )


def covered(path: str, declared: frozenset[str] | tuple[str, ...] | set[str]) -> bool:
    """Return whether a path is one of those declared, or lies in one."""
    if path in declared or "." in declared:
        return True
    return any(path[:end] in declared for end in range(len(path)) if path[end] == "/")


def holds(folder: str, paths: frozenset[str] | tuple[str, ...] | set[str]) -> bool:
    """Return whether one of the paths lies in a folder."""
    return folder == "." or any(path.startswith(f"{folder}/") for path in paths)


def read(root: Path) -> Project:
    """Read the project in `root`. Raises StageError with DVC's own reason in a line."""
    try:
        entries = resolution.every(root)
    except ProjectError as reason:
        raise StageError(f"DVC cannot read the project: {reason}") from None
    stages = tuple(stage.of(entry) for entry in entries if entry["name"])
    imported = _outs([entry for entry in entries if not entry["name"]])
    return Project(root, stages, _outs(entries), imported, _known(root))


def named(stages: tuple[Stage, ...], names: tuple[str, ...]) -> list[Stage]:
    """Return the stages with these names, all stages without a name. Raises StageError.

    The name of a template stands for all its stages.
    """
    for name in names:
        if not any(name in _names(stage) for stage in stages):
            known = ", ".join(stage.address for stage in stages)
            raise StageError(f"expected one of the stages {known}, found {name!r}")
    return [stage for stage in stages if not names or not _names(stage).isdisjoint(names)]


def _names(stage: Stage) -> set[str]:
    return {stage.address, stage.address.rpartition("@")[0]}


def _outs(entries: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(out["path"] for entry in entries for out in entry["outs"])


def _known(root: Path) -> frozenset[str] | None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return None
    return frozenset(os.fsdecode(done.stdout).split("\0")) if done.returncode == 0 else None

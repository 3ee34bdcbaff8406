"""What the project declares, as DVC resolves it, and which of its files are more than leavings."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealed.errors import StageError

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Declared:
    """One stage; its paths are relative to the project, those outside it are left out."""

    address: str  # `train`, `each@1`, `sub/dvc.yaml:train`
    file: str  # the dvc.yaml that declares it
    name: str  # in that file
    wdir: str
    commands: tuple[str, ...]  # each in a shell of its own, as DVC runs them
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # file -> keys; (): whole


@dataclass(frozen=True)
class Project:
    """The stages of a project and what else DVC and git know of it."""

    root: Path
    stages: tuple[Declared, ...]
    outs: frozenset[str]  # of all stages and .dvc files
    imported: frozenset[str]  # of these, what .dvc files keep
    known: frozenset[str] | None  # to git, or new and not ignored; None where there is no git

    def is_kept(self, path: str) -> bool:
        """Tell whether a file is source or data of the project: neither ignored nor a leaving."""
        return self.known is None or path in self.known or covered(path, self.outs)

    def is_ignored(self, path: str) -> bool:
        """Tell whether git ignores a path, which need not be there."""
        command = ["git", "check-ignore", "-q", "--", path]
        return (
            bool(self.known)
            and not subprocess.run(  # noqa: S603
                command, cwd=self.root, capture_output=True, check=False
            ).returncode
        )


def covered(path: str, declared: frozenset[str] | tuple[str, ...] | set[str]) -> bool:
    """Tell whether a path is one of those declared, or lies in one."""
    if path in declared or "." in declared:
        return True
    return any(path[:end] in declared for end in range(len(path)) if path[end] == "/")


def holds(folder: str, paths: frozenset[str] | tuple[str, ...] | set[str]) -> bool:
    """Tell whether one of the paths lies in a folder."""
    return folder == "." or any(path.startswith(f"{folder}/") for path in paths)


def read(root: Path) -> Project:
    """Read the project in `root`. Raises StageError with DVC's own reason in a line."""
    from dvc.repo import Repo  # noqa: PLC0415  # a third of a second

    try:
        index = Repo(str(root), config={"core": {"no_scm": True}}).index
        stages = tuple(_declared(stage, root) for stage in index.stages if stage.cmd)
        outs = _outs(index.stages, root)
        imported = _outs([stage for stage in index.stages if not stage.cmd], root)
    except Exception as error:  # whatever DVC raises is its answer
        raise StageError(f"DVC cannot read the project: {_reason(error):.400}") from None
    return Project(root, stages, outs, imported, _known(root))


def _outs(stages: list[Any], root: Path) -> frozenset[str]:
    return frozenset(_inside([out for stage in stages for out in stage.outs], root))


def _reason(error: BaseException) -> str:
    said = " ".join(str(error).split()) or repr(error)
    return f"{said} ({error.__cause__})" if error.__cause__ else said


def _declared(stage: Any, root: Path) -> Declared:
    from dvc.dependency.param import ParamsDependency  # noqa: PLC0415

    name, file = getattr(stage, "name", "") or "", _relative(stage.path, root)
    params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    return Declared(
        address=name if file == "dvc.yaml" else f"{file}:{name}" if name else file,
        file=file,
        name=name,
        wdir=_relative(stage.wdir, root),
        commands=tuple(stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines()),
        deps=_inside([dep for dep in stage.deps if dep not in params], root),
        outs=_inside(stage.outs, root) + _records(stage),
        params={_relative(dep.fs_path, root): tuple(dep.params) for dep in params},
    )


def _inside(entries: list[Any], root: Path) -> tuple[str, ...]:
    local = [_relative(entry.fs_path, root) for entry in entries if entry.protocol == "local"]
    return tuple(path for path in local if not f"{path}/".startswith("../"))


def _relative(path: str, root: Path) -> str:
    return os.path.relpath(path, root)


def _records(stage: Any) -> tuple[str, ...]:
    """Return what a stage writes for `sealed`, unknown to DVC."""
    meta = stage.meta if isinstance(stage.meta, dict) else {}
    sealed = meta.get("sealed")
    records = (sealed if isinstance(sealed, dict) else meta).get("records")
    return tuple(map(str, records)) if isinstance(records, list) else ()


def _known(root: Path) -> frozenset[str] | None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return None
    return frozenset(os.fsdecode(done.stdout).split("\0")) if done.returncode == 0 else None

"""What a stage lacked: what its last words name, what it asked for in vain, what its code reads.

All that the project has and dvc.yaml does not declare, in one run.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sealed.address import is_dvcs
from sealed.check.findings import Checker, Finding
from sealed.check.project import Project
from sealed.rooms.parameters import load
from sealed.rooms.room import Room
from sealed.stage import PARAMS, Stage
from sealed.violation import MODULE, PARAMETER, READ
from sealed.watch import audit, vain

LINES = 20
OF_DVC = "is not given to a stage: DVC takes it for no dep; `meta: {sealed: false}` unseals one"
IN_VAIN = re.compile(r"No such file|does not exist|No module named|[Cc]annot open")
LOG = "asked"  # in a room's folder
HOOK = "hook"


class Lacking(NamedTuple):
    """Files and keys of params files, each `file: key`, that a stage does not declare."""

    files: frozenset[str]
    keys: frozenset[str]

    def lines(self, stage: Stage) -> list[str]:
        """Return a line of advice for each."""
        where, add = f"{stage.name} in {stage.file}", "add it to the deps of"
        return [
            *(
                f"{path} {OF_DVC}" if is_dvcs(path) else f"{path} is not declared; {add} {where}"
                for path in sorted(self.files)
            ),
            *(
                f"{key} is not declared; add it to the params of {where}"
                for key in sorted(self.keys)
            ),
        ]


def advise(last_words: str, stage: Stage, room: Room, root: Path) -> list[str]:
    """Return a line of advice for each undeclared file and parameter of a stage that failed."""
    params = load(root / PARAMS, PARAMS) if (root / PARAMS).exists() else {}
    lines = last_words.splitlines()[-LINES:]
    files = {path for line in lines for path in _files(line, stage, room, root)}
    keys = {f"{PARAMS}: {key}" for line in lines for key in _keys(line, stage, params)}
    found = [one for one in _in_code(stage, root) if not one.hint]
    files |= {one.path for one in found if one.kind in {READ, MODULE}}
    keys |= {key for key in _told(found) if not any(key.startswith(f"{one}.") for one in keys)}
    unseen = {path for path in files if not os.path.lexists(room.path / path)}
    return Lacking(frozenset(unseen) | _in_vain(stage, room, root), frozenset(keys)).lines(stage)


def unnoticed(last_words: str, stage: Stage, room: Room, root: Path) -> Lacking:
    """Return what a stage asked for in vain and did without: its result may be another one."""
    lines = [line for line in last_words.splitlines() if IN_VAIN.search(line)]
    named = frozenset(path for line in lines for path in _files(line, stage, room, root))
    found = [one for one in _in_code(stage, root) if not one.hint]
    return Lacking(_in_vain(stage, room, root) | named, frozenset(_told(found)))


def watched(room: Room, environ: dict[str, str]) -> dict[str, str]:
    """Return the environment in which the Pythons of a stage on the host log what they open."""
    folder = room.folder / HOOK  # a copy: what the stage sees of this package may be none
    folder.mkdir(exist_ok=True)
    for file in audit.FOLDER.glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    return environ | audit.variables(environ, room.folder / LOG, folder)


def _in_vain(stage: Stage, room: Room, root: Path) -> frozenset[str]:
    opens = audit.read(room.folder / LOG)
    declared = (*stage.deps, *stage.written, *stage.params)
    found = vain.violations(opens, str(room.path), root, stage.address, declared)
    return frozenset(one.path for one in found)


def _in_code(stage: Stage, root: Path) -> list[Finding]:
    """Return what `sealed check` says of the stage."""
    project = Project(root, (stage,), frozenset(stage.outs), frozenset(), None)
    return Checker(project).findings(stage)


def _told(found: list[Finding]) -> set[str]:
    return {f"{one.path}: {'.'.join(one.keys)}" for one in found if one.kind == PARAMETER}


def _files(line: str, stage: Stage, room: Room, root: Path) -> Iterator[str]:
    candidates = re.findall(r"[^\s'\"(),:]+", line)
    for module in _modules(line):
        for folder in ("src", ".", stage.wdir, str(Path(stage.script).parent)):
            base = f"{folder}/{module.replace('.', '/')}"
            candidates += [f"{base}.py", f"{base}/__init__.py"]
            candidates += _without_init(root, base)
    for candidate in candidates:
        path = os.path.normpath(candidate.removeprefix(f"{room.path}/"))
        for place in {path, os.path.normpath(f"{stage.wdir}/{path}")}:
            inside = not place.startswith("/") and place.split("/")[0] != ".."
            # os.path's: a word may be longer than a name can be, and is no file then
            if inside and os.path.isfile(root / place) and not os.path.exists(room.path / place):  # noqa: PTH110, PTH113
                yield place


def _without_init(root: Path, base: str) -> list[str]:
    """Return the modules of a package that has no __init__.py."""
    folder = root / base
    try:
        found = [] if (folder / "__init__.py").exists() else sorted(folder.glob("*.py"))
    except OSError:  # a name that is longer than one can be
        return []
    return [str(path.relative_to(root)) for path in found]


def _modules(line: str) -> list[str]:
    missing = re.findall(r"No module named '([\w.]+)'", line)
    names = re.findall(r"cannot import name '(\w+)' from '([\w.]+)'", line)
    return missing + [f"{package}.{name}" for name, package in names]


def _keys(line: str, stage: Stage, params: dict[str, Any]) -> Iterator[str]:
    """Yield the undeclared keys that a KeyError or a message about params.yaml names."""
    if PARAMS not in line and "KeyError" not in line:
        return
    words = {word.strip(".") for word in re.findall(r"[\w.]+", line)}
    for section, values in params.items():
        declared = {key for key in stage.params.get(PARAMS, ()) if key.split(".")[0] == section}
        if section in declared:
            continue
        if not declared and section in words:
            yield section
        for key in values if isinstance(values, dict) and declared else ():
            if f"{section}.{key}" not in declared and words & {key, f"{section}.{key}"}:
                yield f"{section}.{key}"

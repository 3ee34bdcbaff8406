"""What a stage lacked: what its last words name, what it asked for in vain, what its code reads.

All that the project has and dvc.yaml does not declare, in one run.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dvcproject.address import is_dvcs
from dvcproject.params import load
from sealed.check.findings import Checker
from sealed.check.project import Project, covered
from sealed.rooms.room import Room
from sealed.stage import PARAMS, Stage
from sealed.violation import MODULE, PARAMETER, READ, Finding
from sealed.watch import audit, vain

LINES = 20
OF_DVC = "is not given to a stage: DVC takes it for no dep; `meta: {sealed: false}` unseals one"
IN_VAIN = re.compile(r"No such file|does not exist|No module named|[Cc]annot open")


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

    def findings(self, code: list[Finding]) -> list[Finding]:
        """Return each as data; what `code` says of it is taken from there."""
        known = {(one.path, one.keys): one for one in code}
        keys = [key.partition(": ") for key in sorted(self.keys)]
        wanted: list[tuple[str, tuple[str, ...]]] = [(path, ()) for path in sorted(self.files)]
        wanted += [(file, tuple(key.split("."))) for file, _, key in keys]
        return [known.get(one, _finding(*one)) for one in wanted]


def _finding(path: str, keys: tuple[str, ...]) -> Finding:
    if keys:
        return Finding(PARAMETER, path, "asked for in vain; add it to the params", keys=keys)
    return Finding(READ, path, "asked for in vain, and the project has it; add it to the deps")


def advise(last_words: str, stage: Stage, room: Room, root: Path, code: list[Finding]) -> Lacking:
    """Return the undeclared files and parameters of a stage that failed; `code`: see `in_code`."""
    params = load(root / PARAMS, PARAMS) if (root / PARAMS).exists() else {}
    lines = last_words.splitlines()[-LINES:]
    files = {path for line in lines for path in _files(line, stage, room, root)}
    keys = {f"{PARAMS}: {key}" for line in lines for key in _keys(line, stage, params)}
    files |= {one.path for one in code if one.kind in {READ, MODULE}}
    keys |= {key for key in _told(code) if not any(key.startswith(f"{one}.") for one in keys)}
    given = (*stage.deps, *stage.params)
    unseen = {path for path in files if not os.path.lexists(room.path / path)}
    unseen = {path for path in unseen if not covered(path, given)}
    return Lacking(frozenset(unseen) | _in_vain(stage, room, root), frozenset(keys))


def unnoticed(
    last_words: str, stage: Stage, room: Room, root: Path, code: list[Finding]
) -> Lacking:
    """Return what a stage asked for in vain and did without: its result may be another one."""
    lines = [line for line in last_words.splitlines() if IN_VAIN.search(line)]
    named = frozenset(path for line in lines for path in _files(line, stage, room, root))
    return Lacking(_in_vain(stage, room, root) | named, frozenset(_told(code)))


def _in_vain(stage: Stage, room: Room, root: Path) -> frozenset[str]:
    """Return the files of the project that a stage's Pythons did not find in the room."""
    declared = (*stage.deps, *stage.written, *stage.params)
    return frozenset(vain.files(audit.read(room.log), room.places, root, declared))


def in_code(stage: Stage, root: Path) -> list[Finding]:
    """Return what `sealed check` says of the stage, less hints; nothing where it cannot look."""
    outs = frozenset(stage.outs)
    try:
        checker = Checker(Project(root, (stage,), outs, frozenset(), None))
        return [one for one in checker.findings(stage) if not one.hint]
    except (OSError, RecursionError):
        return []


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
        base = next((seen for seen in room.places if candidate.startswith(f"{seen}/")), "")
        path = os.path.normpath(candidate.removeprefix(f"{base}/" if base else ""))
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

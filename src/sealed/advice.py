"""Why did a stage fail? What its last words name, the project has and dvc.yaml does not declare."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sealed.rooms.parameters import load
from sealed.rooms.room import Room
from sealed.stage import PARAMS, Stage

LINES = 20


def advise(last_words: str, stage: Stage, room: Room, root: Path) -> list[str]:
    """Return a line of advice for each undeclared file and parameter that `last_words` names."""
    params = load(root / PARAMS, PARAMS) if (root / PARAMS).exists() else {}
    lines = last_words.splitlines()[-LINES:]
    files = {path for line in lines for path in _files(line, stage, room, root)}
    keys = {key for line in lines for key in _keys(line, stage, params)}
    where = f"{stage.name} in {stage.file}"
    return [
        *(f"{path} is not declared; add it to the deps of {where}" for path in sorted(files)),
        *(
            f"{PARAMS}: {key} is not declared; add it to the params of {where}"
            for key in sorted(keys)
        ),
    ]


def _files(line: str, stage: Stage, room: Room, root: Path) -> Iterator[str]:
    candidates = re.findall(r"[^\s'\"(),:]+", line)
    for module in _modules(line):
        for folder in ("src", str(Path(stage.script).parent)):
            base = f"{folder}/{module.replace('.', '/')}"
            candidates += [f"{base}.py", f"{base}/__init__.py"]
    for path in candidates:
        inside = not path.startswith("/") and ".." not in path
        # os.path's: a word may be longer than a name can be, and is no file then
        if inside and os.path.isfile(root / path) and not os.path.exists(room.path / path):  # noqa: PTH110, PTH113
            yield path


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

"""What a stage lacks: files and params that the project has and dvc.yaml does not declare.

They are those that its last output names, that it looked for and that its code reads.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dvcproject.address import is_dvcs
from dvcproject.params import load
from sealed.findings.checker import Checker
from sealed.findings.project import Project, covered
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import PARAMS, Stage
from sealed.violation import MODULE, PARAMETER, READ, Finding
from sealed.watch import audit, missed_files

LINES = 20
OF_DVC = "is not given to a stage: DVC takes it for no dep; `meta: {sealed: false}` unseals one"
NO_SUCH_FILE = re.compile(r"No such file|does not exist|No module named|[Cc]annot open")


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
        known = {(each.path, each.keys): each for each in code}
        keys = [key.partition(": ") for key in sorted(self.keys)]
        wanted: list[tuple[str, tuple[str, ...]]] = [(path, ()) for path in sorted(self.files)]
        wanted += [(file, tuple(key.split("."))) for file, _, key in keys]
        return [known.get(each, _finding(*each)) for each in wanted]


def _finding(path: str, keys: tuple[str, ...]) -> Finding:
    if keys:
        reason = "the stage looked for it and did not find it; add it to the params"
        return Finding(PARAMETER, path, reason, keys=keys)
    reason = "the stage looked for it and did not find it; the project has it; add it to the deps"
    return Finding(READ, path, reason)


def advise(
    last_words: str, stage: Stage, sandbox: Sandbox, root: Path, code: list[Finding]
) -> Lacking:
    """Return the undeclared files and parameters of a stage that failed; `code`: see `in_code`."""
    params = load(root / PARAMS, PARAMS) if (root / PARAMS).exists() else {}
    lines = last_words.splitlines()[-LINES:]
    files = {path for line in lines for path in _files(line, stage, sandbox, root)}
    keys = {f"{PARAMS}: {key}" for line in lines for key in _keys(line, stage, params)}
    files |= {each.path for each in code if each.kind in {READ, MODULE}}
    keys |= {key for key in _params(code) if not any(key.startswith(f"{k}.") for k in keys)}
    declared = (*stage.deps, *stage.params)
    absent = {path for path in files if not os.path.lexists(sandbox.path / path)}
    absent = {path for path in absent if not covered(path, declared)}
    return Lacking(frozenset(absent) | _missed(stage, sandbox, root), frozenset(keys))


def unnoticed(
    last_words: str, stage: Stage, sandbox: Sandbox, root: Path, code: list[Finding]
) -> Lacking:
    """Return what a stage that succeeded did not find: with it, its result may differ."""
    lines = [line for line in last_words.splitlines() if NO_SUCH_FILE.search(line)]
    named = frozenset(path for line in lines for path in _files(line, stage, sandbox, root))
    return Lacking(_missed(stage, sandbox, root) | named, frozenset(_params(code)))


def _missed(stage: Stage, sandbox: Sandbox, root: Path) -> frozenset[str]:
    """Return the files of the project that a stage's Pythons did not find in the sandbox."""
    declared = (*stage.deps, *stage.written, *stage.params)
    return frozenset(missed_files.files(audit.read(sandbox.log), sandbox.places, root, declared))


def in_code(stage: Stage, root: Path) -> list[Finding]:
    """Return what `sealed check` reports of the stage, without hints; nothing if it cannot."""
    outs = frozenset(stage.outs)
    try:
        checker = Checker(Project(root, (stage,), outs, frozenset(), None))
        return [each for each in checker.findings(stage) if not each.hint]
    except (OSError, RecursionError):
        return []


def _params(code: list[Finding]) -> set[str]:
    return {f"{each.path}: {'.'.join(each.keys)}" for each in code if each.kind == PARAMETER}


def _files(line: str, stage: Stage, sandbox: Sandbox, root: Path) -> Iterator[str]:
    candidates = re.findall(r"[^\s'\"(),:]+", line)
    for module in _modules(line):
        for folder in ("src", ".", stage.wdir, str(Path(stage.script).parent)):
            base = f"{folder}/{module.replace('.', '/')}"
            candidates += [f"{base}.py", f"{base}/__init__.py"]
            candidates += _without_init(root, base)
    for candidate in candidates:
        base = next((seen for seen in sandbox.places if candidate.startswith(f"{seen}/")), "")
        path = os.path.normpath(candidate.removeprefix(f"{base}/" if base else ""))
        for place in {path, os.path.normpath(f"{stage.wdir}/{path}")}:
            inside = not place.startswith("/") and place.split("/")[0] != ".."
            # os.path's: a word may be longer than a name can be, and is no file then
            if inside and os.path.isfile(root / place) and not os.path.exists(sandbox.path / place):  # noqa: PTH110, PTH113
                yield place


def _without_init(root: Path, base: str) -> list[str]:
    """Return the modules of a package that has no __init__.py."""
    folder = root / base
    try:
        modules = [] if (folder / "__init__.py").exists() else sorted(folder.glob("*.py"))
    except OSError:  # a name that is longer than a file system allows
        return []
    return [str(path.relative_to(root)) for path in modules]


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

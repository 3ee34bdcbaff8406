"""The violations of a project's stages, found without running one."""

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from dvcproject import document
from dvcproject.address import is_dvcs
from sealed import settings
from sealed.findings import closure, command, roots
from sealed.findings.closure import Search
from sealed.findings.programs import Named
from sealed.findings.project import Project, covered, holds
from sealed.findings.reads import Read, reads
from sealed.findings.run_cache import ignored_params
from sealed.findings.source import is_dynamic, is_empty
from sealed.stage import PARAMS, Stage
from sealed.violation import (
    DEP_MISSING,
    DEP_UNUSED,
    MODULE,
    PARAMETER,
    READ,
    SETTING,
    UNSEEN,
    Finding,
)

LEAVINGS = (".gitignore", ".gitkeep", ".dvc")  # of which a folder without inputs may consist


class Checker:
    """Looks at the stages of one project; what they share is read once."""

    def __init__(self, project: Project) -> None:
        """Keep the project."""
        self.project = project

    @cached_property
    def installed(self) -> tuple[str, ...]:
        """Folders from which an editable install imports."""
        return roots.installed(self.project.root)

    @cached_property
    def required(self) -> frozenset[str]:
        """Words of the project's requirements."""
        return roots.required(self.project.root)

    def findings(self, stage: Stage) -> list[Finding]:
        """Return what is wrong with a stage, without duplicates."""
        names = [name for line in stage.commands for name in command.named(line, stage.wdir)]
        ran: dict[str, Named] = {}  # file -> the name on the command line that runs it
        hidden = False
        for name in names:
            files = self._code(name)
            hidden = hidden or (name.is_module and not files)
            for file in files:
                ran.setdefault(file, name)
        findings = [
            *self._named(stage, names),
            *self._modules(stage, names, ran),
            *self._read(stage, names, ran),
            *self._missing(stage),
            *self._ignored_params(stage),
            *_misplaced(stage),
        ]
        if ran and not hidden and not any(is_dynamic(self.project.root / file) for file in ran):
            findings += self._unused(stage, names, ran)
        first = {(each.kind, each.path, each.keys): each for each in findings[::-1]}
        return list(first.values())[::-1]

    def _code(self, name: Named) -> tuple[str, ...]:
        """Return the files of the Python code that a name on the command line runs."""
        if not (name.is_script or name.is_module) or _leaves(name.path):
            return ()
        if name.is_script and not self._is_file(name.path):
            return ()
        beside = name.is_script and not name.path.endswith(".ipynb")
        first = os.path.dirname(name.path) or "." if beside else name.cwd  # noqa: PTH120
        search = Search(
            root=self.project.root,
            folders=tuple(dict.fromkeys([first, *name.python_path, *self.installed])),
            perhaps=(name.cwd, ".", "src"),
            elsewhere=self.required,
        )
        if name.is_script:
            return closure.script(name.path, search)
        return closure.module(name.path, search)

    def _named(self, stage: Stage, names: list[Named]) -> Iterator[Finding]:
        """Yield the files that the command line names and nobody declares."""
        for name in names:
            if name.is_module or self._is_declared(name.path, stage):
                continue
            if self._is_missed(name.path, stage):
                sure = name.is_script or self._is_input(name.path)
                add = "add it to the deps" if sure else "a dep if it is read, an out if written"
                reason = f"the command names it (`{name.text}`); {add}"
                yield Finding(READ, name.path, reason, hint=not sure)
            elif self._is_folder_of_inputs(name.path, stage):
                reason = f"the command names this folder (`{name.text}`); add it to the deps"
                yield Finding(READ, name.path, reason)

    def _is_declared(self, path: str, stage: Stage) -> bool:
        """Return whether a stage declares a path, as what it reads or writes, whole or in part."""
        declared = {*stage.deps, *stage.written, *stage.params}
        return _leaves(path) or covered(path, declared) or holds(path, declared)

    def _is_file(self, path: str) -> bool:
        return not _leaves(path) and (self.project.root / path).is_file()

    def _is_made(self, path: str) -> bool:
        """Return whether DVC makes or keeps a path, which may not be here now."""
        return not _leaves(path) and covered(path, self.project.outs)

    def _is_missed(self, path: str, stage: Stage) -> bool:
        """Return whether a path is a file of the project that the stage does not declare."""
        exists = self._is_file(path) or self._is_made(path)
        return exists and not is_dvcs(path) and not self._is_declared(path, stage)

    def _is_input(self, path: str) -> bool:
        """Return whether a file is certainly an input, not an undeclared result."""
        if covered(path, self.project.outs):
            return True
        folder = os.path.dirname(path)  # noqa: PTH120
        among_outs = bool(folder) and holds(folder, self.project.outs - self.project.imported)
        return self.project.is_kept(path) and not among_outs

    def _is_folder_of_inputs(self, path: str, stage: Stage) -> bool:
        if path == stage.wdir or not (self.project.root / path).is_dir():
            return False
        plain = (name for name in self._inside(path) if not name.endswith(LEAVINGS))
        return any(plain) or holds(path, self.project.outs)

    def _inside(self, folder: str) -> Iterator[str]:
        """Yield the files of a folder that git knows; where there is no git, all of them."""
        if self.project.known is not None:
            yield from (known for known in self.project.known if known.startswith(f"{folder}/"))
        else:
            yield from (
                str(file) for file in (self.project.root / folder).rglob("*") if file.is_file()
            )

    def _modules(
        self, stage: Stage, names: list[Named], ran: dict[str, Named]
    ) -> Iterator[Finding]:
        """Yield the files that are imported, or run as a module, and not declared."""
        scripts = {name.path for name in names if name.is_script}
        for path, name in sorted(ran.items()):
            # an empty __init__.py decides nothing; once it does something, it is told
            empty = path.endswith("__init__.py") and is_empty(self.project.root / path)
            if path not in scripts and not empty and not covered(path, stage.deps):
                reason = f"`{name.text}` imports it; add it to the deps"
                yield Finding(MODULE, path, reason)

    def _read(self, stage: Stage, names: list[Named], ran: dict[str, Named]) -> Iterator[Finding]:
        """Yield the files and keys that the code says that it reads and that nobody declares."""
        scripts = {name.path for name in names if name.is_script}
        for file, name in sorted(ran.items()):
            every = reads(self.project.root / file)
            keyed = {read.path for read in every if read.keys}
            for read in every:
                path = os.path.normpath(os.path.join(name.cwd, read.path))  # noqa: PTH118
                hint = read.maybe or not (read.certain or file in scripts)
                if read.keys:
                    yield from self._key(stage, path, read, f"{file}:{read.line}", hint=hint)
                elif read.path not in keyed and self._is_missed(path, stage):
                    reason = f"{file}:{read.line} reads it; add it to the deps"
                    hint = hint or not self.project.is_kept(path)
                    yield Finding(READ, path, reason, hint=hint)

    def _key(
        self, stage: Stage, path: str, read: Read, where: str, *, hint: bool
    ) -> Iterator[Finding]:
        """Yield the key of a params file, where it is in it and not declared."""
        declared = stage.params.get(path)
        whole = declared is not None and not declared
        if whole or covered(path, stage.deps) or covered(path, stage.written):
            return
        keys = _existing(read.keys, self._values(path))
        if keys and not any(_overlap(keys, tuple(key.split("."))) for key in declared or ()):
            reason = f"{where} reads it; add it to the params"
            yield Finding(PARAMETER, path, reason, hint=hint, keys=keys)

    def _values(self, path: str) -> Any:
        file = self.project.root / path
        if not self._is_file(path) or file.suffix not in {".yaml", ".yml", ".json"}:
            return None
        try:
            return document.load(file)  # JSON is YAML
        except (OSError, ValueError):
            return None

    def _missing(self, stage: Stage) -> Iterator[Finding]:
        """Yield the deps that are not there, and that no stage makes and no .dvc file keeps."""
        known = self.project.known or frozenset()
        for dep in stage.deps:
            is_out = covered(dep, self.project.outs) or holds(dep, self.project.outs)
            if is_out or os.path.lexists(self.project.root / dep):
                continue
            reason = "it is not there and no stage makes it; correct its name, or delete it"
            hint = self.project.is_ignored(dep)  # to be fetched by hand, maybe
            if holds(dep, known) or dep in known:  # a checkout of some files, maybe
                hint, reason = True, f"git has it, and it is not here; `git checkout -- {dep}`"
            yield Finding(DEP_MISSING, dep, reason, hint=hint)
        for path in stage.params:
            is_out = covered(path, self.project.outs)
            if path != PARAMS and not is_out and not self._is_file(path):
                yield Finding(DEP_MISSING, path, "this params file is not there; correct its name")

    def _ignored_params(self, stage: Stage) -> Iterator[Finding]:
        """Yield the params that DVC's run cache ignores."""
        if not (stage.deps and stage.outs) or stage.persistent or stage.outside or stage.remote:
            return  # DVC keeps no runs of it
        hint = stage.cached != stage.outs  # with a plain out neither, with a plain metric it does
        for path, declared in stage.params.items():
            for keys in ignored_params(self._values(path), declared):
                reason = (
                    f"DVC's run cache passes over a key called `{keys[-1]}` and gives back the "
                )
                repair = "declare it by its whole name" if keys[1:] else "call it otherwise"
                reason += f"outs of another value; {repair}"
                yield Finding(UNSEEN, path, reason, hint=hint, keys=keys)

    def _unused(self, stage: Stage, names: list[Named], ran: dict[str, Named]) -> Iterator[Finding]:
        """Yield the Python files among the deps that the command does not seem to run."""
        used = {*ran, *(name.path for name in names)}
        for dep in stage.deps:
            if dep.endswith(".py") and self._is_file(dep) and dep not in used:
                reason = "neither the command nor what it imports seems to use it"
                yield Finding(DEP_UNUSED, dep, reason, hint=True)


def _misplaced(stage: Stage) -> Iterator[Finding]:
    """Yield our settings that stand in `meta` itself; they may be those of another tool."""
    for key in stage.misplaced:
        reason = settings.explained(key)
        yield Finding(SETTING, stage.file, reason, hint=True, keys=("meta", key))


def _leaves(path: str) -> bool:
    return path.startswith("/") or path.split("/", maxsplit=1)[0] == ".."


def _overlap(read: tuple[str, ...], declared: tuple[str, ...]) -> bool:
    """Return whether one of two keys contains the other."""
    return all(a == b for a, b in zip(read, declared, strict=False))


def _existing(keys: tuple[str, ...], values: Any) -> tuple[str, ...]:
    """Return the keys as far as the values contain them."""
    existing = []
    for key in keys:
        if not isinstance(values, dict) or key not in values:
            break
        existing.append(key)
        values = values[key]
    return tuple(existing)

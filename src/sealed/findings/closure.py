"""Which files of the project a Python script or module imports, packages and all."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sealed.findings.source import Import, imports

PURE = PurePosixPath


@dataclass(frozen=True)
class Search:
    """Where modules are looked for, relative to the project."""

    root: Path
    folders: tuple[str, ...]  # in Python's order, as far as they are certain
    perhaps: tuple[str, ...]  # on somebody's path: for what comes from nowhere else
    elsewhere: frozenset[str]  # what the project gets from elsewhere

    def module(self, name: str) -> list[str]:
        """Return the files of `name` and of the packages that it is in; [] where it is not here."""
        for folder in self.folders:
            if found := self.within(folder, name.split(".")):
                return found
        top = name.split(".", maxsplit=1)[0]
        if top in sys.stdlib_module_names or top.lower() in self.elsewhere:
            return []
        for folder in self.perhaps:
            if found := self.within(folder, name.split(".")):
                return found
        return []

    def within(self, folder: str, parts: list[str]) -> list[str]:
        """Return the files of a module below a folder, as far as they are there."""
        found: list[str] = []
        place = PURE(folder)
        for part in parts:
            package, module = place / part / "__init__.py", place / f"{part}.py"
            if self._is_file(package):
                found.append(str(package))
            elif self._is_file(module):
                return [*found, str(module)]
            elif not (self.root / place / part).is_dir():  # a package may have no __init__.py
                return found  # a name in the package, or nothing of ours
            place = place / part
        return found

    def _is_file(self, path: PURE) -> bool:
        return (self.root / path).is_file()


def script(path: str, search: Search) -> tuple[str, ...]:
    """Return a script and all files that it imports."""
    return _closed([path], search)


def module(name: str, search: Search) -> tuple[str, ...]:
    """Return the files of `python -m name` and all that they import; () where it is not here."""
    files = search.module(name)
    for folder in search.folders:
        if main := search.within(folder, [*name.split("."), "__main__"]):
            files = main
            break
    named = name.rsplit(".", maxsplit=1)[-1]
    if not files or PURE(files[-1]).stem not in {named, "__init__", "__main__"}:
        return ()
    return _closed(files, search)


def _closed(todo: list[str], search: Search) -> tuple[str, ...]:
    found: dict[str, None] = {}
    todo = list(todo)
    while todo:
        path = todo.pop()
        if path not in found:
            found[path] = None
            for entry in imports(search.root / path):
                todo += _files(entry, path, search)
    return tuple(found)


def _files(entry: Import, importer: str, search: Search) -> Iterator[str]:
    if entry.dots:
        folder = PURE(importer).parent
        for _ in range(entry.dots - 1):
            folder = folder.parent
        parts = entry.module.split(".") if entry.module else []
        own = search.within(str(folder.parent), [folder.name]) if folder.name else []
        yield from own
        for name in entry.names or ("",):
            yield from search.within(str(folder), [*parts, name] if name else parts)
        return
    yield from search.module(entry.module)
    for name in entry.names:
        if name != "*":
            yield from search.module(f"{entry.module}.{name}")

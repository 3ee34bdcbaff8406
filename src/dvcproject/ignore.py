"""What DVC leaves out: the patterns of .dvcignore files, as in .gitignore."""

import posixpath
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from dvcproject.errors import ProjectError

NAME = ".dvcignore"
Patterns = tuple[str, Any]  # the folder of a .dvcignore, relative to the project; its patterns


def patterns(content: bytes, name: str) -> Any:
    """Return the patterns of a .dvcignore called `name`; None where it has none.

    Raises ProjectError where it is no text of patterns.
    """
    try:
        lines = content.decode().splitlines()
        if not any(line.strip() and not line.startswith("#") for line in lines):
            return None
        from pathspec import GitIgnoreSpec  # noqa: PLC0415  # 20 ms, and some for each path

        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:  # not UTF-8, or no pattern
        raise ProjectError(f"{name}: expected patterns as in .gitignore, found {error}") from None


def hides(found: Iterable[Patterns], path: str) -> bool:
    """Tell whether patterns, the nearest first, name a path; a folder's ends with `/`."""
    for folder, spec in found:
        included = spec.check_file(path[len(folder) + 1 :] if folder else path).include
        if included is not None:
            return bool(included)
    return False


def ignored(read: Callable[[str], bytes | None]) -> Callable[[str], bool]:
    """Return a function that tells whether a .dvcignore above a path names it.

    `read` returns the content of a file of the project, None where there is none.
    """

    @cache
    def of(folder: str) -> Any:
        name = posixpath.join(folder, NAME)
        content = read(name)
        return None if content is None else patterns(content, name)

    def is_ignored(path: str) -> bool:
        parts = path.split("/")
        above = ["/".join(parts[:depth]) for depth in range(len(parts))]
        found = [(folder, spec) for folder in above[::-1] if (spec := of(folder)) is not None]
        prefixes = [f"{folder}/" for folder in above[1:]] if found else []
        return any(
            hides([(f, spec) for f, spec in found if holds(f, prefix)], prefix)
            for prefix in [*prefixes, path]
        )

    def holds(folder: str, path: str) -> bool:
        return not folder or path.removesuffix("/").startswith(f"{folder}/")

    return is_ignored
